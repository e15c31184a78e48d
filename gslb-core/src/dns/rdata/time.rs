//! Durations with units, and the points in time of signatures.

use super::token::{Fault, Tokens, decimal};
use std::fmt;

/// Seconds from `1w2d3h4m5s` in any case or from a plain number; `None` if it is neither or above 2^32-1.
pub(crate) fn seconds(text: &[u8]) -> Option<u32> {
    if let Some(plain) = decimal(text) {
        return Some(plain);
    }
    let mut total = 0u32;
    for part in text.split_inclusive(|octet| !octet.is_ascii_digit()) {
        let (unit, digits) = part.split_last()?;
        let each = match unit.to_ascii_lowercase() {
            b'w' => 604_800,
            b'd' => 86_400,
            b'h' => 3_600,
            b'm' => 60,
            b's' => 1,
            _ => return None,
        };
        total = total.checked_add(decimal(digits)?.checked_mul(each)?)?;
    }
    (!text.is_empty()).then_some(total)
}

pub(super) fn read_seconds(label: &str, tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Result<(), Fault> {
    let token = tokens.next(label)?;
    let value = seconds(token.bare(label)?).ok_or_else(|| {
        token.fault(
            format!("the {label} \"{}\" is not a duration up to 4294967295 seconds", token.shown()),
            "write seconds, or numbers with the units w, d, h, m and s, such as 1h30m",
        )
    })?;
    rdata.extend_from_slice(&value.to_be_bytes());
    Ok(())
}

/// Reads seconds since 1970, or YYYYMMDDHHMMSS in UTC; later times wrap around as RFC 4034 §3.1.5 wants.
pub(super) fn read_moment(label: &str, tokens: &mut Tokens<'_, '_>, rdata: &mut Vec<u8>) -> Result<(), Fault> {
    let token = tokens.next(label)?;
    let text = token.bare(label)?;
    let value = if text.len() == 14 { from_date(text) } else { decimal(text) };
    let value = value.ok_or_else(|| {
        token.fault(
            format!("the {label} \"{}\" is not a time", token.shown()),
            "write YYYYMMDDHHMMSS in UTC, or seconds since 1970 up to 4294967295",
        )
    })?;
    rdata.extend_from_slice(&value.to_be_bytes());
    Ok(())
}

fn from_date(text: &[u8]) -> Option<u32> {
    let part = |from: usize, to: usize| decimal(text.get(from..to)?).map(i64::from);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    let months = months(year);
    let index = usize::try_from(month - 1).ok()?;
    let in_month = months.get(index)?;
    // A leap second is written as second 60.
    if year < 1900 || day < 1 || day > *in_month || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let days = days_before(year) + months.iter().take(index).sum::<i64>() + day - 1;
    let seconds = days * 86_400 + hour * 3_600 + minute * 60 + second;
    u32::try_from(seconds.rem_euclid(1 << 32)).ok()
}

/// A signature time, written as YYYYMMDDHHMMSS in the years 1970 to 2106.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment(pub(super) u32);

impl fmt::Display for Moment {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (i64::from(self.0 / 86_400), self.0 % 86_400);
        let year = (1970..=2106).rev().find(|&year| days_before(year) <= days).unwrap_or(1970);
        let (mut month, mut day) = (1, days - days_before(year));
        for in_month in months(year) {
            if day < in_month {
                break;
            }
            day -= in_month;
            month += 1;
        }
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        write!(out, "{year:04}{month:02}{:02}{hour:02}{minute:02}{second:02}", day + 1)
    }
}

/// Days from the start of 1970 to the start of `year`, which is at least 1.
fn days_before(year: i64) -> i64 {
    let leap_days = |years: i64| years / 4 - years / 100 + years / 400;
    (year - 1970) * 365 + leap_days(year - 1) - leap_days(1969)
}

fn months(year: i64) -> [i64; 12] {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    [31, if leap { 29 } else { 28 }, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units_in_any_order_and_case() {
        for (text, value) in
            [("0", 0), ("1w2d3h4m5s", 788_645), ("1W2D", 777_600), ("5h4w", 2_437_200), ("1h1h", 7_200)]
        {
            assert_eq!(seconds(text.as_bytes()), Some(value), "{text}");
        }
        for text in ["", "h", "1h5", "5x", "-1", "4294967296", "7102w", "1 h"] {
            assert_eq!(seconds(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn moments_round_trip_over_136_years() {
        for value in (0..u32::MAX - 100_000).step_by(99_991).chain([951_782_399, 951_782_400, 4_102_444_799, u32::MAX])
        {
            assert_eq!(from_date(Moment(value).to_string().as_bytes()), Some(value));
        }
        assert_eq!(Moment(1_582_970_645).to_string(), "20200229100405");
        assert_eq!(from_date(b"20210229000000"), None);
        assert_eq!(from_date(b"20201301000000"), None);
        assert_eq!(from_date(b"20200100000000"), None);
        assert_eq!(from_date(b"19691231235959"), Some(u32::MAX));
    }
}
