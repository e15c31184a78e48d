//! The wall clock, and times as text: RFC 3339, in UTC.

use std::time::SystemTime;

use jiff::Timestamp;

use crate::store::Time;

pub(crate) mod wall_clock;

/// The current wall-clock time.
pub(crate) fn now() -> Time {
    SystemTime::now().into()
}

/// `time` with milliseconds, such as `2026-11-22T10:09:58.123Z`.
pub(crate) fn show(time: Time) -> String {
    let millis = i64::try_from(time.millis()).unwrap_or(i64::MAX);
    let timestamp = Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX);
    format!("{timestamp:.3}")
}

/// Parses a time, with `Z` or an offset; `None` if `text` is invalid, or before 1970.
pub(crate) fn parse(text: &str) -> Option<Time> {
    let timestamp: Timestamp = text.parse().ok()?;
    u64::try_from(timestamp.as_millisecond()).ok().map(Time::from_millis)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_round_trip() {
        let text = "2026-11-22T10:09:58.123Z";
        assert_eq!(parse(text).map(show).as_deref(), Some(text));
        assert_eq!(parse("2026-11-22T11:09:58.123+01:00"), parse(text));
        for invalid in ["", "yesterday", "2026-11-22", "1969-12-31T23:59:59Z", "2026-13-01T00:00:00Z"] {
            assert_eq!(parse(invalid), None, "{invalid}");
        }
        assert!(show(Time::from_millis(u64::MAX)).starts_with("9999-12-30T"));
    }
}
