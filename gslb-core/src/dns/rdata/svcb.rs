//! The list of service parameters: keys sorted on the wire, each once, mandatory ones present (RFC 9460 §2).

use super::phrase::Phrase;
use super::svcparam::{self, ALPN, MANDATORY, NO_DEFAULT_ALPN, key_from_text, key_to_text};
use super::token::{Fault, Token, Tokens};
use super::wire::{Unreadable, Wire};
use std::collections::BTreeMap;

/// Wire values by key: sorted and without duplicates by construction.
type Params = BTreeMap<u16, Vec<u8>>;

pub(super) fn read(tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Result<(), Fault> {
    let mut params = Params::new();
    let mut first = None;
    while let Some(token) = tokens.take() {
        first.get_or_insert(token);
        let (name, value) = split(&token, tokens)?;
        let key = key_from_text(name).ok_or_else(|| {
            token.fault(
                format!("\"{}\" is not a service parameter", Token { text: name, ..token }.shown()),
                "write alpn, port, ipv4hint, ipv6hint or another key in lower case, or key and a number up to 65535",
            )
        })?;
        let value = svcparam::from_text(key, name.starts_with(b"key"), value.as_ref(), &token)?;
        if params.insert(key, value).is_some() {
            return Err(token.fault(format!("{} is duplicated", key_to_text(key)), "keep one of them"));
        }
    }
    if let (Some(missing), Some(first)) = (missing(params.iter().map(|(&key, value)| (key, value.as_slice()))), first) {
        let missing = key_to_text(missing);
        return Err(first.fault(
            format!("{missing} is missing, but another parameter requires it"),
            format!("add {missing}; mandatory lists only keys of the record, and no-default-alpn needs alpn"),
        ));
    }
    for (key, value) in params {
        let len = value.len() as u16; // from_text() keeps values to 65535 octets
        rdata.extend(key.to_be_bytes());
        rdata.extend(len.to_be_bytes());
        rdata.extend(value);
    }
    Ok(())
}

/// The key and the value of a parameter: `key`, `key=value`, or `key="value"`, which comes as two tokens.
fn split<'a>(token: &Token<'a>, tokens: &mut Tokens<'_, 'a>) -> Result<(&'a [u8], Option<Token<'a>>), Fault> {
    let text = token.bare("service parameter")?;
    let glued = tokens.peek().filter(|next| next.glued).copied();
    let Some(at) = text.iter().position(|&octet| octet == b'=') else { return Ok((text, None)) };
    let (name, value) = (text.get(..at).unwrap_or_default(), text.get(at + 1..).unwrap_or_default());
    match glued {
        Some(next) if value.is_empty() && next.quoted => {
            tokens.take();
            Ok((name, Some(next)))
        }
        Some(next) => Err(next.fault(
            format!("\"{}\" continues after a quote", token.shown()),
            "quote the whole value, as in alpn=\"h2,h3\", or escape the quote as \\\"",
        )),
        None => Ok((name, (!value.is_empty()).then_some(Token { text: value, ..*token }))),
    }
}

/// A missing key that another parameter requires (RFC 9460 §7.1.1, §8).
fn missing<'p>(params: impl Iterator<Item = (u16, &'p [u8])> + Clone) -> Option<u16> {
    let absent = |wanted: &u16| !params.clone().any(|(key, _)| key == *wanted);
    params.clone().find_map(|(key, value)| match key {
        MANDATORY => value.as_chunks().0.iter().map(|&pair| u16::from_be_bytes(pair)).find(absent),
        NO_DEFAULT_ALPN => Some(ALPN).filter(absent),
        _ => None,
    })
}

pub(super) fn write(wire: &mut Wire<'_>, out: &mut Phrase) -> Result<(), Unreadable> {
    let mut params: Vec<(u16, &[u8])> = Vec::new();
    while !wire.is_empty() {
        let key = wire.u16()?;
        let len = wire.u16()?;
        let value = wire.take(usize::from(len))?;
        if params.last().is_some_and(|&(last, _)| last >= key) {
            return Err(Unreadable::Malformed);
        }
        params.push((key, value));
    }
    for &(key, value) in &params {
        svcparam::write(key, value, out)?;
    }
    if missing(params.iter().copied()).is_some() { Err(Unreadable::Malformed) } else { Ok(()) }
}
