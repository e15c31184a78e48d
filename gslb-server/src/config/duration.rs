//! Durations as people write them: `500ms`, `10s`, `1m`, `2h`.

use std::time::Duration;

/// Units in the order that [`write()`] tries them, with their length in milliseconds.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Reads a whole number and a unit; nothing when it is anything else or too long to count in milliseconds.
pub(super) fn read(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(digits);
    let (_, milliseconds) = UNITS.iter().find(|(name, _)| *name == unit)?;
    number.parse::<u64>().ok()?.checked_mul(*milliseconds).map(Duration::from_millis)
}

/// Writes a duration of whole milliseconds with the largest unit that needs no fraction.
pub(super) fn write(duration: Duration) -> String {
    let total = duration.as_millis() as u64;
    let exact = UNITS.iter().find(|(_, milliseconds)| total.is_multiple_of(*milliseconds));
    let (unit, milliseconds) = if total == 0 { ("s", 1000) } else { *exact.unwrap_or(&("ms", 1)) };
    format!("{}{unit}", total / milliseconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_read_and_written_back() {
        for (text, milliseconds) in [("500ms", 500), ("10s", 10_000), ("1m", 60_000), ("2h", 7_200_000), ("0s", 0)] {
            assert_eq!(read(text), Some(Duration::from_millis(milliseconds)), "{text}");
            assert_eq!(write(Duration::from_millis(milliseconds)), text);
        }
        assert_eq!(write(Duration::from_millis(90_000)), "90s");
    }

    #[test]
    fn anything_else_is_not_a_duration() {
        for text in
            ["", "10", "s", "1.5s", "-1s", "1 s", "1d", "10S", "s10", "99999999999999999999s", "9999999999999999h"]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
