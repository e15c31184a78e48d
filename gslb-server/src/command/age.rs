//! Times in tables for people: how long ago, or how soon. `-o wide` shows them in full.

use jiff::Timestamp;

use super::table::is_wide;

/// How long ago `moment` (RFC 3339) was, such as `3m ago`, or how soon it is, such as `in 2h5m`. Other text stays as
/// is.
pub(super) fn relative(moment: &str) -> String {
    if is_wide() {
        return to_the_second(moment);
    }
    from(moment, Timestamp::now())
}

/// `moment` in UTC, to the second. Other text stays as is.
pub(super) fn to_the_second(moment: &str) -> String {
    let parsed = moment.parse::<Timestamp>();
    parsed.map_or_else(|_| moment.to_owned(), |at| at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
}

fn from(moment: &str, now: Timestamp) -> String {
    let Ok(at) = moment.parse::<Timestamp>() else { return moment.to_owned() };
    let seconds = now.as_second() - at.as_second();
    match seconds {
        0 => "now".to_owned(),
        1.. => format!("{} ago", span(seconds.unsigned_abs())),
        _ => format!("in {}", span(seconds.unsigned_abs())),
    }
}

/// Seconds in the largest unit that they fill; below ten of it, also in the next smaller one.
fn span(seconds: u64) -> String {
    const UNITS: [(u64, &str); 5] = [(365 * 86_400, "y"), (86_400, "d"), (3_600, "h"), (60, "m"), (1, "s")];
    let first = UNITS.iter().position(|(length, _)| seconds >= *length).unwrap_or(UNITS.len() - 1);
    let mut parts = UNITS.iter().skip(first).take(2).scan(seconds, |left, (length, unit)| {
        let count = *left / length;
        *left %= length;
        Some((count, *unit))
    });
    let Some((count, unit)) = parts.next() else { return format!("{seconds}s") };
    match parts.next() {
        Some((rest, smaller)) if count < 10 && rest > 0 => format!("{count}{unit}{rest}{smaller}"),
        _ => format!("{count}{unit}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_shown_relative_to_now() {
        let now: Timestamp = "2026-11-30T12:00:00Z".parse().unwrap();
        for (moment, expected) in [
            ("2026-11-30T12:00:00.9Z", "now"),
            ("2026-11-30T11:59:01.123456Z", "59s ago"),
            ("2026-11-30T11:58:56Z", "1m4s ago"),
            ("2026-11-30T11:40:10Z", "19m ago"),
            ("2026-11-30T13:59:59Z", "in 1h59m"),
            ("2026-11-29T00:00:00Z", "1d12h ago"),
            ("2026-09-01T00:00:00Z", "90d ago"),
            ("2024-11-20T00:00:00Z", "2y10d ago"),
            ("never", "never"),
            ("", ""),
        ] {
            assert_eq!(from(moment, now), expected, "{moment}");
        }
        assert_eq!(to_the_second("2026-11-30T11:59:01.123456Z"), "2026-11-30T11:59:01Z");
    }
}
