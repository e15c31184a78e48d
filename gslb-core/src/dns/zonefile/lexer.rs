//! Splits text into entries: the tokens of one line, or of several lines in parentheses (RFC 1035 §5.1).

use super::MAX_ENTRY_OCTETS;
use crate::dns::rdata::token::{Fault, Position, Token};

/// A position in the text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor {
    at: usize,
    line: u32,
    column: u32,
    /// Words are [hidden](Token::hidden).
    pub(super) hides: bool,
}

/// An entry at the cursor.
#[derive(Debug)]
pub(super) enum Entry {
    /// The end of the text.
    End,
    /// Nothing but blanks or a comment.
    Blank,
    /// At least one token.
    Tokens {
        /// The line starts with a blank: it has the owner of the previous record.
        indented: bool,
    },
}

impl Cursor {
    /// The start of a text; `hides` says whether its tokens are [hidden](Token::hidden).
    pub(super) fn start(hides: bool) -> Cursor {
        Cursor { at: 0, line: 1, column: 1, hides }
    }

    fn position(self) -> Position {
        Position { line: self.line, column: self.column }
    }

    fn octet(self, text: &[u8]) -> Option<u8> {
        text.get(self.at).copied()
    }

    /// Advances by one octet; a line ends with a line feed, a carriage return or both.
    fn step(&mut self, text: &[u8]) {
        let Some(octet) = self.octet(text) else { return };
        self.at += 1;
        let ends = octet == b'\n' || (octet == b'\r' && self.octet(text) != Some(b'\n'));
        if ends {
            self.line = self.line.saturating_add(1);
            self.column = 1;
        } else if octet & 0xC0 != 0x80 {
            // Octets after the first of a character in UTF-8 are 10xxxxxx.
            self.column = self.column.saturating_add(1);
        }
    }

    fn at_line_end(self, text: &[u8]) -> bool {
        matches!(self.octet(text), None | Some(b'\n' | b'\r'))
    }

    /// Advances to the end of the line, before its line break.
    fn skip_line(&mut self, text: &[u8]) {
        while !self.at_line_end(text) {
            self.step(text);
        }
    }

    /// Skips a line break.
    fn end_line(&mut self, text: &[u8]) {
        let line = self.line;
        while self.line == line && self.octet(text).is_some() {
            self.step(text);
        }
    }

    /// Rejects a byte order mark, and continues after it.
    pub(super) fn refuse_mark(&mut self, text: &[u8]) -> Option<Fault> {
        let (mark, len) = match text {
            [0xEF, 0xBB, 0xBF, ..] => ("a UTF-8 byte order mark", 3),
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => ("a UTF-16 byte order mark", text.len()),
            _ => return None,
        };
        let fault =
            fault(self.position(), &format!("the file starts with {mark}"), "save it as plain text without a mark");
        self.at = len;
        Some(fault)
    }
}

/// One entry being read.
struct Scan<'a, 'w> {
    text: &'a [u8],
    cursor: Cursor,
    tokens: &'w mut Vec<Token<'a>>,
    /// Positions of open parentheses.
    open: Vec<Cursor>,
    /// The first fault and its position.
    first_fault: Option<(Fault, Cursor)>,
    blank_before: bool,
}

/// Reads the entry at `cursor` into `tokens` and leaves the cursor at the start of the next one.
///
/// A fault affects the whole entry. If the entry has no end because of it, the next one starts on the next line.
pub(super) fn next<'a>(text: &'a [u8], cursor: &mut Cursor, tokens: &mut Vec<Token<'a>>) -> Result<Entry, Fault> {
    tokens.clear();
    let Some(first) = cursor.octet(text) else { return Ok(Entry::End) };
    let start = *cursor;
    let mut scan = Scan { text, cursor: start, tokens, open: Vec::new(), first_fault: None, blank_before: true };
    let ended = scan.run();
    if !ended {
        let (at_fault, message, help) = match scan.open.first() {
            Some(&open) => (open, "unclosed parenthesis", "write ) at the end of the record"),
            None => (start, "this line is too long", "split the record"),
        };
        scan.note(at_fault, message, help);
    }
    let Scan { cursor: reached, tokens, first_fault, .. } = scan;
    *cursor = reached;
    match first_fault {
        None if tokens.is_empty() => Ok(Entry::Blank),
        None => Ok(Entry::Tokens { indented: matches!(first, b' ' | b'\t') }),
        Some((fault, at_fault)) => {
            if !ended {
                *cursor = at_fault;
                cursor.skip_line(text);
                cursor.end_line(text);
            }
            Err(fault)
        }
    }
}

