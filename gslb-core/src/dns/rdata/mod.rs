//! Converts rdata between presentation form and wire form, using one table of types for both directions.
//!
//! Rdata here is always in uncompressed wire form. Types that are not in the table use the form of RFC 3597 §5.

mod address;
mod apl;
mod bitmap;
mod blob;
mod codes;
mod encoding;
mod field;
mod gateway;
mod hip;
mod kind;
mod loc;
mod naptr;
mod phrase;
mod scalar;
mod svcb;
mod svcparam;
mod time;
pub(crate) mod token;
mod types;
mod wire;
mod wks;

pub(crate) use time::seconds;
pub(crate) use types::is_meta;

use crate::dns::name::wire_length;
use kind::Kind;
use phrase::Phrase;
use std::fmt;
use token::{Fault, Token, Tokens};
use types::{Layout, Type};
use wire::{Unreadable, Wire};

/// Most octets of an rdata (RFC 1035 §3.2.1: its length is a number of 16 bits).
pub const MAX_RDATA: usize = 65_535;

/// The number of a record type: a mnemonic in any case, or `TYPE` and a decimal number (RFC 3597 §5).
///
/// Also knows query types and meta types such as `ANY` and `OPT`.
pub fn type_from_text(text: &str) -> Option<u16> {
    if let Some(known) = types::by_mnemonic(text) {
        return Some(known.number);
    }
    let (prefix, digits) = text.split_at_checked(4)?;
    let number = token::decimal(digits.as_bytes()).filter(|_| prefix.eq_ignore_ascii_case("TYPE"))?;
    u16::try_from(number).ok()
}

/// The mnemonic of a record type, or `TYPE` and its number (RFC 3597 §5).
pub fn type_to_text(rtype: u16) -> impl fmt::Display {
    TypeText(rtype)
}

struct TypeText(u16);

impl fmt::Display for TypeText {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match types::by_number(self.0) {
            Some(known) => out.pad(known.mnemonic),
            None => write!(out, "TYPE{}", self.0),
        }
    }
}

/// Numbers and mnemonics of known types that a zone may have, in order of number.
pub fn zone_types() -> impl Iterator<Item = (u16, &'static str)> {
    types::all()
        .iter()
        .filter(|known| matches!(known.layout, Layout::Fields(_) | Layout::Opaque))
        .map(|known| (known.number, known.mnemonic))
}

/// Presentation form of `rdata`, on one line and with absolute names.
///
/// Rdata of an unknown type, and rdata that does not fit its type, is written as RFC 3597 §5 says:
/// `\# 4 C0000201`.
pub fn to_text(rtype: u16, rdata: &[u8]) -> String {
    match types::by_number(rtype).and_then(Type::fields).map(|fields| typed(fields, rdata)) {
        Some(Ok(text)) => text,
        _ => generic(rdata),
    }
}

fn typed(fields: &[(&str, Kind)], rdata: &[u8]) -> Result<String, Unreadable> {
    let mut wire = Wire(rdata);
    let mut out = Phrase::default();
    for (_, kind) in fields {
        kind.write(&mut wire, rdata, &mut out)?;
    }
    if wire.is_empty() { Ok(out.into_text()) } else { Err(Unreadable::Malformed) }
}

fn generic(rdata: &[u8]) -> String {
    let mut out = Phrase::default();
    out.token(format_args!("\\# {}", rdata.len()));
    blob::write_hex(rdata, &mut out);
    out.into_text()
}

/// Offset and length, in octets, of each domain name in `rdata` that a server may compress.
///
/// Those are the names of the types of RFC 1035 only (RFC 3597 §4); any other type, and rdata that breaks off, has
/// none.
pub fn embedded_names(rtype: u16, rdata: &[u8]) -> impl Iterator<Item = (usize, usize)> {
    const COMPRESSIBLE: &[&str] = &["NS", "MD", "MF", "CNAME", "SOA", "MB", "MG", "MR", "PTR", "MINFO", "MX"];
    let known = types::by_number(rtype).filter(|known| COMPRESSIBLE.contains(&known.mnemonic));
    let mut at = 0;
    // In all of these types the names come first, or after a preference.
    known
        .and_then(Type::fields)
        .unwrap_or_default()
        .iter()
        .map_while(move |(_, kind)| {
            let start = at;
            let len = match kind {
                Kind::Domain => wire_length(rdata.get(start..)?).ok()?,
                Kind::U16 => 2,
                _ => return None,
            };
            at += len;
            Some((matches!(kind, Kind::Domain), start, len))
        })
        .filter_map(|(is_name, start, len)| is_name.then_some((start, len)))
}

/// Reads the rdata of a record of type `rtype`, which `type_token` says, from the tokens after that one.
pub(crate) fn from_tokens(rtype: u16, type_token: &Token<'_>, mut tokens: Tokens<'_, '_>) -> Result<Box<[u8]>, Fault> {
    if types::is_meta(rtype) {
        return Err(type_token.fault(
            format!("{} is a type of queries and messages, not of records in a zone", type_to_text(rtype)),
            "remove the record",
        ));
    }
    let known = types::by_number(rtype);
    if let Some(Layout::Obsolete(_, successor)) = known.map(|known| known.layout) {
        let message = format!("{} is obsolete (RFC 1035 §3.3)", type_to_text(rtype));
        return Err(type_token.fault(message, format!("use {successor}")));
    }
    let fields = known.and_then(Type::fields);
    let is_generic = is_generic(fields, &tokens);
    let rdata = match fields {
        _ if is_generic => {
            read_generic(rtype, fields, &mut tokens).map_err(|fault| with_help(fault, || GENERIC.into()))?
        }
        Some(fields) => read_fields(fields, &mut tokens).map_err(|fault| with_help(fault, || usage(rtype, fields)))?,
        None => {
            let at = tokens.peek().unwrap_or(type_token);
            let message = format!("{} has no presentation form of its own", type_to_text(rtype));
            return Err(at.fault(message, GENERIC));
        }
    };
    if rdata.len() > MAX_RDATA {
        return Err(type_token.fault(format!("the rdata has {} octets", rdata.len()), "write at most 65535 octets"));
    }
    Ok(rdata.into())
}

