//! Words of presentation form, and faults that point at a word.

use crate::dns::name::{Name, NameError, unescape};
use std::borrow::Cow;

/// Where a word starts: line and column in characters, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// Placeholder in messages for a hidden word.
pub(crate) const HIDDEN: &str = "***";

/// One word as written, with escapes, but without the quotes of a quoted string.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Word<'a> {
    pub(crate) text: &'a [u8],
    pub(crate) quoted: bool,
    /// There is no blank between this word and the previous one, as in `alpn="h2"`, which is two words.
    pub(crate) glued: bool,
    /// It might be a secret, so no message quotes it.
    pub(crate) hidden: bool,
    pub(crate) place: Place,
}

/// A fault at one position: what is wrong, and how to fix it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) place: Place,
    pub(crate) message: String,
    pub(crate) help: String,
}

impl<'a> Word<'a> {
    /// A fault at this word.
    pub(crate) fn fault(&self, message: impl Into<String>, help: impl Into<String>) -> Fault {
        Fault { place: self.place, message: message.into(), help: help.into() }
    }

    /// The word for use in a message: truncated if long, replaced with a placeholder if hidden.
    pub(crate) fn shown(&self) -> String {
        const MOST: usize = 60;
        if self.hidden {
            return HIDDEN.to_owned();
        }
        let head = self.text.get(..MOST).unwrap_or(self.text);
        let dots = if self.text.len() > MOST { "..." } else { "" };
        format!("{}{dots}", String::from_utf8_lossy(head).escape_debug())
    }

    /// The word's octets with the escapes of RFC 1035 §5.1 resolved.
    pub(crate) fn octets(&self) -> Result<Cow<'a, [u8]>, Fault> {
        if !self.text.contains(&b'\\') {
            return Ok(Cow::Borrowed(self.text));
        }
        let mut octets = Vec::with_capacity(self.text.len());
        let mut rest = self.text;
        while let Some((&first, tail)) = rest.split_first() {
            rest = tail;
            if first == b'\\' {
                let (octet, used) = unescape(rest).map_err(|error| self.bad_escape(error))?;
                octets.push(octet);
                rest = rest.get(used..).unwrap_or_default();
            } else {
                octets.push(first);
            }
        }
        Ok(Cow::Owned(octets))
    }

    fn bad_escape(&self, error: NameError) -> Fault {
        self.fault(format!("\"{}\": {error}", self.shown()), "write \\DDD with three digits, or \\ and the character")
    }

    /// The text of a word that must not be quoted, such as a number or a mnemonic.
    pub(crate) fn bare(&self, label: &str) -> Result<&'a [u8], Fault> {
        if self.quoted {
            return Err(self.fault(format!("the {label} is quoted"), format!("write the {label} without quotes")));
        }
        Ok(self.text)
    }

    /// Parses the word as a domain name (RFC 1035 §5.1), completed by `origin` if it is relative.
    pub(crate) fn name(&self, label: &str, origin: &Name) -> Result<Name, Fault> {
        Name::parse(self.text, origin).map_err(|error| {
            let help = match error {
                NameError::TooLong | NameError::LabelTooLong if self.text.last() != Some(&b'.') => {
                    format!("shorten the name; without a final dot \"{origin}\" is appended to it")
                }
                NameError::TooLong | NameError::LabelTooLong => "shorten the name".into(),
                NameError::BadEscape => "write \\DDD with three digits, or \\ and the character".into(),
                _ => "write labels with one dot between them; a final dot makes the name absolute".into(),
            };
            self.fault(format!("the {label} \"{}\" is not a domain name: {error}", self.shown()), help)
        })
    }
}

/// The words of one record's rdata, read from the left.
#[derive(Debug)]
pub(crate) struct Words<'w, 'a> {
    rest: &'w [Word<'a>],
    /// Position for reporting a missing word: the last word before it.
    last: Place,
    /// What completes relative names.
    pub(crate) origin: &'w Name,
}

impl<'w, 'a> Words<'w, 'a> {
    /// Starts at the first of `rest`; `before` is the position of the word before them.
    pub(crate) fn new(rest: &'w [Word<'a>], before: Place, origin: &'w Name) -> Words<'w, 'a> {
        Words { rest, last: before, origin }
    }

    /// The next word, if there is one.
    pub(crate) fn take(&mut self) -> Option<Word<'a>> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        self.last = first.place;
        Some(first)
    }

    /// The next word, which is required.
    pub(crate) fn next(&mut self, label: &str) -> Result<Word<'a>, Fault> {
        let last = self.last;
        self.take().ok_or_else(|| Fault {
            place: last,
            message: format!("the record ends here: the {label} is missing"),
            help: String::new(),
        })
    }

    /// All remaining words.
    pub(crate) fn rest(&self) -> &'w [Word<'a>] {
        self.rest
    }

    /// The next word without taking it.
    pub(crate) fn peek(&self) -> Option<&'w Word<'a>> {
        self.rest.first()
    }

    /// The next word as a decimal number from 0 to `most`.
    pub(crate) fn number(&mut self, label: &str, most: u32) -> Result<u32, Fault> {
        let word = self.next(label)?;
        decimal(word.bare(label)?).filter(|&value| value <= most).ok_or_else(|| {
            word.fault(
                format!("the {label} \"{}\" is not a number from 0 to {most}", word.shown()),
                format!("write a decimal number from 0 to {most}"),
            )
        })
    }

    /// All remaining words joined without blanks, and the first of them; at least one is required.
    pub(crate) fn join(&mut self, label: &str) -> Result<(Vec<u8>, Word<'a>), Fault> {
        let first = self.next(label)?;
        let mut joined = first.bare(label)?.to_vec();
        while let Some(word) = self.take() {
            joined.extend_from_slice(word.bare(label)?);
        }
        Ok((joined, first))
    }

    /// Checks that no word remains.
    pub(crate) fn finish(&mut self) -> Result<(), Fault> {
        match self.take() {
            None => Ok(()),
            Some(word) => Err(word.fault(
                format!("unexpected \"{}\" after the end of the record", word.shown()),
                "remove it, or quote a string that has blanks in it",
            )),
        }
    }
}

/// A number of decimal digits only, up to 2^32-1.
pub(crate) fn decimal(text: &[u8]) -> Option<u32> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0u32, |value, digit| {
        let digit = digit.is_ascii_digit().then(|| u32::from(digit - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}
