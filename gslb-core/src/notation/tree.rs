//! The located tree, independent of its notation.

use std::borrow::Cow;

/// Maximum depth of tables and arrays; policies need two levels per nesting, everything else fewer than ten in all.
pub(super) const MAX_DEPTH: usize = 64;

/// A position in the document's text; line and column start at 1. JSON is read as values, not as text, so the line is
/// 0, and the column is the value's index in document order.
///
/// A document has as many positions as keys and values, so a position is packed into 8 octets: 10 bits for the file, 27
/// for the line, and 27 for the column. Greater numbers become the greatest one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position(u64);

impl Position {
    const FILE_BITS: u32 = 10;
    const NUMBER_BITS: u32 = 27;

    /// A position in the file with the index `file`, in reading order.
    pub fn new(file: u16, line: u32, column: u32) -> Position {
        let capped = |number: u32, bits: u32| u64::from(number).min((1 << bits) - 1);
        let (file, line) = (capped(file.into(), Self::FILE_BITS), capped(line, Self::NUMBER_BITS));
        Position((file << Self::NUMBER_BITS | line) << Self::NUMBER_BITS | capped(column, Self::NUMBER_BITS))
    }

    /// Index of the file, in reading order.
    pub fn file(self) -> u16 {
        (self.0 >> (2 * Self::NUMBER_BITS)) as u16
    }

    /// Line; 0 in JSON.
    pub fn line(self) -> u32 {
        (self.0 >> Self::NUMBER_BITS) as u32 & ((1 << Self::NUMBER_BITS) - 1)
    }

    /// Column in characters; in JSON, the value's index.
    pub fn column(self) -> u32 {
        self.0 as u32 & ((1 << Self::NUMBER_BITS) - 1)
    }
}

/// A value and its start. Text without escapes is borrowed from the document.
#[derive(Debug)]
pub struct Node<'t> {
    /// The value.
    pub value: Value<'t>,
    /// Where it starts.
    pub at: Position,
}

/// A value of TOML or JSON.
#[derive(Debug)]
pub enum Value<'t> {
    /// JSON null, which no key accepts.
    Null,
    /// A string.
    String(Cow<'t, str>),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// True or false.
    Boolean(bool),
    /// A TOML date or time, which no key accepts; kept for the error message.
    Moment(Box<str>),
    /// A table or a JSON object.
    Table(Table<'t>),
    /// An array.
    Array(Box<[Node<'t>]>),
}

/// Entries with distinct keys, in written order.
#[derive(Debug, Default)]
pub struct Table<'t> {
    /// The entries.
    pub entries: Box<[Entry<'t>]>,
}

/// A key, its position, and its value.
#[derive(Debug)]
pub struct Entry<'t> {
    /// The key.
    pub key: Cow<'t, str>,
    /// Where the key starts.
    pub at: Position,
    /// The value.
    pub node: Node<'t>,
}

impl<'t> Table<'t> {
    /// The entry of `key`. Linear: for tables with a fixed set of keys, not for sections.
    pub fn get(&self, key: &str) -> Option<&Entry<'t>> {
        self.entries.iter().find(|entry| &*entry.key == key)
    }

    /// The same table without the text that it was read from.
    pub(crate) fn into_owned(self) -> Table<'static> {
        let owned = |Entry { key, at, node }: Entry<'t>| Entry {
            key: Cow::Owned(key.into_owned()),
            at,
            node: node.into_owned(),
        };
        Table { entries: self.entries.into_iter().map(owned).collect() }
    }
}

impl<'t> Node<'t> {
    fn into_owned(self) -> Node<'static> {
        let value = match self.value {
            Value::Null => Value::Null,
            Value::String(text) => Value::String(Cow::Owned(text.into_owned())),
            Value::Integer(number) => Value::Integer(number),
            Value::Float(number) => Value::Float(number),
            Value::Boolean(truth) => Value::Boolean(truth),
            Value::Moment(moment) => Value::Moment(moment),
            Value::Table(table) => Value::Table(table.into_owned()),
            Value::Array(items) => Value::Array(items.into_iter().map(Node::into_owned).collect()),
        };
        Node { value, at: self.at }
    }

    /// Describes the value, for "found ...".
    pub fn describe(&self) -> String {
        match &self.value {
            Value::Null => "null".to_owned(),
            Value::String(text) => format!("string {}", shortened(text)),
            Value::Integer(number) => format!("integer {number}"),
            Value::Float(number) => format!("number {number:?}"),
            Value::Boolean(truth) => format!("boolean {truth}"),
            Value::Moment(moment) => format!("the date or time {moment}"),
            Value::Table(_) => "a table".to_owned(),
            Value::Array(_) => "an array".to_owned(),
        }
    }
}

/// `text` in quotes, truncated so that it does not drown the message.
pub fn shortened(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{:?}...", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_packed_and_sorts_by_file_line_and_column() {
        let parts = |at: Position| (at.file(), at.line(), at.column());
        let all = [(0, 0, 1), (0, 0, u32::MAX >> 5), (0, 1, 1), (0, 70_000_000, 2), (1000, 1, 1)];
        let mut before = Position::new(0, 0, 0);
        for (file, line, column) in all {
            let at = Position::new(file, line, column);
            assert_eq!(parts(at), (file, line, column));
            assert!(before < at);
            before = at;
        }
        assert_eq!(parts(Position::new(u16::MAX, u32::MAX, u32::MAX)), (1023, (1 << 27) - 1, (1 << 27) - 1));
        assert!(size_of::<Entry<'_>>() <= 64, "a document has as many as keys");
    }
}
