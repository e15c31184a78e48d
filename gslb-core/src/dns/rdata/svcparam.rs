//! One service parameter: its key, and the form that its value has in text and on the wire (RFC 9460 §14.3.2).

use super::address::parsed;
use super::encoding::{base64, from_base64};
use super::phrase::{Phrase, quoted};
use super::token::{Fault, Token, decimal};
use super::wire::Unreadable;
use std::net::{Ipv4Addr, Ipv6Addr};

/// Keys that another parameter requires.
pub(super) const MANDATORY: u16 = 0;
/// Supported protocols.
pub(super) const ALPN: u16 = 1;
/// The default protocol is not supported.
pub(super) const NO_DEFAULT_ALPN: u16 = 2;
const PORT: u16 = 3;
const IPV4_HINT: u16 = 4;
const ECH: u16 = 5;
const IPV6_HINT: u16 = 6;
/// RFC 9461 §5.
const DOH_PATH: u16 = 7;
/// RFC 9540 §4.
const OHTTP: u16 = 8;

/// The names of keys, indexed by number.
const NAMES: [&str; 9] =
    ["mandatory", "alpn", "no-default-alpn", "port", "ipv4hint", "ech", "ipv6hint", "dohpath", "ohttp"];

/// The number of a key: a name, or `key` and a number without leading zeros.
pub(super) fn key_from_text(text: &[u8]) -> Option<u16> {
    if let Some(known) = NAMES.iter().position(|name| name.as_bytes() == text) {
        return u16::try_from(known).ok();
    }
    let digits = text.strip_prefix(b"key")?;
    let padded = digits.len() > 1 && digits.starts_with(b"0");
    decimal(digits).filter(|_| !padded).and_then(|value| u16::try_from(value).ok())
}

/// The name of a key, or `key` and its number.
pub(super) fn key_to_text(key: u16) -> String {
    NAMES.get(usize::from(key)).map_or_else(|| format!("key{key}"), ToString::to_string)
}

/// The wire form of a value; `generic` means that the key was written by number and the value is raw.
pub(super) fn from_text(key: u16, generic: bool, value: Option<&Token<'_>>, at: &Token<'_>) -> Result<Vec<u8>, Fault> {
    let text = value.map_or(Ok(Default::default()), Token::octets)?;
    let wire = if generic { Some(text.into_owned()) } else { encode(key, &text) };
    let wire = wire.filter(|wire| is_valid(key, wire) && wire.len() <= usize::from(u16::MAX));
    wire.ok_or_else(|| {
        let name = key_to_text(key);
        let shown = value.map_or_else(String::new, Token::shown);
        value.unwrap_or(at).fault(format!("invalid value \"{shown}\" for {name}"), example(key))
    })
}

fn example(key: u16) -> &'static str {
    match key {
        MANDATORY => "write other keys of the record, each once, such as mandatory=alpn,port",
        ALPN => "write protocol ids of 1 to 255 octets with commas between them, such as alpn=h2,h3",
        NO_DEFAULT_ALPN | OHTTP => "write the key alone, without a value",
        PORT => "write a number from 0 to 65535, such as port=8443",
        IPV4_HINT => "write IPv4 addresses with commas between them, such as ipv4hint=192.0.2.1,192.0.2.2",
        ECH => "write the configuration list in base64",
        IPV6_HINT => "write IPv6 addresses with commas between them, such as ipv6hint=2001:db8::1,2001:db8::2",
        DOH_PATH => "write a path that has the variable dns, such as dohpath=/dns-query{?dns}",
        _ => "write at most 65535 octets",
    }
}

fn encode(key: u16, text: &[u8]) -> Option<Vec<u8>> {
    match key {
        MANDATORY => {
            let keys: Option<Vec<u16>> = text.split(|&octet| octet == b',').map(key_from_text).collect();
            let mut keys = keys?;
            keys.sort_unstable();
            Some(keys.into_iter().flat_map(u16::to_be_bytes).collect())
        }
        ALPN => encode_alpn(text),
        PORT => u16::try_from(decimal(text)?).ok().map(|port| port.to_be_bytes().to_vec()),
        IPV4_HINT => text.split(|&octet| octet == b',').try_fold(Vec::new(), |mut wire, address| {
            wire.extend(parsed::<Ipv4Addr>(address)?.octets());
            Some(wire)
        }),
        IPV6_HINT => text.split(|&octet| octet == b',').try_fold(Vec::new(), |mut wire, address| {
            wire.extend(parsed::<Ipv6Addr>(address)?.octets());
            Some(wire)
        }),
        ECH => from_base64(text),
        _ => Some(text.to_vec()),
    }
}

