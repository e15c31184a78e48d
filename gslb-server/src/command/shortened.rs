//! Long values, truncated for a table.

/// Characters of a value in a table.
const CELL_CHARACTERS: usize = 160;

pub(super) fn shortened(text: &str) -> String {
    match text.char_indices().nth(CELL_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
