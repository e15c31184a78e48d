//! Names, numbers and strings: the fields that most types consist of.

use super::codes::Codes;
use super::phrase::Phrase;
use super::token::{Fault, Token, Tokens};
use super::wire::{Unreadable, Wire};

type Done = Result<(), Fault>;

pub(super) fn read_name(label: &str, tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Done {
    let token = tokens.next(label)?;
    token.bare(label)?;
    rdata.extend_from_slice(token.name(label, tokens.origin)?.as_wire());
    Ok(())
}

pub(super) fn read_u8(label: &str, tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Done {
    rdata.push(tokens.number(label, 0xFF)? as u8);
    Ok(())
}

pub(super) fn read_u16(label: &str, tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Done {
    rdata.extend_from_slice(&(tokens.number(label, 0xFFFF)? as u16).to_be_bytes());
    Ok(())
}

pub(super) fn read_u32(label: &str, tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Done {
    rdata.extend_from_slice(&tokens.number(label, u32::MAX)?.to_be_bytes());
    Ok(())
}

pub(super) fn read_code8(codes: &Codes, label: &str, tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Done {
    rdata.push(codes.read(label, tokens.next(label)?, 0xFF)? as u8);
    Ok(())
}

pub(super) fn read_text(label: &str, tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Done {
    let token = tokens.next(label)?;
    put_counted(label, &token, &token.octets()?, rdata)
}

pub(super) fn read_texts(label: &str, tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Done {
    read_text(label, tokens, rdata)?;
    while tokens.peek().is_some() {
        read_text(label, tokens, rdata)?;
    }
    Ok(())
}

/// Appends a character-string: a length octet and up to 255 octets (RFC 1035 §3.3).
pub(super) fn put_counted(label: &str, token: &Token<'_>, octets: &[u8], rdata: &mut Vec<u8>) -> Done {
    let len = u8::try_from(octets.len()).map_err(|_| {
        token.fault(
            format!("the {label} has {} octets; a string has at most 255", octets.len()),
            "split it into several quoted strings, or shorten it",
        )
    })?;
    rdata.push(len);
    rdata.extend_from_slice(octets);
    Ok(())
}

pub(super) fn read_to_end(quotes: bool, label: &str, tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Done {
    let token = tokens.next(label)?;
    if quotes && !token.quoted {
        return Err(token.fault(format!("the {label} is not quoted"), format!("write \"{}\"", token.shown())));
    }
    rdata.extend_from_slice(&token.octets()?);
    Ok(())
}

pub(super) fn read_tag(label: &str, tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Done {
    let token = tokens.next(label)?;
    let tag = token.bare(label)?;
    if !is_tag(tag) {
        return Err(token.fault(
            format!("the {label} \"{}\" has characters other than letters and digits", token.shown()),
            "write issue, issuewild, iodef or another tag of letters and digits",
        ));
    }
    put_counted(label, &token, tag, rdata)
}

pub(super) fn write_texts(wire: &mut Wire<'_>, out: &mut Phrase) -> Result<(), Unreadable> {
    out.string(wire.counted()?);
    while !wire.is_empty() {
        out.string(wire.counted()?);
    }
    Ok(())
}

pub(super) fn write_tag(wire: &mut Wire<'_>, out: &mut Phrase) -> Result<(), Unreadable> {
    let tag = wire.counted()?;
    if !is_tag(tag) {
        return Err(Unreadable::Malformed);
    }
    out.token(String::from_utf8_lossy(tag));
    Ok(())
}

fn is_tag(octets: &[u8]) -> bool {
    !octets.is_empty() && octets.iter().all(u8::is_ascii_alphanumeric)
}
