//! `$GENERATE`: BIND's notation for a series of records as one line with a counter.

use super::entry::Header;
use super::lexer::{self, Cursor};
use super::reader::{Reader, Scope};
use super::{MAX_ENTRY_OCTETS, MAX_GENERATED};
use crate::dns::rdata::token::{Fault, Token, Tokens, decimal};

/// Maximum counter, before and after adding the offset.
const MOST: i64 = i32::MAX as i64;
/// Minimum counter after adding the offset.
const LEAST: i64 = i32::MIN as i64;
/// Maximum width of a number, in characters.
const WIDEST: usize = 255;

/// The range of the counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Range {
    start: u32,
    stop: u32,
    step: u32,
}

/// A piece of a template.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece<'a> {
    Literal(&'a [u8]),
    Number { offset: i64, width: usize, base: Base },
}

/// The base of a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Base {
    Decimal,
    Octal,
    Hex,
    UpperHex,
    /// Hexadecimal digits, the lowest first, with dots between them, as under `ip6.arpa`.
    Nibbles,
    UpperNibbles,
}

impl Reader<'_, '_> {
    /// Generates the records for the tokens after `$GENERATE`; stops at the first invalid one.
    pub(super) fn generate(&mut self, scope: &Scope, first: &Token<'_>, rest: &[Token<'_>]) -> Result<(), Fault> {
        let mut tokens = Tokens::new(rest, first.position, &scope.origin);
        let range = Range::read(&tokens.next("range")?)?;
        let owner_token = tokens.next("owner")?;
        let owner = Piece::read(&owner_token)?;
        let mut header = Header::read(first.position, rest.get(2..).unwrap_or_default())?;
        // Once for all records, so that a TTL that is too long is reported once.
        header.ttl = header.ttl.map(|(position, ttl)| (position, self.bounded(scope, position, ttl)));
        let data_token = header.only_data()?;
        let data = Piece::read(&data_token)?;
        for number in (range.start..=range.stop).step_by(range.step as usize) {
            if self.is_stopped() {
                break;
            }
            let owner_text = fill(&owner, number, &owner_token)?;
            let owner = Token { text: &owner_text, ..owner_token }.name("owner", &scope.origin)?;
            let mut data_text = fill(&data, number, &data_token)?;
            if data_token.quoted {
                data_text = bare_quotes(&data_text);
            }
            let mut data_tokens = Vec::new();
            lexer::next(&data_text, &mut Cursor::start(data_token.hidden), &mut data_tokens)
                .and_then(|_| self.record(scope, &header.with_data(&data_tokens), Some(owner)))
                .map_err(|fault| at_number(number, &data_token, fault))?;
        }
        Ok(())
    }
}

/// Unescapes `\"` in quoted text, which is then split into tokens again.
fn bare_quotes(text: &[u8]) -> Vec<u8> {
    let mut bare = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&octet, tail)) = rest.split_first() {
        rest = tail;
        match (octet, rest.split_first()) {
            (b'\\', Some((b'"', _))) => {}
            (b'\\', Some((&escaped, tail))) => {
                bare.extend([octet, escaped]);
                rest = tail;
            }
            _ => bare.push(octet),
        }
    }
    bare
}

/// A fault of a generated record, reported at the template it was generated from.
fn at_number(number: u32, data: &Token<'_>, fault: Fault) -> Fault {
    Fault { position: data.position, message: format!("for {number}: {}", fault.message), ..fault }
}

impl Range {
    /// Reads `start-stop` or `start-stop/step`.
    fn read(token: &Token<'_>) -> Result<Range, Fault> {
        let invalid = || {
            token.fault(
                format!("\"{}\" is not a range", token.shown()),
                "write start-stop or start-stop/step, such as 0-255 or 0-510/2",
            )
        };
        let text = std::str::from_utf8(token.bare("range")?).unwrap_or_default();
        let (bounds, step) = text.split_once('/').unwrap_or((text, "1"));
        let (start, stop) = bounds.split_once('-').ok_or_else(invalid)?;
        let number =
            |text: &str| decimal(text.as_bytes()).filter(|&value| i64::from(value) <= MOST).ok_or_else(invalid);
        let range = Range { start: number(start)?, stop: number(stop)?, step: number(step)? };
        if range.step == 0 || range.start > range.stop {
            return Err(invalid());
        }
        let count = (range.stop - range.start) / range.step + 1;
        if count > MAX_GENERATED {
            let message = format!("\"{}\" makes {count} records", token.shown());
            return Err(token.fault(message, format!("make at most {MAX_GENERATED} with one $GENERATE")));
        }
        Ok(range)
    }
}

