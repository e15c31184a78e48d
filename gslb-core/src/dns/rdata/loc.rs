//! Geographical locations: degrees, minutes, seconds and meters as the fixed-point numbers of RFC 1876.

use super::phrase::Phrase;
use super::token::{Fault, Token, Tokens, decimal};
use super::wire::{Unreadable, Wire};

/// The equator, the prime meridian: coordinates are thousandths of a second from here (RFC 1876 §2).
const ORIGIN: i64 = 1 << 31;
const MS_PER_DEGREE: i64 = 3_600_000;
const MS_PER_MINUTE: i64 = 60_000;
/// Altitude 0 of the wire form, in centimeters below the reference spheroid.
const DEEPEST_CM: i64 = 10_000_000;
/// Largest size or precision, in centimeters: 9e9.
const LARGEST_CM: i64 = 9_000_000_000;
/// Size 1 m, horizontal precision 10 km, vertical precision 10 m, used if omitted (RFC 1876 §3).
const DEFAULT_SIZES: [u8; 3] = [0x12, 0x16, 0x13];

/// One of the two coordinates.
struct Axis {
    label: &'static str,
    degrees: u32,
    positive: &'static str,
    negative: &'static str,
}

const LATITUDE: Axis = Axis { label: "latitude", degrees: 90, positive: "N", negative: "S" };
const LONGITUDE: Axis = Axis { label: "longitude", degrees: 180, positive: "E", negative: "W" };

