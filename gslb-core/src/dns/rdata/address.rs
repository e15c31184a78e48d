//! Addresses in rdata: IP, EUI, ILNP, X.25, NSAP and ATM.

use super::encoding::{from_hex, hex};
use super::phrase::Phrase;
use super::scalar::put_counted;
use super::token::{Fault, Token, Tokens};
use super::wire::{Unreadable, Wire};
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

type Done = Result<(), Fault>;

pub(super) fn read_ipv4(label: &str, tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Done {
    let token = tokens.next(label)?;
    rdata.extend_from_slice(&ipv4(label, &token)?.octets());
    Ok(())
}

pub(super) fn read_ipv6(label: &str, tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Done {
    let token = tokens.next(label)?;
    rdata.extend_from_slice(&ipv6(label, &token)?.octets());
    Ok(())
}

/// Parses an IPv4 address.
pub(super) fn ipv4(label: &str, token: &Token<'_>) -> Result<Ipv4Addr, Fault> {
    parsed(token.bare(label)?).ok_or_else(|| {
        token.fault(
            format!("the {label} \"{}\" is not an IPv4 address", token.shown()),
            "write four numbers from 0 to 255 with dots between them, without leading zeros, such as 192.0.2.1",
        )
    })
}

/// Parses an IPv6 address.
pub(super) fn ipv6(label: &str, token: &Token<'_>) -> Result<Ipv6Addr, Fault> {
    parsed(token.bare(label)?).ok_or_else(|| {
        token.fault(
            format!("the {label} \"{}\" is not an IPv6 address", token.shown()),
            "write hexadecimal groups with colons between them, such as 2001:db8::1",
        )
    })
}

/// Parses `text` as a `T`.
pub(super) fn parsed<T: FromStr>(text: &[u8]) -> Option<T> {
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// Reads four groups of one to four hexadecimal digits with colons between them.
pub(super) fn read_groups(label: &str, tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Done {
    let token = tokens.next(label)?;
    let groups: Option<Vec<u16>> = token.bare(label)?.split(|&octet| octet == b':').map(group).collect();
    let groups = groups.filter(|groups| groups.len() == 4).ok_or_else(|| {
        token.fault(
            format!("the {label} \"{}\" is not four groups of hexadecimal digits", token.shown()),
            "write four groups of one to four hexadecimal digits with colons between them, such as 14:4fff:ff20:ee64",
        )
    })?;
    rdata.extend(groups.into_iter().flat_map(u16::to_be_bytes));
    Ok(())
}

fn group(text: &[u8]) -> Option<u16> {
    let fits = (1..=4).contains(&text.len()) && text.iter().all(u8::is_ascii_hexdigit);
    if fits { u16::from_str_radix(std::str::from_utf8(text).ok()?, 16).ok() } else { None }
}

pub(super) fn write_groups(octets: [u8; 8], out: &mut Phrase) {
    let value = u64::from_be_bytes(octets);
    let [a, b, c, d] = [48, 32, 16, 0].map(|shift| (value >> shift) & 0xFFFF);
    out.token(format_args!("{a:x}:{b:x}:{c:x}:{d:x}"));
}

/// Reads `count` octets of one or two hexadecimal digits with hyphens between them.
pub(super) fn read_eui(count: usize, label: &str, tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Done {
    let token = tokens.next(label)?;
    let octets: Option<Vec<u8>> = token.bare(label)?.split(|&octet| octet == b'-').map(eui_octet).collect();
    let octets = octets.filter(|octets| octets.len() == count).ok_or_else(|| {
        token.fault(
            format!("the {label} \"{}\" is not an EUI of {count} octets", token.shown()),
            format!("write {count} pairs of hexadecimal digits with hyphens between them, such as 00-00-5e-..."),
        )
    })?;
    rdata.extend_from_slice(&octets);
    Ok(())
}

fn eui_octet(text: &[u8]) -> Option<u8> {
    group(text).filter(|_| text.len() <= 2).and_then(|value| u8::try_from(value).ok())
}

pub(super) fn write_eui(octets: &[u8], out: &mut Phrase) {
    let pairs: Vec<String> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    out.token(pairs.join("-"));
}

/// Minimum number of digits of an X.25 address: its data network identification code (RFC 1183 §3.1).
const LEAST_PSDN: usize = 4;

fn is_psdn(digits: &[u8]) -> bool {
    digits.len() >= LEAST_PSDN && digits.iter().all(u8::is_ascii_digit)
}

pub(super) fn read_psdn(label: &str, tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Done {
    let token = tokens.next(label)?;
    let digits = token.octets()?;
    if !is_psdn(&digits) {
        let message = format!("the {label} \"{}\" is not at least four digits", token.shown());
        return Err(token.fault(message, "write the address in decimal digits only"));
    }
    put_counted(label, &token, &digits, rdata)
}

pub(super) fn write_psdn(wire: &mut Wire<'_>, out: &mut Phrase) -> Result<(), Unreadable> {
    let digits = wire.counted()?;
    if !is_psdn(digits) {
        return Err(Unreadable::Malformed);
    }
    out.string(digits);
    Ok(())
}

pub(super) fn read_nsap(label: &str, tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Done {
    let token = tokens.next(label)?;
    let text = token.bare(label)?;
    let digits = text.strip_prefix(b"0x").or_else(|| text.strip_prefix(b"0X")).map(without_dots);
    let octets = digits.and_then(|digits| from_hex(&digits)).filter(|octets| !octets.is_empty()).ok_or_else(|| {
        token.fault(
            format!("the {label} \"{}\" is not hexadecimal after 0x", token.shown()),
            "write 0x and pairs of hexadecimal digits; dots may stand between them",
        )
    })?;
    rdata.extend_from_slice(&octets);
    Ok(())
}

pub(super) fn write_nsap(wire: &mut Wire<'_>, out: &mut Phrase) -> Result<(), Unreadable> {
    out.token(format_args!("0x{}", hex(wire.rest()?).to_ascii_lowercase()));
    Ok(())
}

/// Formats of an ATM address: an end system address in hexadecimal, or a telephone number after a plus sign.
const ATM_END_SYSTEM: u8 = 0;
const ATM_E164: u8 = 1;

pub(super) fn read_atm(label: &str, tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Done {
    let token = tokens.next(label)?;
    let text = token.bare(label)?;
    let (format, body) = match text.strip_prefix(b"+") {
        Some(digits) => (ATM_E164, digits),
        None => (ATM_END_SYSTEM, text),
    };
    // Dots only group the digits: none at either end, nor two in a row.
    let grouped = body.split(|&octet| octet == b'.').all(|part| !part.is_empty());
    let digits = without_dots(body);
    let octets = match format {
        ATM_E164 => digits.iter().all(u8::is_ascii_digit).then_some(digits),
        _ => from_hex(&digits),
    };
    let octets = octets.filter(|_| grouped).ok_or_else(|| {
        token.fault(
            format!("the {label} \"{}\" is not an ATM address", token.shown()),
            "write + and decimal digits, or pairs of hexadecimal digits; single dots may stand between them",
        )
    })?;
    rdata.push(format);
    rdata.extend_from_slice(&octets);
    Ok(())
}

pub(super) fn write_atm(wire: &mut Wire<'_>, out: &mut Phrase) -> Result<(), Unreadable> {
    match (wire.u8()?, wire.rest()?) {
        (ATM_END_SYSTEM, octets) => out.token(hex(octets).to_ascii_lowercase()),
        (ATM_E164, digits) if digits.iter().all(u8::is_ascii_digit) => {
            out.token(format_args!("+{}", String::from_utf8_lossy(digits)));
        }
        (ATM_E164, _) => return Err(Unreadable::Malformed),
        _ => return Err(Unreadable::NoText),
    }
    Ok(())
}

fn without_dots(text: &[u8]) -> Vec<u8> {
    text.iter().copied().filter(|&octet| octet != b'.').collect()
}
