//! The text of a document as its author wrote it, with its zones in it: what the API can take, and give back with comments.

use std::ops::Range;
use std::sync::Arc;

use gslb_api::document::from_toml;
use gslb_core::budget::Budget;
use serde_json::Value;
use toml::de::{DeTable, DeValue};

/// Octets of the longest text that is worth it; a longer document goes without its comments.
const LONGEST: usize = 1 << 20;

/// The texts of all files of a document in one, with the records of each zone in place of its `file`, as `document` has
/// them, and without `include`. None where that does not come to exactly `document`, or is long.
pub(super) fn enclosed(texts: &[Arc<str>], document: &Value) -> Option<String> {
    let mut enclosed = String::new();
    for text in texts {
        if enclosed.len() + text.len() > LONGEST {
            return None;
        }
        if !enclosed.is_empty() && !enclosed.ends_with('\n') {
            enclosed.push('\n');
        }
        add(text.strip_prefix('\u{feff}').unwrap_or(text), document, &mut enclosed)?;
    }
    let is_wanted = !texts.is_empty() && enclosed.len() <= LONGEST;
    let says_the_same =
        is_wanted && from_toml(&enclosed, &mut Budget::of_file(enclosed.len())).is_ok_and(|told| told == *document);
    says_the_same.then_some(enclosed)
}

/// Adds the text of one file.
fn add(text: &str, document: &Value, enclosed: &mut String) -> Option<()> {
    let mut edits = edits(text);
    edits.sort_by_key(|(span, _)| span.start);
    let mut done = 0;
    for (span, edit) in edits {
        enclosed.push_str(text.get(done..span.start)?);
        if let Edit::Records(zone) = edit {
            let records = document.get("zones")?.get(&zone)?.get("records")?.as_str()?;
            enclosed.push_str("records = ");
            enclosed.push_str(&quoted(records));
        }
        done = span.end;
        if enclosed.len() > LONGEST {
            return None;
        }
    }
    enclosed.push_str(text.get(done..)?);
    Some(())
}

/// What is put in the place of a key and its value.
enum Edit {
    /// The records of this zone, for its `file`.
    Records(String),
    /// Nothing, for `include`.
    Nothing,
}

/// Where `file = "..."` of zones and `include = [...]` stand in `text`.
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

/// `text` as a string of TOML: its lines as they are, where such a string can hold them.
fn quoted(text: &str) -> String {
    let holds = |character: char| matches!(character, '\n' | '\t') || !character.is_control();
    if text.contains("'''") || text.ends_with('\'') || !text.chars().all(holds) {
        // What JSON escapes, TOML does likewise; the one control character that JSON leaves is escaped here.
        return Value::String(text.to_owned()).to_string().replace('\u{7f}', "\\u007f");
    }
    // The line end behind the quotes is not part of the string.
    format!("'''\n{text}'''")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn zones_stand_in_the_text_with_everything_around_them_as_it_was() {
        for records in ["@ IN SOA a b 1 2 3 4 5\n", "x TXT \"a'''b\\\\\"\n\u{7f}", "ends with '", "\r\n", ""] {
            let document = json!({ "zones": { "a.example": { "records": records }, "b.example": { "records": "b" },
                "c.example": { "records": "c" } }, "pools": {} });
            let text = "# head\n[zones.\"a.example\"] # first\nfile = \"a.zone\" # of a\n\n[zones]\n";
            let text = text.replace("\n[zones]\n", "\n[zones.\"b.example\"]\nrecords = \"b\"\n[pools]\n# tail")
                + "\n[zones.'c.example']\nfile   =   'c'";
            let enclosed = enclosed(&[text.into()], &document).unwrap();
            assert!(enclosed.starts_with("# head\n[zones.\"a.example\"] # first\nrecords = "), "{enclosed}");
            assert!(enclosed.contains(" # of a\n") && enclosed.contains("# tail\n"), "{enclosed}");
            assert_eq!(from_toml(&enclosed, &mut { Budget::UNLIMITED }).unwrap(), document);
        }
    }

    #[test]
    fn inline_tables_and_dotted_keys_have_files_too() {
        let document = json!({ "zones": { "a.example": { "records": "a\nb\n" } } });
        for text in ["zones = { \"a.example\" = { file = \"a\" } } # x", "zones.\"a.example\".file = \"a\"\n# x\n"] {
            let enclosed = enclosed(&[text.into()], &document).unwrap();
            assert!(enclosed.contains("# x"), "{enclosed}");
        }
    }

    #[test]
    fn included_files_follow_without_the_word_for_it() {
        let document = json!({ "pools": { "a": { "x": 1 }, "b": { "x": 2 } } });
        let texts =
            ["# head\ninclude = [\n  \"b.toml\", # b\n]\n[pools.a]\nx = 1", "\u{feff}# of b\n[pools.b]\nx = 2\n"];
        let enclosed = enclosed(&texts.map(Into::into), &document).unwrap();
        assert_eq!(enclosed, "# head\n\n[pools.a]\nx = 1\n# of b\n[pools.b]\nx = 2\n");
    }

    #[test]
    fn a_text_that_says_something_else_is_none() {
        assert_eq!(enclosed(&["# c\n[pools]\n".into()], &json!({ "pools": { "a": {} } })), None);
        assert_eq!(enclosed(&["not toml".into()], &json!({})), None);
        assert_eq!(enclosed(&["#".repeat(LONGEST + 1).into()], &json!({})), None);
    }
}
