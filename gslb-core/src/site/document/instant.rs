//! Instants as they are written: a date and a time of ISO 8601 in UTC, such as `2026-12-24T00:00:00Z`.

/// Reads an instant; milliseconds since 1970-01-01 00:00 UTC. Nothing where it is anything else, or earlier than that.
///
/// Seconds may have decimals, of which those beyond milliseconds are dropped. Leap seconds are not taken.
pub fn parse(text: &str) -> Option<u64> {
    let text = text.strip_suffix('Z')?;
    let (date, time) = text.split_once('T')?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let (time, decimals) = time.split_once('.').unwrap_or((time, "0"));
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let in_range = (1970..=9999).contains(&year)
        && (1..=12).contains(&month)
        && (1..=days_of(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second < 60;
    let milliseconds = thousandths(decimals)?;
    let days = days_before(year, month) + day - 1;
    in_range.then(|| (((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000 + milliseconds)
}

/// Three numbers of so many digits each.
fn numbers(text: &str, between: char, digits: [usize; 3]) -> Option<[u64; 3]> {
    let mut parts = text.split(between);
    let mut numbers = [0; 3];
    for (number, digits) in numbers.iter_mut().zip(digits) {
        let part = parts.next().filter(|part| part.len() == digits && part.bytes().all(|it| it.is_ascii_digit()))?;
        *number = part.parse().ok()?;
    }
    parts.next().is_none().then_some(numbers)
}

/// The first three decimals.
fn thousandths(decimals: &str) -> Option<u64> {
    if decimals.is_empty() || !decimals.bytes().all(|it| it.is_ascii_digit()) {
        return None;
    }
    let digits = decimals.bytes().chain(std::iter::repeat(b'0')).take(3);
    Some(digits.fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_of(year: u64, month: u64) -> u64 {
    match month {
        2 => 28 + u64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days from 1970 to the first of a month.
fn days_before(year: u64, month: u64) -> u64 {
    let leaps = |year: u64| year / 4 - year / 100 + year / 400;
    let years = year.saturating_sub(1970) * 365 + leaps(year.saturating_sub(1)).saturating_sub(leaps(1969));
    years + (1..month).map(|month| days_of(year, month)).sum::<u64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_those_of_the_calendar() {
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
    fn anything_else_is_no_instant() {
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