impl<'a> Piece<'a> {
    /// Parses a template with `$` or `${offset,width,base}`; `$$` is a dollar sign, and a backslash escapes what follows.
    fn read(token: &Token<'a>) -> Result<Vec<Piece<'a>>, Fault> {
        let mut pieces = Vec::new();
        let (mut start, mut at) = (0, 0);
        let text = token.text;
        while let Some(&octet) = text.get(at) {
            match octet {
                b'\\' => at += 2,
                b'$' => {
                    pieces.push(Piece::Literal(text.get(start..at).unwrap_or_default()));
                    let (piece, used) = Piece::number(text.get(at..).unwrap_or_default(), token)?;
                    pieces.push(piece);
                    at += used;
                    start = at;
                }
                _ => at += 1,
            }
        }
        pieces.push(Piece::Literal(text.get(start..).unwrap_or_default()));
        Ok(pieces)
    }

    /// Parses the piece for the dollar sign at the start of `text`; returns it and its length.
    fn number(text: &'a [u8], token: &Token<'_>) -> Result<(Piece<'a>, usize), Fault> {
        match text.get(1) {
            Some(b'$') => Ok((Piece::Literal(b"$"), 2)),
            Some(b'{') => {
                let end = text.iter().position(|&octet| octet == b'}');
                let inside = end.and_then(|end| text.get(2..end)).and_then(modifier);
                let invalid = || {
                    token.fault(
                        format!("\"{}\" has a wrong ${{...}}", token.shown()),
                        "write ${offset}, ${offset,width} or ${offset,width,base} with base d, o, x, X, n or N",
                    )
                };
                inside.zip(end).map(|(piece, end)| (piece, end + 1)).ok_or_else(invalid)
            }
            _ => Ok((Piece::Number { offset: 0, width: 0, base: Base::Decimal }, 1)),
        }
    }
}

/// Reads `offset`, `offset,width` or `offset,width,base`.
fn modifier<'a>(inside: &[u8]) -> Option<Piece<'a>> {
    let mut parts = std::str::from_utf8(inside).ok()?.split(',');
    // Blanks before a number are allowed, as in BIND.
    let offset = parts.next()?.trim_ascii_start();
    let (sign, digits) = match offset.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, offset.strip_prefix('+').unwrap_or(offset)),
    };
    let offset = sign * i64::from(decimal(digits.as_bytes())?);
    let width = parts.next().map_or(Some(0), |width| decimal(width.trim_ascii_start().as_bytes()))? as usize;
    let base = match parts.next() {
        None | Some("d") => Base::Decimal,
        Some("o") => Base::Octal,
        Some("x") => Base::Hex,
        Some("X") => Base::UpperHex,
        Some("n") => Base::Nibbles,
        Some("N") => Base::UpperNibbles,
        Some(_) => return None,
    };
    (parts.next().is_none() && width <= WIDEST && (LEAST..=MOST).contains(&offset)).then_some(Piece::Number {
        offset,
        width,
        base,
    })
}

/// The text of `pieces` with `number` filled in; `token` is their source, for faults.
fn fill(pieces: &[Piece<'_>], number: u32, token: &Token<'_>) -> Result<Vec<u8>, Fault> {
    let mut text = Vec::new();
    for piece in pieces {
        match *piece {
            Piece::Literal(octets) => text.extend_from_slice(octets),
            Piece::Number { offset, width, base } => {
                let value = i64::from(number) + offset;
                if !(LEAST..=MOST).contains(&value) {
                    let message = format!("\"{}\" becomes {value}, which is too large or too small", token.shown());
                    return Err(
                        token.fault(message, format!("write an offset that keeps the number from {LEAST} to {MOST}"))
                    );
                }
                text.extend_from_slice(base.write(value, width).as_bytes());
            }
        }
        if text.len() > MAX_ENTRY_OCTETS {
            return Err(token.fault("the generated text is too long", "write a shorter one"));
        }
    }
    Ok(text)
}

impl Base {
    /// Formats `value`, zero-padded to `width` characters. Negative numbers in bases other than ten are 32-bit two's
    /// complement, as in BIND.
    fn write(self, value: i64, width: usize) -> String {
        let bits = value as u32;
        match self {
            Base::Decimal => format!("{value:0width$}"),
            Base::Octal => format!("{bits:0width$o}"),
            Base::Hex => format!("{bits:0width$x}"),
            Base::UpperHex => format!("{bits:0width$X}"),
            Base::Nibbles => nibbles(&format!("{bits:x}"), width),
            Base::UpperNibbles => nibbles(&format!("{bits:X}"), width),
        }
    }
}

/// Reverses digits and puts dots between them; appends zeros up to `width` characters, including the dots.
fn nibbles(digits: &str, width: usize) -> String {
    let mut digits = digits.chars().rev().peekable();
    let mut text = String::with_capacity(width + 16);
    loop {
        text.push(digits.next().unwrap_or('0'));
        if digits.peek().is_none() && text.len() >= width {
            return text;
        }
        // An even width ends with a dot, which makes the name absolute, as in BIND.
        text.push('.');
        if digits.peek().is_none() && text.len() >= width {
            return text;
        }
    }
}
