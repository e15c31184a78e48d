//! The located tree, independent of its notation.

/// Maximum depth of tables and arrays; policies need two levels per nesting, everything else fewer than ten in all.
pub(super) const MAX_DEPTH: usize = 64;

/// A position in the document's text; line and column start at 1. JSON is read as values, not as text, so the line is
/// 0, and the column is the value's index in document order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Position {
    /// Index of the file, in reading order.
    pub file: u16,
    /// Line; 0 in JSON.
    pub line: u32,
    /// Column in characters; in JSON, the value's index.
    pub column: u32,
}

/// A value and its start.
#[derive(Debug)]
pub struct Node {
    /// The value.
    pub value: Value,
    /// Where it starts.
    pub at: Position,
}

/// A value of TOML or JSON.
#[derive(Debug)]
pub enum Value {
    /// JSON null, which no key accepts.
    Null,
    /// A string.
    String(Box<str>),
    /// A whole number.
    Integer(i64),
    /// A number with a fraction or an exponent.
    Float(f64),
    /// True or false.
    Boolean(bool),
    /// A TOML date or time, which no key accepts; kept for the error message.
    Moment(Box<str>),
    /// A table or a JSON object.
    Table(Table),
    /// An array.
    Array(Box<[Node]>),
}

/// Entries with distinct keys, in written order.
#[derive(Debug, Default)]
pub struct Table {
    /// The entries.
    pub entries: Box<[Entry]>,
}

/// A key, its position, and its value.
#[derive(Debug)]
pub struct Entry {
    /// The key.
    pub key: Box<str>,
    /// Where the key starts.
    pub at: Position,
    /// The value.
    pub node: Node,
}

impl Table {
    /// The entry of `key`. Linear: for tables with a fixed set of keys, not for sections.
    pub fn get(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| &*entry.key == key)
    }
}

impl Node {
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
