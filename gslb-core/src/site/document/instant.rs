//! Instants as written: an ISO 8601 date and time in UTC, such as `2026-12-24T00:00:00Z`.

use jiff::civil::{DateTime, date};

/// Parses an instant into milliseconds since 1970-01-01 00:00 UTC. `None` for other forms and for earlier instants.
///
/// Fractions beyond milliseconds are dropped. Leap seconds are rejected.
pub fn parse(text: &str) -> Option<u64> {
    let text = text.strip_suffix('Z')?;
    // The parser also accepts other ISO 8601 forms, and leap seconds.
    let has_form = text.bytes().enumerate().all(|(at, octet)| match at {
        4 | 7 => octet == b'-',
        10 => octet == b'T',
        13 | 16 => octet == b':',
        19 => octet == b'.',
        _ => octet.is_ascii_digit(),
    });
    if !has_form || text.len() < 19 || text.get(17..19) == Some("60") {
        return None;
    }
    // The parser accepts at most nine decimals.
    let instant: DateTime = text.get(..text.len().min(29))?.parse().ok()?;
    u64::try_from(instant.duration_since(date(1970, 1, 1).at(0, 0, 0, 0)).as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_match_the_calendar() {
        let known = [
            ("1970-01-01T00:00:00Z", 0),
            ("1970-03-01T00:00:00Z", 5_097_600_000),
            ("2000-02-29T12:34:56Z", 951_827_696_000),
            ("2026-12-24T00:00:00Z", 1_798_070_400_000),
            ("2100-03-01T00:00:00Z", 4_107_542_400_000),
            ("9999-12-31T23:59:59.9999Z", 253_402_300_799_999),
        ];
        for (text, milliseconds) in known {
            assert_eq!(parse(text), Some(milliseconds), "{text}");
        }
    }

    #[test]
    fn other_texts_are_not_instants() {
        for text in [
            "",
            "Z",
            "2026-12-24",
            "2026-12-24T00:00:00",
            "2026-12-24T00:00:00+01:00",
            "2026-12-24 00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2100-02-29T00:00:00Z",
            "2026-12-24T24:00:00Z",
            "2026-12-24T00:60:00Z",
            "2026-12-24T23:59:60Z",
            "2026-12-24T00:00:00.Z",
            "2026-12-24T00:00:00.xZ",
            "1969-12-31T23:59:59Z",
            "+026-12-24T00:00:00Z",
            "2026-12-24-01T00:00:00Z",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
