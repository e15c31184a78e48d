//! Lists of address prefixes, each perhaps negated: `1:192.0.2.0/24 !2:2001:db8::/32` (RFC 3123).

use super::address::parsed;
use super::phrase::Phrase;
use super::token::{Fault, Token, Tokens, decimal};
use super::wire::{Unreadable, Wire};
use std::net::{Ipv4Addr, Ipv6Addr};

/// Address families (RFC 3123 §4).
const IPV4: u16 = 1;
const IPV6: u16 = 2;

pub(super) fn read(tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Result<(), Fault> {
    while let Some(token) = tokens.take() {
        let item = item(&token).ok_or_else(|| {
            token.fault(
                format!("\"{}\" is not an address prefix", token.shown()),
                "write 1:192.0.2.0/24 for IPv4, 2:2001:db8::/32 for IPv6, with ! before it to negate",
            )
        })?;
        rdata.extend_from_slice(&item);
    }
    Ok(())
}

fn item(token: &Token<'_>) -> Option<Vec<u8>> {
    let text = if token.quoted { return None } else { token.text };
    let (negated, text) = match text.strip_prefix(b"!") {
        Some(rest) => (0x80, rest),
        None => (0, text),
    };
    let (family, text) = split(text, b':')?;
    let (address, prefix) = split(text, b'/')?;
    let family = u16::try_from(decimal(family)?).ok()?;
    let octets = match family {
        IPV4 => parsed::<Ipv4Addr>(address)?.octets().to_vec(),
        IPV6 => parsed::<Ipv6Addr>(address)?.octets().to_vec(),
        _ => return None,
    };
    let prefix = u8::try_from(decimal(prefix)?).ok().filter(|&prefix| usize::from(prefix) <= octets.len() * 8)?;
    let octets = super::bitmap::trimmed(&octets);
    let [high, low] = family.to_be_bytes();
    Some([&[high, low, prefix, negated | octets.len() as u8], octets].concat())
}

fn split(text: &[u8], mark: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|&octet| octet == mark)?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

pub(super) fn write(wire: &mut Wire<'_>, out: &mut Phrase) -> Result<(), Unreadable> {
    let mut unknown = false;
    while !wire.is_empty() {
        let family = wire.u16()?;
        let [prefix, bits] = wire.array()?;
        let octets = wire.take(usize::from(bits & 0x7F))?;
        let sign = if bits & 0x80 == 0 { "" } else { "!" };
        // Zero octets at the end are always left out (RFC 3123 §4).
        if octets.last() == Some(&0) {
            return Err(Unreadable::Malformed);
        }
        match family {
            IPV4 if prefix <= 32 => {
                out.token(format_args!("{sign}1:{}/{prefix}", Ipv4Addr::from(filled::<4>(octets)?)));
            }
            IPV6 if prefix <= 128 => {
                out.token(format_args!("{sign}2:{}/{prefix}", Ipv6Addr::from(filled::<16>(octets)?)));
            }
            IPV4 | IPV6 => return Err(Unreadable::Malformed),
            _ => unknown = true,
        }
    }
    if unknown { Err(Unreadable::NoText) } else { Ok(()) }
}

/// `octets` with zero octets after them up to `N`.
fn filled<const N: usize>(octets: &[u8]) -> Result<[u8; N], Unreadable> {
    let mut address = [0; N];
    address.get_mut(..octets.len()).ok_or(Unreadable::Malformed)?.copy_from_slice(octets);
    Ok(address)
}