/// Protocol ids between commas; a backslash makes a comma or a backslash part of an id (RFC 9460 appendix A.1).
fn encode_alpn(text: &[u8]) -> Option<Vec<u8>> {
    let mut ids = vec![Vec::new()];
    let mut rest = text.iter();
    while let Some(&octet) = rest.next() {
        match octet {
            b',' => ids.push(Vec::new()),
            b'\\' => ids.last_mut()?.push(*rest.next().filter(|octet| matches!(octet, b',' | b'\\'))?),
            _ => ids.last_mut()?.push(octet),
        }
    }
    ids.into_iter().try_fold(Vec::with_capacity(text.len() + 1), |mut wire, id| {
        wire.push(u8::try_from(id.len()).ok()?);
        wire.extend(id);
        Some(wire)
    })
}

/// Whether octets are a value of this key on the wire.
fn is_valid(key: u16, wire: &[u8]) -> bool {
    match key {
        MANDATORY => {
            let keys: Vec<&[u8]> = wire.chunks(2).collect();
            !wire.is_empty()
                && wire.len().is_multiple_of(2)
                && keys.first() != Some(&[0, 0].as_slice())
                && keys.is_sorted_by(|a, b| a < b)
        }
        ALPN => !wire.is_empty() && alpn_ids(wire).is_some(),
        NO_DEFAULT_ALPN | OHTTP => wire.is_empty(),
        PORT => wire.len() == 2,
        IPV4_HINT => !wire.is_empty() && wire.len().is_multiple_of(4),
        IPV6_HINT => !wire.is_empty() && wire.len().is_multiple_of(16),
        DOH_PATH => std::str::from_utf8(wire).is_ok_and(is_doh_path),
        _ => true,
    }
}

fn alpn_ids(wire: &[u8]) -> Option<Vec<&[u8]>> {
    let mut rest = wire;
    let mut ids = Vec::new();
    while let Some((&len, tail)) = rest.split_first() {
        let (id, after) = tail.split_at_checked(usize::from(len)).filter(|(id, _)| !id.is_empty())?;
        ids.push(id);
        rest = after;
    }
    Some(ids)
}

/// True for a path whose URI template has the variable `dns` (RFC 9461 §5).
fn is_doh_path(path: &str) -> bool {
    let mut expressions = path.split('{').skip(1).filter_map(|part| part.split_once('}').map(|(inside, _)| inside));
    path.starts_with('/')
        && expressions.any(|inside| {
            let names = inside.trim_start_matches(|first: char| !first.is_ascii_alphanumeric());
            names.split(',').any(|name| name.split([':', '*']).next() == Some("dns"))
        })
}

/// Writes `key=value`, or the key alone if the value is empty.
pub(super) fn write(key: u16, wire: &[u8], out: &mut Phrase) -> Result<(), Unreadable> {
    if !is_valid(key, wire) {
        return Err(Unreadable::Malformed);
    }
    let name = key_to_text(key);
    if wire.is_empty() {
        out.token(name);
        return Ok(());
    }
    let value = match key {
        MANDATORY => joined(wire, |pair: [u8; 2]| key_to_text(u16::from_be_bytes(pair))),
        ALPN => decode_alpn(wire),
        PORT => joined(wire, |pair: [u8; 2]| u16::from_be_bytes(pair).to_string()),
        IPV4_HINT => joined(wire, |octets: [u8; 4]| Ipv4Addr::from(octets).to_string()),
        IPV6_HINT => joined(wire, |octets: [u8; 16]| Ipv6Addr::from(octets).to_string()),
        ECH => base64(wire),
        _ => quoted(wire),
    };
    out.token(format_args!("{name}={value}"));
    Ok(())
}

fn joined<const N: usize>(wire: &[u8], shown: impl Fn([u8; N]) -> String) -> String {
    let values: Vec<String> = wire.as_chunks::<N>().0.iter().map(|&chunk| shown(chunk)).collect();
    values.join(",")
}

fn decode_alpn(wire: &[u8]) -> String {
    let mut text = Vec::with_capacity(wire.len() + 2);
    for (index, id) in alpn_ids(wire).unwrap_or_default().into_iter().enumerate() {
        if index > 0 {
            text.push(b',');
        }
        for &octet in id {
            if matches!(octet, b',' | b'\\') {
                text.push(b'\\');
            }
            text.push(octet);
        }
    }
    quoted(&text)
}
