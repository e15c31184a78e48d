//! Domain names in the document: absolute, with or without the final dot.

use crate::dns::name::Name;
use crate::notation::{Entry, Position, Problems, Value, shortened};
use crate::problem::Path;

/// Parses a domain name.
pub(super) fn read(text: &str, at: Position, path: &Path<'_>, problems: &mut Problems) -> Option<Name> {
    if !text.is_ascii() {
        let message = format!("{} contains non-ASCII letters", shortened(text));
        problems.error(at, path, message, "write each such label in its ASCII form, which starts with xn--");
        return None;
    }
    if let Some(odd) = text.chars().find(|letter| letter.is_ascii_whitespace() || letter.is_ascii_control()) {
        let message = format!("{} is not a domain name: it contains the character {odd:?}", shortened(text));
        problems.error(at, path, message, "write a name such as www.example.com");
        return None;
    }
    match text.parse() {
        Ok(name) => Some(name),
        Err(error) => {
            let message = format!("{} is not a domain name: {error}", shortened(text));
            problems.error(at, path, message, "write a name such as www.example.com");
            None
        }
    }
}

/// The intended name if its dots were parsed as nested tables: `[services.www.example.com]`.
pub(super) fn unquoted(entry: &Entry, known: &[&str]) -> Option<String> {
    let mut name = entry.key.to_string();
    let mut node = &entry.node;
    while let Value::Table(table) = &node.value {
        let [only] = &*table.entries else { break };
        if known.contains(&&*only.key) || !matches!(only.node.value, Value::Table(_)) {
            break;
        }
        name = format!("{name}.{}", only.key);
        node = &only.node;
    }
    (name.len() > entry.key.len()).then_some(name)
}