impl<'a> Scan<'a, '_> {
    /// Reads to the end of the entry; returns false if the text ends inside parentheses or the entry is too long.
    fn run(&mut self) -> bool {
        let limit = self.cursor.at.saturating_add(MAX_ENTRY_OCTETS);
        while self.cursor.at < limit {
            match self.cursor.octet(self.text) {
                None => return self.open.is_empty(),
                Some(b'\n' | b'\r') => {
                    self.cursor.end_line(self.text);
                    self.blank_before = true;
                    if self.open.is_empty() {
                        return true;
                    }
                }
                Some(octet) => self.item(octet),
            }
        }
        false
    }

    fn item(&mut self, octet: u8) {
        match octet {
            b' ' | b'\t' => self.cursor.step(self.text),
            b';' => self.comment(),
            b'(' => {
                self.open.push(self.cursor);
                self.cursor.step(self.text);
            }
            b')' => {
                if self.open.pop().is_none() {
                    self.note(self.cursor, "unmatched closing parenthesis", "remove it, or write ( before it");
                }
                self.cursor.step(self.text);
            }
            b'"' => return self.quoted(),
            _ => return self.token(),
        }
        self.blank_before = true;
    }

    fn comment(&mut self) {
        while !self.cursor.at_line_end(self.text) {
            self.check_nul();
            self.cursor.step(self.text);
        }
    }

    fn token(&mut self) {
        let start = self.cursor;
        while let Some(octet) = self.cursor.octet(self.text) {
            match octet {
                b' ' | b'\t' | b'\n' | b'\r' | b';' | b'(' | b')' | b'"' => break,
                _ => self.character(octet),
            }
        }
        self.push(start, self.cursor, false);
    }

    fn quoted(&mut self) {
        let quote = self.cursor;
        self.cursor.step(self.text);
        let start = self.cursor;
        while !self.cursor.at_line_end(self.text) {
            match self.cursor.octet(self.text) {
                Some(b'"') => {
                    let end = self.cursor;
                    self.cursor.step(self.text);
                    // The position of a quoted token is its quote.
                    return self.push(Cursor { at: start.at, ..quote }, end, true);
                }
                Some(b'\\') => self.quoted_escape(),
                Some(octet) => self.character(octet),
                None => break,
            }
        }
        // A bare line end would be legal (RFC 1035 §5.1), but is far more often a quote that was forgotten; BIND
        // refuses it too.
        let help = "write \" after the string, quotes inside it as \\\", and line ends inside it as \\010 or after a backslash";
        self.note(quote, "this quote is not closed on its line", help);
    }

    /// Skips a backslash in quotes and the escaped character, which may be a line break (RFC 1035 §5.1).
    fn quoted_escape(&mut self) {
        self.cursor.step(self.text);
        match self.text.get(self.cursor.at..) {
            Some([b'\r', b'\n', ..]) => {
                self.cursor.step(self.text);
                self.cursor.step(self.text);
            }
            Some([_, ..]) => {
                self.check_nul();
                self.cursor.step(self.text);
            }
            _ => {}
        }
    }

    /// Skips one character, or a backslash and the escaped character, but never a line break.
    fn character(&mut self, octet: u8) {
        self.check_nul();
        self.cursor.step(self.text);
        if octet == b'\\' && !self.cursor.at_line_end(self.text) {
            self.check_nul();
            self.cursor.step(self.text);
        }
    }

    fn check_nul(&mut self) {
        if self.cursor.octet(self.text) == Some(0) {
            self.note(self.cursor, "there is a NUL octet", "remove it, or write \\000 in a string");
        }
    }

    fn push(&mut self, start: Cursor, end: Cursor, quoted: bool) {
        let text = self.text.get(start.at..end.at).unwrap_or_default();
        self.tokens.push(Token {
            text,
            quoted,
            glued: !self.blank_before,
            hidden: start.hides,
            position: start.position(),
        });
        self.blank_before = false;
    }

    fn note(&mut self, at: Cursor, message: &str, help: &str) {
        if self.first_fault.is_none() {
            self.first_fault = Some((fault(at.position(), message, help), at));
        }
    }
}

fn fault(position: Position, message: &str, help: &str) -> Fault {
    Fault::new(position, message, help)
}
