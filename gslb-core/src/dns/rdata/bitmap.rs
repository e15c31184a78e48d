//! Sets of record types as bitmaps: windows (RFC 4034 §4.1.2), or a single short bitmap (RFC 2535 §5.2).

use super::phrase::Phrase;
use super::token::{Fault, Token, Tokens, decimal};
use super::types::by_number;
use super::wire::{Unreadable, Wire};
use super::{type_from_text, type_to_text};

/// Octets of one window, which has 256 types.
const WINDOW: usize = 32;

/// Reads one record type: a mnemonic or TYPE and a number (RFC 3597 §5).
pub(super) fn read_type(token: Token<'_>) -> Result<u16, Fault> {
    let text = token.bare("record type")?;
    std::str::from_utf8(text).ok().and_then(type_from_text).ok_or_else(|| {
        token.fault(
            format!("\"{}\" is not a record type", token.shown()),
            "write a mnemonic such as AAAA, or TYPE and a number up to 65535",
        )
    })
}

/// Reads types to the end, at least one where `some` is set.
pub(super) fn read(some: bool, label: &str, tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Result<(), Fault> {
    if tokens.peek().is_none() {
        return if some { tokens.next(label).map(drop) } else { Ok(()) };
    }
    let mut bits = vec![0u8; 256 * WINDOW];
    while let Some(token) = tokens.take() {
        set(&mut bits, read_type(token)?);
    }
    for (number, window) in (0u8..=255).zip(bits.chunks(WINDOW)) {
        let used = trimmed(window);
        if !used.is_empty() {
            rdata.extend_from_slice(&[number, used.len() as u8]);
            rdata.extend_from_slice(used);
        }
    }
    Ok(())
}

/// Writes the types of all windows, at least one where `some` is set.
pub(super) fn write(some: bool, wire: &mut Wire<'_>, out: &mut Phrase) -> Result<(), Unreadable> {
    if some && wire.is_empty() {
        return Err(Unreadable::Malformed);
    }
    let mut least = 0u16;
    while !wire.is_empty() {
        let number = u16::from(wire.u8()?);
        let window = wire.counted()?;
        if number < least || window.is_empty() || window.len() > WINDOW || trimmed(window).len() != window.len() {
            return Err(Unreadable::Malformed);
        }
        least = number + 1;
        for low in ones(window) {
            out.token(type_to_text(number << 8 | low));
        }
    }
    Ok(())
}

/// Reads the types of an NXT, which are below 128; a plain number is a type too (RFC 2535 §5.3).
pub(super) fn read_low(tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Result<(), Fault> {
    let mut bits = [0u8; 16];
    while let Some(token) = tokens.take() {
        let plain = decimal(token.bare("record type")?).and_then(|number| u16::try_from(number).ok());
        let rtype = plain.map_or_else(|| read_type(token), Ok)?;
        if !(1..128).contains(&rtype) {
            return Err(token.fault(
                format!("\"{}\" does not fit: an NXT record lists types 1 to 127", token.shown()),
                "use NSEC, which replaced NXT (RFC 3755)",
            ));
        }
        set(&mut bits, rtype);
    }
    rdata.extend_from_slice(trimmed(&bits));
    Ok(())
}

/// Writes the types of an NXT; a first bit that is set announces a format that was never defined.
pub(super) fn write_low(wire: &mut Wire<'_>, out: &mut Phrase) -> Result<(), Unreadable> {
    let bits = std::mem::take(&mut wire.0);
    let reserved = bits.first().is_some_and(|octet| octet & 0x80 != 0);
    if reserved || bits.len() > 16 || trimmed(bits).len() != bits.len() {
        return Err(Unreadable::Malformed);
    }
    for rtype in ones(bits) {
        match by_number(rtype) {
            Some(known) => out.token(known.mnemonic),
            None => out.token(rtype),
        }
    }
    Ok(())
}

/// Sets one bit; bits are counted from the first octet's highest.
pub(super) fn set(bits: &mut [u8], number: u16) {
    if let Some(octet) = bits.get_mut(usize::from(number / 8)) {
        *octet |= 0x80 >> (number % 8);
    }
}

/// Indices of the bits that are set, in at most 8192 octets.
pub(super) fn ones(bits: &[u8]) -> impl Iterator<Item = u16> {
    (0u16..8192)
        .zip(bits)
        .flat_map(|(at, &octet)| (0..8).filter(move |bit| octet & (0x80 >> bit) != 0).map(move |bit| at * 8 + bit))
}

/// The bits without the zero octets at their end.
pub(super) fn trimmed(bits: &[u8]) -> &[u8] {
    let used = bits.iter().rposition(|&octet| octet != 0).map_or(0, |last| last + 1);
    bits.get(..used).unwrap_or_default()
}
