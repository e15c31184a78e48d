//! Rdata with a field whose format depends on an earlier number: gateways of IPSECKEY and AMTRELAY, and A6.

use super::address::{ipv4, ipv6};
use super::phrase::Phrase;
use super::scalar::read_name;
use super::token::{Fault, Tokens};
use super::wire::{Unreadable, Wire};
use std::net::{Ipv4Addr, Ipv6Addr};

type Done = Result<(), Fault>;

/// Reads precedence, gateway type, algorithm and gateway (RFC 4025 §2).
pub(super) fn read_ipseckey(tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Done {
    let precedence = tokens.number("precedence", 255)?;
    let kind = tokens.number("gateway type", 3)?;
    let algorithm = tokens.number("algorithm", 255)?;
    rdata.extend([precedence as u8, kind as u8, algorithm as u8]);
    read_gateway(kind as u8, "gateway", tokens, rdata)
}

pub(super) fn write_ipseckey(wire: &mut Wire<'_>, out: &mut Phrase) -> Result<(), Unreadable> {
    let [precedence, kind, algorithm] = wire.array()?;
    out.token(format_args!("{precedence} {kind} {algorithm}"));
    match write_gateway(kind, wire, out) {
        // The key starts after the gateway, whose length is unknown here.
        Err(Unreadable::NoText) => Err(Unreadable::Malformed),
        done => done,
    }
}

/// True if the algorithm of an IPSECKEY, its third octet, says that no key is present (RFC 4025 §2.4).
pub(super) fn has_no_key(rdata: &[u8]) -> bool {
    rdata.get(2) == Some(&0)
}

/// Reads precedence, discovery bit, relay type and relay (RFC 8777 §4.3).
pub(super) fn read_amtrelay(tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Done {
    let precedence = tokens.number("precedence", 255)?;
    let discovery = tokens.number("discovery bit", 1)?;
    let kind = tokens.number("relay type", 3)?;
    rdata.extend([precedence as u8, (discovery << 7 | kind) as u8]);
    read_gateway(kind as u8, "relay", tokens, rdata)
}

pub(super) fn write_amtrelay(wire: &mut Wire<'_>, out: &mut Phrase) -> Result<(), Unreadable> {
    let [precedence, bits] = wire.array()?;
    let (discovery, kind) = (bits >> 7, bits & 0x7F);
    out.token(format_args!("{precedence} {discovery} {kind}"));
    write_gateway(kind, wire, out)
}

fn read_gateway(kind: u8, label: &str, tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Done {
    let token = tokens.peek().copied();
    match (kind, token) {
        (3, _) | (_, None) => return read_name(label, tokens, rdata),
        (1, Some(token)) => rdata.extend_from_slice(&ipv4(label, &token)?.octets()),
        (2, Some(token)) => rdata.extend_from_slice(&ipv6(label, &token)?.octets()),
        (_, Some(token)) if token.text != b"." || token.quoted => {
            let message = format!("the {label} of type 0 is \"{}\"", token.shown());
            return Err(token.fault(message, format!("write . for no {label}, or type 1, 2 or 3 before it")));
        }
        _ => {}
    }
    tokens.take();
    Ok(())
}

fn write_gateway(kind: u8, wire: &mut Wire<'_>, out: &mut Phrase) -> Result<(), Unreadable> {
    match kind {
        0 => out.token('.'),
        1 => out.token(Ipv4Addr::from(wire.array::<4>()?)),
        2 => out.token(Ipv6Addr::from(wire.array::<16>()?)),
        3 => out.token(wire.name()?),
        _ => return Err(Unreadable::NoText),
    }
    Ok(())
}

/// Reads the prefix length, the address suffix unless the prefix is complete, and the prefix name unless it is empty.
pub(super) fn read_a6(tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Done {
    let prefix = tokens.number("prefix length", 128)?;
    rdata.push(prefix as u8);
    if prefix < 128 {
        let token = tokens.next("address suffix")?;
        let suffix = u128::from(ipv6("address suffix", &token)?) & (u128::MAX >> prefix);
        rdata.extend(suffix.to_be_bytes().iter().skip(prefix as usize / 8));
    }
    if prefix > 0 { read_name("prefix name", tokens, rdata) } else { Ok(()) }
}

pub(super) fn write_a6(wire: &mut Wire<'_>, out: &mut Phrase) -> Result<(), Unreadable> {
    let prefix = wire.u8()?;
    out.token(prefix);
    if prefix > 128 {
        return Err(Unreadable::Malformed);
    }
    if prefix < 128 {
        let suffix = wire.take(16 - usize::from(prefix / 8))?;
        let address = suffix.iter().fold(0u128, |address, &octet| address << 8 | u128::from(octet));
        // Bits covered by the prefix are padding and must be zero (RFC 2874 §3.1).
        if address & !(u128::MAX >> prefix) != 0 {
            return Err(Unreadable::Malformed);
        }
        out.token(Ipv6Addr::from(address));
    }
    if prefix > 0 {
        out.token(wire.name()?);
    }
    Ok(())
}
