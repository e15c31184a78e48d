//! JSON to the located tree, and the tree to JSON.

use serde_json::{Map, Number, Value as Json};

use super::problems::Problems;
use super::tree::{Entry, MAX_DEPTH, Node, Position, Table, Value};
use crate::problem::Path;

/// Reads a document; `None` if it is not an object.
pub(crate) fn read(document: &Json, problems: &mut Problems) -> Option<Table> {
    let mut conversion = Conversion { next: 0, problems };
    let at = conversion.position();
    match document {
        Json::Object(object) => Some(conversion.table(object, &Path::ROOT, 0)),
        _ => {
            let message = "the document is not a JSON object";
            problems.error(at, &Path::ROOT, message, "write { \"zones\": { ... }, ... }");
            None
        }
    }
}

struct Conversion<'a> {
    /// How many values and keys were met.
    next: u32,
    problems: &'a mut Problems,
}

impl Conversion<'_> {
    fn position(&mut self) -> Position {
        self.next = self.next.saturating_add(1);
        Position { file: 0, line: 0, column: self.next }
    }

    fn table(&mut self, object: &Map<String, Json>, path: &Path<'_>, depth: usize) -> Table {
        let mut entries = Vec::with_capacity(object.len());
        for (key, value) in object {
            let at = self.position();
            if let Some(node) = self.node(value, at, &path.key(key), depth + 1) {
                entries.push(Entry { key: key.as_str().into(), at, node });
            }
        }
        Table { entries: entries.into() }
    }

    /// `None` if the value is refused.
    fn node(&mut self, value: &Json, at: Position, path: &Path<'_>, depth: usize) -> Option<Node> {
        if depth > MAX_DEPTH {
            let message = format!("tables and arrays nest more than {MAX_DEPTH} deep");
            self.problems.error(at, path, message, "give inner policies a name of their own in `policies`");
            return None;
        }
        let value = match value {
            Json::Null => Value::Null,
            Json::Bool(truth) => Value::Boolean(*truth),
            Json::Number(number) => self.number(number, at, path)?,
            Json::String(text) => Value::String(text.as_str().into()),
            Json::Array(items) => Value::Array(self.items(items, path, depth)),
            Json::Object(object) => Value::Table(self.table(object, path, depth)),
        };
        Some(Node { value, at })
    }

    fn number(&mut self, number: &Number, at: Position, path: &Path<'_>) -> Option<Value> {
        let value = number.as_i64().map(Value::Integer);
        // An integer beyond 64 bits is an error, not a float.
        let value = value.or_else(|| number.as_f64().filter(|_| !number.is_u64()).map(Value::Float));
        if value.is_none() {
            let message = format!("{number} does not fit into 64 bits");
            self.problems.error(at, path, message, "write a smaller number");
        }
        value
    }

    fn items(&mut self, items: &[Json], path: &Path<'_>, depth: usize) -> Box<[Node]> {
        let convert = |(index, item): (usize, &Json)| {
            let at = self.position();
            self.node(item, at, &path.index(index), depth + 1)
        };
        items.iter().enumerate().filter_map(convert).collect()
    }
}

/// Writes a document, and reports what JSON cannot express. The tree is freed as it is written.
pub(crate) fn write(root: Table, problems: &mut Problems) -> Json {
    object(root, &Path::ROOT, problems)
}

fn object(table: Table, path: &Path<'_>, problems: &mut Problems) -> Json {
    // As much room as is needed: most objects are small, and would have room for more than they ever hold.
    let mut object = Map::with_capacity(table.entries.len());
    for Entry { key, node, .. } in table.entries {
        let value = json(node, &path.key(&key), problems);
        object.insert(key.into_string(), value);
    }
    Json::Object(object)
}

fn json(node: Node, path: &Path<'_>, problems: &mut Problems) -> Json {
    match node.value {
        Value::Null => Json::Null,
        Value::Boolean(truth) => Json::Bool(truth),
        Value::Integer(number) => Json::from(number),
        Value::Float(number) => Number::from_f64(number).map_or_else(
            || {
                problems.error(node.at, path, format!("{number} is not a number in JSON"), "write a finite number");
                Json::Null
            },
            Json::Number,
        ),
        Value::String(text) => Json::String(text.into_string()),
        Value::Moment(moment) => {
            let message = format!("JSON has no dates and times such as {moment}");
            problems.error(node.at, path, message, "write it in quotes");
            Json::Null
        }
        Value::Array(items) => {
            let item = |(index, item): (usize, Node)| json(item, &path.index(index), problems);
            Json::Array(items.into_iter().enumerate().map(item).collect())
        }
        Value::Table(table) => object(table, path, problems),
    }
}
