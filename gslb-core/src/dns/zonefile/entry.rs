//! Parses what is between owner and rdata: TTL and class in either order, and the type (RFC 1035 §5.1).

use crate::dns::name::Name;
use crate::dns::rdata::token::{Fault, Position, Token, Tokens};
use crate::dns::rdata::{from_tokens, seconds, type_from_text};

/// A record up to its type, and the tokens of its rdata.
#[derive(Debug, Clone, Copy)]
pub(super) struct Header<'w, 'a> {
    /// Where the record starts.
    pub(super) start: Position,
    /// Position and value of the TTL, in seconds.
    pub(super) ttl: Option<(Position, u32)>,
    pub(super) rtype: u16,
    type_token: &'w Token<'a>,
    rest: &'w [Token<'a>],
}

/// The kind of a token before the rdata.
enum Part {
    Ttl(u32),
    Class,
    Type(u16),
}

impl<'w, 'a> Header<'w, 'a> {
    /// Parses the tokens after the owner of a record that starts at `start`.
    pub(super) fn read(start: Position, tokens: &'w [Token<'a>]) -> Result<Header<'w, 'a>, Fault> {
        let (mut ttl, mut class) = (None, false);
        let mut last = start;
        let mut rest = tokens;
        while let Some((token, after)) = rest.split_first() {
            rest = after;
            last = token.position;
            match Part::read(token, ttl.is_some(), class)? {
                Part::Ttl(seconds) => ttl = Some((token.position, seconds)),
                Part::Class => class = true,
                Part::Type(rtype) => return Ok(Header { start, ttl, rtype, type_token: token, rest }),
            }
        }
        let help = "write owner, TTL, IN, type and data; only TTL and IN may be left out";
        Err(Fault::new(last, "the record ends before its type", help))
    }

    /// The data of a `$GENERATE`, which is one token.
    pub(super) fn only_data(&self) -> Result<Token<'a>, Fault> {
        match *self.rest {
            [data] => Ok(data),
            [] => Err(self.type_token.fault("the line ends here: the data is missing", "")),
            [_, extra, ..] => Err(extra.fault(
                format!("\"{}\" is more than $GENERATE takes: the data has to be one word", extra.shown()),
                "write the data between quotes, such as \"10 mail-$\", and quotes in it as \\\"",
            )),
        }
    }

    /// The same record with other data.
    pub(super) fn with_data<'s>(&'s self, data: &'s [Token<'s>]) -> Header<'s, 's> {
        Header { rest: data, ..*self }
    }

    /// Parses the rdata; `origin` completes relative names.
    pub(super) fn rdata(&self, origin: &Name) -> Result<Box<[u8]>, Fault> {
        from_tokens(self.rtype, self.type_token, Tokens::new(self.rest, self.type_token.position, origin))
    }
}

impl Part {
    fn read(token: &Token<'_>, has_ttl: bool, has_class: bool) -> Result<Part, Fault> {
        let text = token.bare("TTL, class or type")?;
        if text.first().is_some_and(u8::is_ascii_digit) {
            return Part::ttl(token, text, has_ttl);
        }
        let text = std::str::from_utf8(text).unwrap_or_default();
        match class_from_text(text) {
            Some(Ok(())) if !has_class => Ok(Part::Class),
            Some(Ok(())) => Err(token.fault("the class is given twice", "remove one of them")),
            Some(Err(())) => {
                let message = format!("\"{}\" is a class other than IN", token.shown());
                Err(token.fault(message, "write IN, or leave the class out"))
            }
            None => type_from_text(text).map(Part::Type).ok_or_else(|| {
                token.fault(
                    format!("\"{}\" is not a record type", token.shown()),
                    "write a mnemonic such as AAAA, or TYPE and a number; a line that starts with a blank has no owner",
                )
            }),
        }
    }

    fn ttl(token: &Token<'_>, text: &[u8], has_ttl: bool) -> Result<Part, Fault> {
        if has_ttl {
            let message = format!("\"{}\" is in the place of the type: the TTL is already given", token.shown());
            return Err(token.fault(message, "remove one of the TTLs"));
        }
        read_ttl(token, text).map(Part::Ttl)
    }
}

/// Parses a TTL in seconds; the caller limits it to [`super::MAX_TTL`].
pub(super) fn read_ttl(token: &Token<'_>, text: &[u8]) -> Result<u32, Fault> {
    seconds(text).ok_or_else(|| {
        token.fault(
            format!("\"{}\" is not a TTL", token.shown()),
            "write seconds up to 2147483647, or numbers that each have a unit w, d, h, m or s, such as 1h30m",
        )
    })
}

/// `Ok` for the class IN, `Err` for another class; `None` if it is not a class (RFC 3597 §5).
fn class_from_text(text: &str) -> Option<Result<(), ()>> {
    let is = |name: &str| text.eq_ignore_ascii_case(name);
    if is("IN") {
        return Some(Ok(()));
    }
    if ["CH", "CHAOS", "HS", "HESIOD", "CS", "NONE"].into_iter().any(is) {
        return Some(Err(()));
    }
    let (prefix, digits) = text.split_at_checked(5)?;
    let number: u16 = digits.parse().ok().filter(|_| prefix.eq_ignore_ascii_case("CLASS"))?;
    Some(if number == 1 { Ok(()) } else { Err(()) })
}
