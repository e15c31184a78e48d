//! Writes presentation form: tokens separated by a single blank.

use std::fmt::{Display, Write};

/// Characters of hex or base64 per group, as in dig and named-compilezone.
const GROUP: usize = 56;

/// The tokens written so far.
#[derive(Debug, Default)]
pub(crate) struct Phrase(String);

impl Phrase {
    /// Adds one token.
    pub(crate) fn token(&mut self, token: impl Display) {
        if !self.0.is_empty() {
            self.0.push(' ');
        }
        // Writing into a String cannot fail.
        let _ = write!(self.0, "{token}");
    }

    /// Adds a long run of digits in groups.
    pub(crate) fn groups(&mut self, digits: &str) {
        let mut rest = digits;
        while let Some((head, tail)) = rest.split_at_checked(GROUP) {
            self.token(head);
            rest = tail;
        }
        if !rest.is_empty() {
            self.token(rest);
        }
    }

    /// Adds a quoted string (RFC 1035 §5.1).
    pub(crate) fn string(&mut self, octets: &[u8]) {
        self.token(quoted(octets));
    }

    /// The text written.
    pub(crate) fn into_text(self) -> String {
        self.0
    }
}

/// `octets` in quotes, with special characters escaped.
pub(crate) fn quoted(octets: &[u8]) -> String {
    let mut text = String::with_capacity(octets.len() + 2);
    text.push('"');
    for &octet in octets {
        match octet {
            b'"' | b'\\' => text.extend(['\\', char::from(octet)]),
            b' '..=b'~' => text.push(char::from(octet)),
            _ => {
                // Writing into a String cannot fail.
                let _ = write!(text, "\\{octet:03}");
            }
        }
    }
    text.push('"');
    text
}
