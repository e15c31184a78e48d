//! Inlines zone files and includes into the TOML text of a document, so that the API can store it with its comments.

use std::ops::Range;
use std::sync::Arc;

use gslb_core::budget::Budget;
use gslb_core::problem::Problem;
use gslb_core::site::document::to_json;
use serde_json::Value;
use toml::de::{DeTable, DeValue};

/// Longest text in octets; a longer document loses its comments.
const MAX_OCTETS: usize = 1 << 20;

/// Joins the texts of all files of a document, with each zone's `file` replaced by its records in `document`, and
/// without
/// `include`. `None` if the result is not equal to `document`, or is too long.
pub(super) fn inlined(texts: &[Arc<str>], document: &Value) -> Option<String> {
    let mut inlined = String::new();
    for text in texts {
        if inlined.len() + text.len() > MAX_OCTETS {
            return None;
        }
        if !inlined.is_empty() && !inlined.ends_with('\n') {
            inlined.push('\n');
        }
        add(text.strip_prefix('\u{feff}').unwrap_or(text), document, &mut inlined)?;
    }
    let fits = !texts.is_empty() && inlined.len() <= MAX_OCTETS;
    let is_equal = fits && read(&inlined, &mut Budget::of_file(inlined.len())).is_ok_and(|parsed| parsed == *document);
    is_equal.then_some(inlined)
}

fn read(text: &str, budget: &mut Budget) -> Result<Value, Vec<Problem>> {
    to_json("document", text, budget)
}

/// Adds the text of one file.
fn add(text: &str, document: &Value, inlined: &mut String) -> Option<()> {
    let mut edits = edits(text);
    edits.sort_by_key(|(span, _)| span.start);
    let mut done = 0;
    for (span, edit) in edits {
        inlined.push_str(text.get(done..span.start)?);
        if let Edit::Records(zone) = edit {
            let records = document.get("zones")?.get(&zone)?.get("records")?.as_str()?;
            inlined.push_str("records = ");
            inlined.push_str(&quoted(records));
        }
        done = span.end;
        if inlined.len() > MAX_OCTETS {
            return None;
        }
    }
    inlined.push_str(text.get(done..)?);
    Some(())
}

/// The replacement of a key and its value.
enum Edit {
    /// The records of this zone, for its `file`.
    Records(String),
    /// Nothing, for `include`.
    Nothing,
}

/// Finds `file = "..."` of zones and `include = [...]` in `text`.
fn edits(text: &str) -> Vec<(Range<usize>, Edit)> {
    let (root, _) = DeTable::parse_recoverable(text);
    let mut found = Vec::new();
    if let Some((key, value)) = root.get_ref().get_key_value("include") {
        found.push((key.span().start..value.span().end, Edit::Nothing));
    }
    let Some(DeValue::Table(zones)) = root.get_ref().get("zones").map(|zones| zones.get_ref()) else {
        return found;
    };
    for (zone, value) in zones {
        let DeValue::Table(members) = value.get_ref() else { continue };
        if let Some((key, value)) = members.get_key_value("file") {
            found.push((key.span().start..value.span().end, Edit::Records(zone.get_ref().to_string())));
        }
    }
    found
}

/// `text` as a TOML string: a literal multi-line string if possible.
fn quoted(text: &str) -> String {
    let holds = |character: char| matches!(character, '\n' | '\t') || !character.is_control();
    if text.contains("'''") || text.ends_with('\'') || !text.chars().all(holds) {
        // JSON escapes are valid in TOML; the one control character that JSON does not escape is escaped here.
        return Value::String(text.to_owned()).to_string().replace('\u{7f}', "\\u007f");
    }
    // The newline after the quotes is not part of the string.
    format!("'''\n{text}'''")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn zones_are_inlined_and_the_rest_of_the_text_is_unchanged() {
        for records in ["@ IN SOA a b 1 2 3 4 5\n", "x TXT \"a'''b\\\\\"\n\u{7f}", "ends with '", "\r\n", ""] {
            let document = json!({ "zones": { "a.example": { "records": records }, "b.example": { "records": "b" },
                "c.example": { "records": "c" } }, "pools": {} });
            let text = "# head\n[zones.\"a.example\"] # first\nfile = \"a.zone\" # of a\n\n[zones]\n";
            let text = text.replace("\n[zones]\n", "\n[zones.\"b.example\"]\nrecords = \"b\"\n[pools]\n# tail")
                + "\n[zones.'c.example']\nfile   =   'c'";
            let inlined = inlined(&[text.into()], &document).unwrap();
            assert!(inlined.starts_with("# head\n[zones.\"a.example\"] # first\nrecords = "), "{inlined}");
            assert!(inlined.contains(" # of a\n") && inlined.contains("# tail\n"), "{inlined}");
            assert_eq!(read(&inlined, &mut { Budget::UNLIMITED }).unwrap(), document);
        }
    }

    #[test]
    fn files_in_inline_tables_and_dotted_keys_are_inlined() {
        let document = json!({ "zones": { "a.example": { "records": "a\nb\n" } } });
        for text in ["zones = { \"a.example\" = { file = \"a\" } } # x", "zones.\"a.example\".file = \"a\"\n# x\n"] {
            let inlined = inlined(&[text.into()], &document).unwrap();
            assert!(inlined.contains("# x"), "{inlined}");
        }
    }

    #[test]
    fn included_files_are_appended_and_include_is_removed() {
        let document = json!({ "pools": { "a": { "x": 1 }, "b": { "x": 2 } } });
        let texts =
            ["# head\ninclude = [\n  \"b.toml\", # b\n]\n[pools.a]\nx = 1", "\u{feff}# of b\n[pools.b]\nx = 2\n"];
        let inlined = inlined(&texts.map(Into::into), &document).unwrap();
        assert_eq!(inlined, "# head\n\n[pools.a]\nx = 1\n# of b\n[pools.b]\nx = 2\n");
    }

    #[test]
    fn a_text_that_differs_from_the_document_is_not_returned() {
        assert_eq!(inlined(&["# c\n[pools]\n".into()], &json!({ "pools": { "a": {} } })), None);
        assert_eq!(inlined(&["not toml".into()], &json!({})), None);
        assert_eq!(inlined(&["#".repeat(MAX_OCTETS + 1).into()], &json!({})), None);
    }
}
