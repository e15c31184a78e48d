//! The document as a located tree, which is all that the section readers see of its notation.

/// Most levels of tables and arrays; policies need two levels per nesting, everything else fewer than ten in all.
pub(super) const MAX_DEPTH: usize = 64;

/// A place in the document's text; line and column count from 1. JSON comes as values, not as text: there the line is
/// 0, and the column is the value's place in the order in which the document is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Position {
    /// The number of the file, from 0 in the order in which they were read.
    pub(super) file: u16,
    pub(super) line: u32,
    pub(super) column: u32,
}

/// A value and where it begins.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) value: Value,
    pub(super) at: Position,
}

#[derive(Debug)]
pub(super) enum Value {
    /// The null of JSON, which no key takes.
    Null,
    String(Box<str>),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    /// A date or time of TOML, which no key takes; kept so that whoever reads the key can say so.
    Moment(Box<str>),
    Table(Table),
    Array(Box<[Node]>),
}

/// Entries with distinct keys, in the order in which they were written.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) entries: Box<[Entry]>,
}

/// A key, where it stands, and its value.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: Box<str>,
    pub(super) at: Position,
    pub(super) node: Node,
}

impl Table {
    /// The entry of `key`. Linear: meant for tables with a fixed set of keys, not for sections.
    pub(super) fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| &*entry.key == key)
    }
}

impl Node {
    /// The value in words, for "found ...".
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

/// `text` in quotes, cut where it would drown the message that quotes it.
pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 60;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{:?}...", text.get(..end).unwrap_or_default()),
        None => format!("{text:?}"),
    }
}