pub(super) fn read(tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Result<(), Fault> {
    let latitude = LATITUDE.read(tokens)?;
    let longitude = LONGITUDE.read(tokens)?;
    let altitude = tokens.next("altitude")?;
    let deepest = -DEEPEST_CM;
    let altitude = metres(&altitude, "altitude", deepest, i64::from(u32::MAX) + deepest)? - deepest;
    let mut sizes = DEFAULT_SIZES;
    for (size, label) in sizes.iter_mut().zip(["size", "horizontal precision", "vertical precision"]) {
        let Some(token) = tokens.take() else { break };
        *size = exponent_form(metres(&token, label, 0, LARGEST_CM)?);
    }
    rdata.push(0);
    rdata.extend_from_slice(&sizes);
    for value in [latitude, longitude, altitude] {
        // Every value has been range-checked, and all ranges fit into 32 bits.
        rdata.extend_from_slice(&(value as u32).to_be_bytes());
    }
    Ok(())
}

pub(super) fn write(wire: &mut Wire<'_>, out: &mut Phrase) -> Result<(), Unreadable> {
    if wire.u8()? != 0 {
        *wire = Wire(&[]);
        return Err(Unreadable::NoText);
    }
    let sizes: [u8; 3] = wire.array()?;
    LATITUDE.write(wire.u32()?, out)?;
    LONGITUDE.write(wire.u32()?, out)?;
    let altitude = i64::from(wire.u32()?) - DEEPEST_CM;
    let sign = if altitude < 0 { "-" } else { "" };
    out.token(format_args!("{sign}{}.{:02}m", altitude.abs() / 100, altitude.abs() % 100));
    for size in sizes {
        let (base, exponent) = (u64::from(size >> 4), u32::from(size & 0xF));
        if base > 9 || exponent > 9 || (base == 0 && exponent > 0) {
            return Err(Unreadable::Malformed);
        }
        match exponent {
            0 | 1 => out.token(format_args!("0.{:02}m", base * 10u64.pow(exponent))),
            _ => out.token(format_args!("{}m", base * 10u64.pow(exponent - 2))),
        }
    }
    Ok(())
}

impl Axis {
    /// Reads degrees, perhaps minutes, perhaps seconds, and the hemisphere; gives the wire form's number.
    fn read(&self, tokens: &mut Tokens<'_, '_>) -> Result<i64, Fault> {
        let degrees = tokens.next(self.label)?;
        let mut total = self.part(&degrees, self.degrees)? * MS_PER_DEGREE;
        for step in 0..3 {
            let token = tokens.next("hemisphere")?;
            let text = token.bare("hemisphere")?;
            if text == self.positive.as_bytes() {
                return self.within(total, &token).map(|total| ORIGIN + total);
            }
            if text == self.negative.as_bytes() {
                return self.within(total, &token).map(|total| ORIGIN - total);
            }
            total += match step {
                0 => self.part(&token, 59)? * MS_PER_MINUTE,
                1 => fraction(text, 3).filter(|&ms| ms < MS_PER_MINUTE).ok_or_else(|| self.fault(&token))?,
                _ => return Err(self.fault(&token)),
            };
        }
        Err(self.fault(&degrees))
    }

    fn part(&self, token: &Token<'_>, most: u32) -> Result<i64, Fault> {
        let value = decimal(token.bare(self.label)?).filter(|&value| value <= most);
        value.map(i64::from).ok_or_else(|| self.fault(token))
    }

    fn within(&self, total: i64, token: &Token<'_>) -> Result<i64, Fault> {
        if total <= i64::from(self.degrees) * MS_PER_DEGREE { Ok(total) } else { Err(self.fault(token)) }
    }

    fn fault(&self, token: &Token<'_>) -> Fault {
        let Axis { label, degrees, positive, negative } = self;
        token.fault(
            format!("invalid {label} at \"{}\"", token.shown()),
            format!(
                "write degrees up to {degrees}, minutes up to 59, seconds up to 59.999, then {positive} or {negative}"
            ),
        )
    }

    fn write(&self, value: u32, out: &mut Phrase) -> Result<(), Unreadable> {
        let offset = i64::from(value) - ORIGIN;
        let ms = offset.abs();
        if ms > i64::from(self.degrees) * MS_PER_DEGREE {
            return Err(Unreadable::Malformed);
        }
        let (degrees, minutes, rest) = (ms / MS_PER_DEGREE, ms / MS_PER_MINUTE % 60, ms % MS_PER_MINUTE);
        let hemisphere = if offset < 0 { self.negative } else { self.positive };
        out.token(format_args!("{degrees} {minutes} {}.{:03} {hemisphere}", rest / 1000, rest % 1000));
        Ok(())
    }
}

/// Reads meters with up to two decimals, perhaps a sign before and an `m` after; gives centimeters.
fn metres(token: &Token<'_>, label: &str, least: i64, most: i64) -> Result<i64, Fault> {
    let text = token.bare(label)?;
    let text = text.strip_suffix(b"m").unwrap_or(text);
    let value = match text.split_first() {
        Some((b'-', digits)) => fraction(digits, 2).map(|value| -value),
        Some((b'+', digits)) => fraction(digits, 2),
        _ => fraction(text, 2),
    };
    value.filter(|value| (least..=most).contains(value)).ok_or_else(|| {
        token.fault(
            format!("the {label} \"{}\" is wrong", token.shown()),
            format!("write metres from {} to {} with up to two decimals, such as 12.50m", least / 100, most / 100),
        )
    })
}

/// A decimal number with up to `positions` digits after the point, times ten to the power of `positions`.
fn fraction(text: &[u8], positions: usize) -> Option<i64> {
    let point = text.iter().position(|&octet| octet == b'.').unwrap_or(text.len());
    let (whole, rest) = text.split_at_checked(point)?;
    let decimals = rest.get(1..).unwrap_or_default();
    if decimals.len() > positions || (whole.is_empty() && decimals.is_empty()) {
        return None;
    }
    let mut digits = decimals.to_vec();
    digits.resize(positions, b'0');
    let whole = if whole.is_empty() { 0 } else { decimal(whole)? };
    Some(i64::from(whole) * 10i64.pow(positions as u32) + i64::from(decimal(&digits)?))
}

/// Centimetres as one digit and a power of ten; further digits are dropped.
fn exponent_form(mut centimetres: i64) -> u8 {
    let mut exponent = 0u8;
    while centimetres > 9 {
        centimetres /= 10;
        exponent += 1;
    }
    (centimetres as u8) << 4 | exponent
}
