//! Tokens of presentation form, and faults that point at a token.

use crate::dns::name::{Name, NameError, unescape};
use crate::problem::ProblemKind;
use std::borrow::Cow;

/// Where a token starts: line and column in characters, both counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub(crate) line: u32,
    pub(crate) column: u32,
}

/// Placeholder in messages for a hidden token.
pub(crate) const HIDDEN: &str = "***";

/// One token as written, with escapes, but without the quotes of a quoted string.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Token<'a> {
    pub(crate) text: &'a [u8],
    pub(crate) quoted: bool,
    /// There is no blank between this token and the previous one, as in `alpn="h2"`, which is two tokens.
    pub(crate) glued: bool,
    /// It might be a secret, so no message quotes it.
    pub(crate) hidden: bool,
    pub(crate) position: Position,
}

/// A fault at one position: what is wrong, and how to fix it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) position: Position,
    pub(crate) message: String,
    pub(crate) help: String,
    pub(crate) kind: ProblemKind,
}

impl Fault {
    pub(crate) fn new(position: Position, message: impl Into<String>, help: impl Into<String>) -> Fault {
        Fault { position, message: message.into(), help: help.into(), kind: ProblemKind::Other }
    }
}

impl<'a> Token<'a> {
    /// A fault at this token.
    pub(crate) fn fault(&self, message: impl Into<String>, help: impl Into<String>) -> Fault {
        Fault::new(self.position, message, help)
    }

    /// The token for use in a message: truncated if long, replaced with a placeholder if hidden.
    pub(crate) fn shown(&self) -> String {
        const MOST: usize = 60;
        if self.hidden {
            return HIDDEN.to_owned();
        }
        let head = self.text.get(..MOST).unwrap_or(self.text);
        let dots = if self.text.len() > MOST { "..." } else { "" };
        format!("{}{dots}", String::from_utf8_lossy(head).escape_debug())
    }

    /// The token's octets with the escapes of RFC 1035 §5.1 resolved.
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

    /// The text of a token that must not be quoted, such as a number or a mnemonic.
    pub(crate) fn bare(&self, label: &str) -> Result<&'a [u8], Fault> {
        if self.quoted {
            return Err(self.fault(format!("the {label} is quoted"), format!("write the {label} without quotes")));
        }
        Ok(self.text)
    }

    /// Parses the token as a domain name (RFC 1035 §5.1), completed by `origin` if it is relative.
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

/// The tokens of one record's rdata, read from the left.
#[derive(Debug)]
pub(crate) struct Tokens<'w, 'a> {
    rest: &'w [Token<'a>],
    /// Position for reporting a missing token: the last token before it.
    last: Position,
    /// The origin of relative names.
    pub(crate) origin: &'w Name,
}

impl<'w, 'a> Tokens<'w, 'a> {
    /// Starts at the first of `rest`; `before` is the position of the token before them.
    pub(crate) fn new(rest: &'w [Token<'a>], before: Position, origin: &'w Name) -> Tokens<'w, 'a> {
        Tokens { rest, last: before, origin }
    }

    /// The next token, if there is one.
    pub(crate) fn take(&mut self) -> Option<Token<'a>> {
        let (&first, rest) = self.rest.split_first()?;
        self.rest = rest;
        self.last = first.position;
        Some(first)
    }

    /// The next token, which is required.
    pub(crate) fn next(&mut self, label: &str) -> Result<Token<'a>, Fault> {
        let last = self.last;
        self.take().ok_or_else(|| Fault::new(last, format!("the record ends here: the {label} is missing"), ""))
    }

    /// All remaining tokens.
    pub(crate) fn rest(&self) -> &'w [Token<'a>] {
        self.rest
    }

    /// The next token without taking it.
    pub(crate) fn peek(&self) -> Option<&'w Token<'a>> {
        self.rest.first()
    }

    /// The next token as a decimal number from 0 to `most`.
    pub(crate) fn number(&mut self, label: &str, most: u32) -> Result<u32, Fault> {
        let token = self.next(label)?;
        decimal(token.bare(label)?).filter(|&value| value <= most).ok_or_else(|| {
            token.fault(
                format!("the {label} \"{}\" is not a number from 0 to {most}", token.shown()),
                format!("write a decimal number from 0 to {most}"),
            )
        })
    }

    /// All remaining tokens joined without blanks, and the first of them; at least one is required.
    pub(crate) fn join(&mut self, label: &str) -> Result<(Vec<u8>, Token<'a>), Fault> {
        let first = self.next(label)?;
        let mut joined = first.bare(label)?.to_vec();
        while let Some(token) = self.take() {
            joined.extend_from_slice(token.bare(label)?);
        }
        Ok((joined, first))
    }

    /// Checks that no token remains.
    pub(crate) fn finish(&mut self) -> Result<(), Fault> {
        match self.take() {
            None => Ok(()),
            Some(token) => Err(token.fault(
                format!("unexpected \"{}\" after the end of the record", token.shown()),
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
