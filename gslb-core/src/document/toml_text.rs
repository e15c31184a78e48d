//! TOML text to the located tree, with every syntax error told.

use toml::Spanned;
use toml::de::{DeTable, DeValue};
use toml_parser::lexer::TokenKind;

use super::line_index::LineIndex;
use super::path::Path;
use super::problems::Problems;
use super::tree::{Entry, MAX_DEPTH, Node, Position, Table, Value};

/// Longest document, in octets.
const MAX_TEXT: usize = 64 << 20;
/// Most parts of a dotted key. Each part is a table inside a table, which the parser takes apart recursively.
const MAX_KEY_PARTS: usize = 16;
/// What the parser calls a key that is written twice. What it makes of the rest can be trusted.
const DUPLICATE: &str = "duplicate key";

/// Reads `text`; none where its syntax is so wrong that complaints about the rest would mislead.
pub(super) fn read(text: &str, problems: &mut Problems) -> Option<Table> {
    let start = Position { line: 1, column: 1 };
    if text.len() > MAX_TEXT {
        let message = format!("the document has {} octets, more than the {MAX_TEXT} that are read", text.len());
        problems.error(start, &Path::ROOT, message, "divide the site into several servers");
        return None;
    }
    let mut conversion = Conversion { lines: LineIndex::new(text), problems };
    if let Some(offset) = overlong_key(text) {
        let at = conversion.lines.position(offset);
        let message = format!("a key has more than {MAX_KEY_PARTS} parts");
        conversion.problems.error(at, &Path::ROOT, message, "write a name that holds dots in quotes");
        return None;
    }
    let (document, errors) = DeTable::parse_recoverable(text);
    let is_usable = errors.iter().all(|error| error.message() == DUPLICATE);
    errors.iter().for_each(|error| conversion.syntax_error(text, error, is_usable));
    is_usable.then(|| conversion.table(document.get_ref(), &Path::ROOT, 0))
}

/// Offset of the first dotted key with more than [`MAX_KEY_PARTS`] parts.
fn overlong_key(text: &str) -> Option<usize> {
    let mut dots = 0;
    for token in toml_parser::Source::new(text).lex() {
        match token.kind() {
            TokenKind::Dot => dots += 1,
            TokenKind::Atom | TokenKind::BasicString | TokenKind::LiteralString | TokenKind::Whitespace => {}
            _ => dots = 0,
        }
        if dots >= MAX_KEY_PARTS {
            return Some(token.span().start());
        }
    }
    None
}

struct Conversion<'a> {
    lines: LineIndex<'a>,
    problems: &'a mut Problems,
}

impl Conversion<'_> {
    /// Reports a syntax error. What is no TOML at all may be any file, also a secret one, and is not quoted.
    fn syntax_error(&mut self, text: &str, error: &toml::de::Error, is_toml: bool) {
        let span = error.span().unwrap_or(0..0);
        let at = self.lines.position(span.start);
        if error.message() == DUPLICATE {
            let key = text.get(span).filter(|_| is_toml).map_or_else(|| "a key".to_owned(), |key| format!("`{key}`"));
            let message = format!("{key} is written twice in the same table");
            self.problems.error(at, &Path::ROOT, message, "keep one of the two, or give one another name");
            return;
        }
        let (what, expected) = error.message().split_once(", expected ").unwrap_or((error.message(), ""));
        let help = match what {
            "string values must be quoted" => "write text in quotes: \"...\"".to_owned(),
            "cannot recurse further; max recursion depth met" => "nest fewer tables and arrays".to_owned(),
            _ if expected.is_empty() => "correct the TOML syntax here".to_owned(),
            _ => format!("TOML expects {expected} here"),
        };
        self.problems.error(at, &Path::ROOT, format!("not TOML: {what}"), help);
    }

    fn table(&mut self, table: &DeTable<'_>, path: &Path<'_>, depth: usize) -> Table {
        let mut entries: Vec<Entry> = Vec::with_capacity(table.len());
        for (key, value) in table {
            let at = self.lines.position(key.span().start);
            let key = key.get_ref();
            if let Some(node) = self.node(value, at, &path.key(key), depth + 1) {
                entries.push(Entry { key: key.as_ref().into(), at, node });
            }
        }
        // The parser sorts by key; the order of the document means something, and so does the order of messages.
        entries.sort_by_key(|entry| entry.at);
        Table { entries }
    }

    /// None where the value is refused. Tables are told at `table_at`, their key, since they may have no other place.
    fn node(
        &mut self,
        value: &Spanned<DeValue<'_>>,
        table_at: Position,
        path: &Path<'_>,
        depth: usize,
    ) -> Option<Node> {
        let at = self.lines.position(value.span().start);
        if depth > MAX_DEPTH {
            let message = format!("tables and arrays nest more than {MAX_DEPTH} deep");
            self.problems.error(at, path, message, "give inner policies a name of their own in `policies`");
            return None;
        }
        let value = match value.get_ref() {
            DeValue::String(text) => Value::String(text.as_ref().into()),
            DeValue::Integer(digits) => match i64::from_str_radix(digits.as_str(), digits.radix()) {
                Ok(number) => Value::Integer(number),
                Err(_) => {
                    let message = format!("{digits} does not fit into 64 bits");
                    self.problems.error(at, path, message, "write a smaller number");
                    return None;
                }
            },
            DeValue::Float(digits) => Value::Float(digits.as_str().parse().unwrap_or(f64::NAN)),
            DeValue::Boolean(truth) => Value::Boolean(*truth),
            DeValue::Datetime(moment) => Value::Moment(moment.to_string().into()),
            DeValue::Array(items) => Value::Array(self.items(items, path, depth)),
            DeValue::Table(table) => {
                return Some(Node { value: Value::Table(self.table(table, path, depth)), at: table_at });
            }
        };
        Some(Node { value, at })
    }

    fn items(&mut self, items: &[Spanned<DeValue<'_>>], path: &Path<'_>, depth: usize) -> Vec<Node> {
        let convert = |(index, item): (usize, &Spanned<DeValue<'_>>)| {
            let at = self.lines.position(item.span().start);
            self.node(item, at, &path.index(index), depth + 1)
        };
        items.iter().enumerate().filter_map(convert).collect()
    }
}