/// True if the tokens are `\# length octets` (RFC 3597 §5). Where the first field is text, `\#` is also a way to write
/// "#", so there a number must follow.
fn is_generic(fields: Option<&[(&str, Kind)]>, tokens: &Tokens<'_, '_>) -> bool {
    let [mark, after @ ..] = tokens.rest() else { return false };
    if mark.text != b"\\#" || mark.quoted {
        return false;
    }
    let starts_with_text =
        matches!(fields, Some([(_, Kind::Text | Kind::Texts | Kind::PsdnAddress | Kind::QuotedToEnd), ..]));
    let is_number = |token: &Token<'_>| !token.quoted && token::decimal(token.text).is_some();
    !starts_with_text || after.first().is_some_and(is_number)
}

fn read_fields(fields: &[(&str, Kind)], tokens: &mut Tokens<'_, '_>) -> Result<Vec<u8>, Fault> {
    let mut rdata = Vec::new();
    for (label, kind) in fields {
        kind.read(label, tokens, &mut rdata)?;
    }
    tokens.finish()?;
    Ok(rdata)
}

/// Gives a fault that has no help the form that the whole record should have.
fn with_help(fault: Fault, help: impl FnOnce() -> String) -> Fault {
    if fault.help.is_empty() { Fault { help: help(), ..fault } } else { fault }
}

fn usage(rtype: u16, fields: &[(&str, Kind)]) -> String {
    let labels: Vec<&str> = fields.iter().map(|&(label, _)| label).collect();
    format!("after {} write: {}", type_to_text(rtype), labels.join(", "))
}

/// The help for a record in the form that every type may have.
const GENERIC: &str = "write \\#, the number of octets, and the octets in hexadecimal (RFC 3597 §5)";

/// Reads `\# length octets` (RFC 3597 §5); for a known type, the octets must be valid.
fn read_generic(rtype: u16, fields: Option<&[(&str, Kind)]>, tokens: &mut Tokens<'_, '_>) -> Result<Vec<u8>, Fault> {
    let mark = tokens.next("rdata")?;
    let len = tokens.number("number of octets", 65_535)?;
    let rdata = match tokens.peek() {
        None => Vec::new(),
        Some(_) => {
            let (joined, first) = tokens.join("rdata")?;
            blob::decode_hex("rdata", &first, &joined)?
        }
    };
    if rdata.len() != len as usize {
        let message = format!("the rdata has {} octets, not {len}", rdata.len());
        return Err(mark.fault(message, GENERIC));
    }
    match fields.map(|fields| typed(fields, &rdata)) {
        Some(Err(Unreadable::Malformed)) => Err(mark.fault(
            format!("these octets are not the rdata of a record of type {}", type_to_text(rtype)),
            "check the octets against the type's definition, or write the record in the type's own form",
        )),
        _ => Ok(rdata),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_read_in_any_case_and_by_number() {
        for (text, number) in
            [("a", 1), ("NSAP-ptr", 23), ("Https", 65), ("TYPE65280", 65280), ("type1", 1), ("any", 255)]
        {
            assert_eq!(type_from_text(text), Some(number), "{text}");
        }
        for text in ["", "TYPE", "TYPE65536", "TYPE-1", "TYPE+1", "FOO", "ä", "TYPEé"] {
            assert_eq!(type_from_text(text), None, "{text}");
        }
        assert_eq!(type_to_text(257).to_string(), "CAA");
        assert_eq!(type_to_text(65280).to_string(), "TYPE65280");
    }

    #[test]
    fn only_names_of_rfc_1035_are_embedded() {
        let names = |rtype, rdata: &[u8]| embedded_names(rtype, rdata).collect::<Vec<_>>();
        assert_eq!(names(15, b"\x00\x0A\x01a\x00"), [(2, 3)]);
        assert_eq!(names(6, b"\x01a\x00\x00\x00\x00\x00\x01"), [(0, 3), (3, 1)]);
        assert_eq!(names(14, b"\x00\x01b\x00"), [(0, 1), (1, 3)]);
        assert_eq!(names(33, b"\x00\x01\x00\x02\x00\x03\x01a\x00"), [], "SRV is younger than RFC 1035");
        assert_eq!(names(2, b"\x05ab"), [], "the name breaks off");
        assert_eq!(names(65280, b"\x00"), []);
    }

    #[test]
    fn malformed_rdata_is_shown_as_octets() {
        assert_eq!(to_text(1, &[192, 0, 2, 1]), "192.0.2.1");
        assert_eq!(to_text(1, &[192, 0, 2]), "\\# 3 C00002");
        assert_eq!(to_text(1, &[192, 0, 2, 1, 0]), "\\# 5 C000020100");
        assert_eq!(to_text(65280, &[]), "\\# 0");
        assert_eq!(to_text(5, &[0xC0, 0x0C]), "\\# 2 C00C", "a compression pointer");
    }
}
