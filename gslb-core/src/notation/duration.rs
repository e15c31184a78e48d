//! Durations as written: a whole number and a unit, such as `30s`.

use std::time::Duration;

/// The units of durations, for messages.
pub const UNITS: &str = "the units are ms, s, m, h and d";

/// Parses `500ms`, `30s`, `5m`, `1h` or `7d`; `None` for anything else, or if the milliseconds overflow.
pub fn parse(text: &str) -> Option<Duration> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at_checked(digits)?;
    let number: u64 = number.parse().ok()?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(milliseconds).map(Duration::from_millis)
}

/// Formats whole milliseconds in the largest unit that needs no fraction.
pub fn show(duration: Duration) -> String {
    match duration.as_millis() {
        0 => "0s".to_owned(),
        ms if ms % 3_600_000 == 0 => format!("{}h", ms / 3_600_000),
        ms if ms % 60_000 == 0 => format!("{}m", ms / 60_000),
        ms if ms % 1_000 == 0 => format!("{}s", ms / 1_000),
        ms => format!("{ms}ms"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_duration_round_trip() {
        for text in ["500ms", "30s", "5m", "1h", "0s", "1500ms", "90s"] {
            assert_eq!(parse(text).map(show).as_deref(), Some(text));
        }
        for text in ["", "30", "s", "30 s", "-1s", "1.5s", "1w", "99999999999999999999s", "9999999999999999999h", "é"]
        {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_parsed_and_formatted() {
        for (text, milliseconds) in [("500ms", 500), ("10s", 10_000), ("1m", 60_000), ("2h", 7_200_000), ("0s", 0)] {
            assert_eq!(parse(text), Some(Duration::from_millis(milliseconds)), "{text}");
            assert_eq!(show(Duration::from_millis(milliseconds)), text);
        }
        assert_eq!(show(Duration::from_millis(90_000)), "90s");
        assert_eq!(parse("7d"), parse("168h"), "a day has 24 hours");
    }

    #[test]
    fn other_texts_are_not_durations() {
        for text in [
            "",
            "10",
            "s",
            "1.5s",
            "-1s",
            "1 s",
            "1D",
            "d",
            "10S",
            "s10",
            "99999999999999999999s",
            "9999999999999999h",
            "999999999999999d",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
