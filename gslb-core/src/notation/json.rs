//! JSON to the located tree, and the tree to JSON.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::problems::Problems;
use super::tree::{Entry, MAX_DEPTH, Node, Position, Table, Value};
use crate::problem::Path;

/// Reads a document; `None` if it is not an object.
pub(crate) fn read<'t>(document: &'t str, problems: &mut Problems) -> Option<Table<'t>> {
    let mut conversion = Conversion { next: 0, problems };
    let at = conversion.position();
    let mut text = serde_json::Deserializer::from_str(document);
    let root = Reading { conversion: &mut conversion, at, path: &Path::ROOT, depth: 0 }.deserialize(&mut text);
    let (message, help) = match root.and_then(|root| text.end().map(|()| root)) {
        Ok(Some(Node { value: Value::Table(root), .. })) => return Some(root),
        Ok(_) => ("the document is not a JSON object".to_owned(), "write { \"zones\": { ... }, ... }"),
        Err(error) => (format!("not JSON: {error}"), "correct the JSON syntax there"),
    };
    problems.error(at, &Path::ROOT, message, help);
    None
}

struct Conversion<'a> {
    /// Number of keys and values so far.
    next: u32,
    problems: &'a mut Problems,
}

impl Conversion<'_> {
    fn position(&mut self) -> Position {
        self.next = self.next.saturating_add(1);
        Position::new(0, 0, self.next)
    }
}

/// Reads one value straight from the text, without an intermediate value.
struct Reading<'r, 'c, 'p> {
    conversion: &'r mut Conversion<'c>,
    at: Position,
    path: &'r Path<'p>,
    depth: usize,
}

impl<'de> DeserializeSeed<'de> for Reading<'_, '_, '_> {
    /// `None` if the value is invalid.
    type Value = Option<Node<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Node<'de>>, D::Error> {
        if self.depth <= MAX_DEPTH {
            return deserializer.deserialize_any(self);
        }
        let message = format!("tables and arrays nest more than {MAX_DEPTH} deep");
        let help = "give inner policies a name of their own in `policies`";
        self.conversion.problems.error(self.at, self.path, message, help);
        deserializer.deserialize_ignored_any(IgnoredAny).map(|_| None)
    }
}

impl Reading<'_, '_, '_> {
    fn node<'de, E>(&self, value: Value<'de>) -> Result<Option<Node<'de>>, E> {
        Ok(Some(Node { value, at: self.at }))
    }
}

impl<'de> Visitor<'de> for Reading<'_, '_, '_> {
    type Value = Option<Node<'de>>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Option<Node<'de>>, E> {
        self.node(Value::Null)
    }

    fn visit_bool<E>(self, truth: bool) -> Result<Option<Node<'de>>, E> {
        self.node(Value::Boolean(truth))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Option<Node<'de>>, E> {
        self.node(Value::Integer(number))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Option<Node<'de>>, E> {
        if let Ok(number) = i64::try_from(number) {
            return self.node(Value::Integer(number));
        }
        // An integer beyond 64 bits is an error, not a float.
        let message = format!("{number} does not fit into 64 bits");
        self.conversion.problems.error(self.at, self.path, message, "write a smaller number");
        Ok(None)
    }

    fn visit_f64<E>(self, number: f64) -> Result<Option<Node<'de>>, E> {
        self.node(Value::Float(number))
    }

    fn visit_str<E>(self, text: &str) -> Result<Option<Node<'de>>, E> {
        self.node(Value::String(Cow::Owned(text.to_owned())))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Option<Node<'de>>, E> {
        self.node(Value::String(Cow::Borrowed(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Option<Node<'de>>, A::Error> {
        let Self { conversion, at, path, depth } = self;
        let mut list = Vec::new();
        for index in 0.. {
            let path = path.index(index);
            let at = Position::new(0, 0, conversion.next.saturating_add(1));
            let item = Reading { conversion: &mut *conversion, at, path: &path, depth: depth + 1 };
            let Some(item) = items.next_element_seed(Numbered(item))? else { break };
            let Some(item) = item else { continue };
            if list.len() < 4 {
                list.reserve_exact(1);
            }
            list.push(item);
        }
        Ok(Some(Node { value: Value::Array(list.into()), at }))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Option<Node<'de>>, A::Error> {
        let Self { conversion, at, path, depth } = self;
        let mut entries = Vec::new();
        while let Some(key) = members.next_key_seed(Key)? {
            let at = conversion.position();
            let path = path.key(&key);
            let value = Reading { conversion: &mut *conversion, at, path: &path, depth: depth + 1 };
            if let Some(node) = members.next_value_seed(value)? {
                // A vector starts with capacity for four entries, and most tables are smaller.
                if entries.len() < 4 {
                    entries.reserve_exact(1);
                }
                entries.push(Entry { key, at, node });
            }
        }
        Ok(Some(Node { value: Value::Table(Table { entries: entries.into() }), at }))
    }
}

/// An item of an array; counts its position only if there is an item.
struct Numbered<'r, 'c, 'p>(Reading<'r, 'c, 'p>);

impl<'de> DeserializeSeed<'de> for Numbered<'_, '_, '_> {
    type Value = Option<Node<'de>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<Node<'de>>, D::Error> {
        self.0.conversion.position();
        self.0.deserialize(deserializer)
    }
}

/// A key.
struct Key;

impl<'de> DeserializeSeed<'de> for Key {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Cow<'de, str>, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key {
    type Value = Cow<'de, str>;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a key")
    }

    fn visit_str<E>(self, text: &str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Owned(text.to_owned()))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Cow<'de, str>, E> {
        Ok(Cow::Borrowed(text))
    }
}

/// Writes a document as JSON without spaces, and reports what JSON cannot express. The tree is freed as it is written.
pub(crate) fn write(root: Table<'_>, problems: &mut Problems) -> String {
    let mut out = Vec::new();
    // Writing into memory cannot fail, and serde_json writes UTF-8.
    let _ = table(root, &Path::ROOT, &mut out, problems);
    String::from_utf8(out).unwrap_or_default()
}

fn table(table: Table<'_>, path: &Path<'_>, out: &mut Vec<u8>, problems: &mut Problems) -> serde_json::Result<()> {
    out.push(b'{');
    for (index, Entry { key, node, .. }) in table.entries.into_iter().enumerate() {
        if index > 0 {
            out.push(b',');
        }
        serde_json::to_writer(&mut *out, &*key)?;
        out.push(b':');
        value(node, &path.key(&key), out, problems)?;
    }
    out.push(b'}');
    Ok(())
}

fn value(node: Node<'_>, path: &Path<'_>, out: &mut Vec<u8>, problems: &mut Problems) -> serde_json::Result<()> {
    match node.value {
        Value::Null => serde_json::to_writer(out, &()),
        Value::Boolean(truth) => serde_json::to_writer(out, &truth),
        Value::Integer(number) => serde_json::to_writer(out, &number),
        Value::Float(number) => {
            if !number.is_finite() {
                let message = format!("{number} is not a number in JSON");
                problems.error(node.at, path, message, "write a finite number");
            }
            serde_json::to_writer(out, &number)
        }
        Value::String(text) => serde_json::to_writer(out, &*text),
        Value::Moment(moment) => {
            let message = format!("JSON has no dates and times such as {moment}");
            problems.error(node.at, path, message, "write it in quotes");
            serde_json::to_writer(out, &())
        }
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.into_iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                value(item, &path.index(index), out, problems)?;
            }
            out.push(b']');
            Ok(())
        }
        Value::Table(inner) => table(inner, path, out, problems),
    }
}
