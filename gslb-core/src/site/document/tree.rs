//! The document as a located tree, independent of its notation.

/// Maximum depth of tables and arrays; policies need two levels per nesting, everything else fewer than ten in all.
pub(super) const MAX_DEPTH: usize = 64;

/// A position in the document's text; line and column start at 1. JSON is read as values, not as text, so the line is
/// 0, and the column is the value's index in document order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Position {
    /// Index of the file, in reading order.
    pub(super) file: u16,
    pub(super) line: u32,
    pub(super) column: u32,
}

/// A value and its start.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) at: Position,
}

#[derive(Debug)]
pub(super) enum Value {
    /// JSON null, which no key accepts.
    Null,
    String(Box<str>),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    /// A TOML date or time, which no key accepts; kept for the error message.
    Moment(Box<str>),
    Table(Table),
    Array(Box<[Node]>),
}

/// Entries with distinct keys, in written order.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) entries: Box<[Entry]>,
}

/// A key, its position, and its value.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: Box<str>,
    pub(super) at: Position,
    pub(super) node: Node,
}

impl Table {
    /// The entry of `key`. Linear: for tables with a fixed set of keys, not for sections.
    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| &*entry.key == key)
    }
}

impl Node {
    /// Describes the value, for "found ...".
    pub(super) fn describe(&self) -> String {
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
pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{:?}...", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}
