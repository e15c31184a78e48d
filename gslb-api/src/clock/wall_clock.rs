//! Jumps of the wall clock, found by comparing it with the monotonic clock.

use std::time::{Duration, Instant};

use crate::store::Time;

/// The least difference between the two clocks, from one look to the next, that is a jump. Time servers slew by far
/// less.
const JUMP: Duration = Duration::from_secs(2);
/// A look whose readings lie further apart than this says nothing.
const SLOW: Duration = Duration::from_millis(200);

/// The clocks' last readings.
#[derive(Debug, Default)]
pub(crate) struct WallClock(Option<Reading>);

/// Both clocks, read together.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reading {
    /// The monotonic clock just before the wall clock was read.
    pub(crate) before: Instant,
    /// The wall clock.
    pub(crate) wall: Time,
    /// The monotonic clock just after that.
    pub(crate) after: Instant,
}

/// A jump of the wall clock. A machine that was suspended sees one ahead when it wakes up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Jump {
    /// How far it is ahead.
    Ahead(Duration),
    /// It is this much behind.
    Back(Duration),
}

impl WallClock {
    /// Whether the wall clock has jumped since the last look.
    pub(crate) fn look(&mut self, now: Reading) -> Option<Jump> {
        if now.after.saturating_duration_since(now.before) > SLOW {
            return None;
        }
        let last = self.0.replace(now)?;
        let passed = now.before.saturating_duration_since(last.before).as_millis();
        let expected = last.wall.millis().saturating_add(u64::try_from(passed).unwrap_or(u64::MAX));
        let ahead = Duration::from_millis(now.wall.millis().saturating_sub(expected));
        let back = Duration::from_millis(expected.saturating_sub(now.wall.millis()));
        if ahead >= JUMP {
            Some(Jump::Ahead(ahead))
        } else if back >= JUMP {
            Some(Jump::Back(back))
        } else {
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(start: Instant, wall: u64, after: u64) -> Reading {
        let before = start + Duration::from_millis(after);
        Reading { before, wall: Time::from_millis(wall), after: before }
    }

    #[test]
    fn a_jump_is_noticed_once_and_slewing_is_none() {
        let (mut clock, start) = (WallClock::default(), Instant::now());
        let mut look = |wall: u64, after: u64| clock.look(at(start, wall, after));
        assert_eq!(look(10_000, 0), None, "there is nothing to compare with");
        assert_eq!(look(10_600, 500), None);
        assert_eq!(look(3_611_100, 1_000), Some(Jump::Ahead(Duration::from_secs(3600))));
        assert_eq!(look(3_611_600, 1_500), None);
        assert_eq!(look(12_100, 2_000), Some(Jump::Back(Duration::from_secs(3600))));
        assert_eq!(look(72_100, 62_000), None, "a minute without a look is no jump");
    }

    #[test]
    fn a_process_that_was_stopped_between_two_readings_sees_no_jump() {
        let (mut clock, start) = (WallClock::default(), Instant::now());
        assert_eq!(clock.look(at(start, 0, 0)), None);
        // It stopped for ten seconds after it had read the wall clock.
        let stopped = Reading { after: start + Duration::from_millis(10_100), ..at(start, 100, 100) };
        assert_eq!(clock.look(stopped), None);
        assert_eq!(clock.look(at(start, 10_200, 10_200)), None);
    }
}
