//! Makes untrusted text safe for a terminal: characters that move, hide or reorder text become escapes.

use std::borrow::Cow;
use std::io::{self, Write};

use tracing_subscriber::fmt::MakeWriter;

/// `text` with every character that a terminal acts on, or that hides or reorders others, written as `\u{HEX}`.
/// Newlines and tabs are kept.
pub fn printable(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_unsafe(character) {
            safe.extend(character.escape_unicode());
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

/// JSON `text` with the same characters written as JSON escapes; its value does not change.
pub fn json(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_unsafe(character) {
            let units = &mut [0; 2];
            safe.extend(character.encode_utf16(units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            safe.push(character);
        }
    }
    Cow::Owned(safe)
}

/// Whether untrusted text must not send `character` to a terminal. For bidirectional controls see UAX #9, section 2.
fn is_unsafe(character: char) -> bool {
    match character {
        '\n' | '\t' => false,
        _ if character.is_control() => true,
        // Bidirectional marks, embeddings, overrides and isolates.
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => true,
        // No width: soft hyphen, joiners and non-joiners, invisible operators and fillers, deprecated format controls.
        '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}' => true,
        '\u{200b}'..='\u{200d}' | '\u{2060}'..='\u{2065}' | '\u{206a}'..='\u{206f}' | '\u{3164}' | '\u{feff}' => true,
        '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' => true,
        // Line and paragraph separators.
        '\u{2028}' | '\u{2029}' => true,
        // Tags and further variation selectors: invisible text within text.
        '\u{e0000}'..='\u{e0fff}' => true,
        _ => false,
    }
}

/// Writers of log lines that make each line safe for a terminal.
#[derive(Debug, Clone)]
pub struct Printable<W>(pub W);

impl<'w, W: MakeWriter<'w>> MakeWriter<'w> for Printable<W> {
    type Writer = Printable<W::Writer>;

    fn make_writer(&'w self) -> Self::Writer {
        Printable(self.0.make_writer())
    }
}

impl<W: Write> Write for Printable<W> {
    /// Writes all of `octets`, which is one whole log line.
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        let line = String::from_utf8_lossy(octets);
        self.0.write_all(printable(&line).as_bytes())?;
        Ok(octets.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn terminal_control_characters_are_escaped() {
        let unsafe_ones = "\0\x07\x1b\x7f\r\u{9b}\u{61c}\u{200b}\u{200c}\u{200d}\u{200e}\u{200f}\u{2028}\u{2029}\u{202a}\u{202b}\
                           \u{202c}\u{202d}\u{202e}\u{2060}\u{2066}\u{2067}\u{2068}\u{2069}\u{feff}\u{e0001}\u{e0061}";
        for character in unsafe_ones.chars() {
            let text = format!("a{character}b");
            let safe = printable(&text);
            assert!(safe.is_ascii() && !safe.contains(char::is_control), "{safe:?}");
            assert!(
                safe.contains(&format!("{:x}", u32::from(character))),
                "{safe:?} names U+{:04X}",
                u32::from(character)
            );
        }
    }

    #[test]
    fn letters_of_every_script_newlines_and_tabs_are_kept() {
        let text = "a\tb\nZürich, Αθήνα, תל אביב, القاهرة, 東京, न्द, 👍";
        assert!(matches!(printable(text), Cow::Borrowed(same) if same == text));
    }

    #[test]
    fn escaping_does_not_change_the_value_of_json() {
        let value = serde_json::json!({"a\u{202e}": "\u{e0061}\u{7f}\u{1b}", "b": "ü"});
        let text = value.to_string();
        let safe = json(&text);
        assert!(safe.chars().all(|character| !is_unsafe(character)), "{safe:?}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&safe).unwrap(), value);
    }

    #[test]
    fn a_log_line_is_written_whole_and_safe() {
        let mut lines = Printable(Vec::new());
        lines.write_all("reason=\u{202e}gnp.exe \x1b[2J\n".as_bytes()).unwrap();
        assert_eq!(lines.0, br"reason=\u{202e}gnp.exe \u{1b}[2J".iter().chain(b"\n").copied().collect::<Vec<_>>());
    }
}
