//! When overrides end while the server runs: by the monotonic clock, so that a wall clock that jumps neither ends nor
//! prolongs one.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Override;
use crate::store::Time;

/// The deadlines of the overrides in force, by id.
#[derive(Debug, Default)]
pub struct Deadlines(BTreeMap<String, Deadline>);

/// When one override ends.
#[derive(Debug)]
struct Deadline {
    /// The end that it was computed from, by the wall clock, in milliseconds since 1970.
    expires: u64,
    /// None where that is too far away to compute.
    at: Option<Instant>,
}

impl Deadlines {
    /// Computes the deadline of `held`, which was asked for at `at`, when the wall clock said `now`. A deadline that was
    /// computed from the same end stays.
    pub fn set(&mut self, held: &Override, now: Time, at: Instant) {
        match held.expires {
            None => drop(self.0.remove(&held.id)),
            Some(expires) if self.0.get(&held.id).is_some_and(|known| known.expires == expires) => {}
            Some(expires) => {
                let left = Duration::from_millis(expires.saturating_sub(now.millis()));
                self.0.insert(held.id.clone(), Deadline { expires, at: at.checked_add(left) });
            }
        }
    }

    /// Computes the deadlines of those in `all` that have none yet, and forgets those of others.
    pub fn follow(&mut self, all: &BTreeMap<String, Override>, now: Time, at: Instant) {
        self.0.retain(|id, _| all.contains_key(id));
        all.values().for_each(|held| self.set(held, now, at));
    }

    /// Whether the time of `held` has passed: by its deadline, or by the wall clock where it has none.
    pub fn has_passed(&self, held: &Override, now: Time, at: Instant) -> bool {
        match self.0.get(&held.id).filter(|known| Some(known.expires) == held.expires) {
            Some(known) => known.at.is_some_and(|deadline| deadline <= at),
            None => held.is_over(now.millis()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overrides::Force;

    const HOUR: u64 = 3_600_000;

    fn ending(expires: Option<u64>) -> BTreeMap<String, Override> {
        let held = Override {
            id: "a".to_owned(),
            targets: vec!["pool/fra".parse().unwrap()],
            force: Force::Drain,
            reason: "r".to_owned(),
            owner: "o".to_owned(),
            created: 0,
            expires,
        };
        BTreeMap::from([(held.id.clone(), held)])
    }

    /// Whether an override that ends at `expires` has passed `after` hours of real time, when the wall clock says `wall`.
    fn look(deadlines: &mut Deadlines, expires: Option<u64>, start: Instant, wall: u64, after: f64) -> bool {
        let (all, now) = (ending(expires), Time::from_millis(wall));
        let at = start + Duration::from_secs_f64(3600.0 * after);
        deadlines.follow(&all, now, at);
        deadlines.has_passed(&all["a"], now, at)
    }

    #[test]
    fn a_jump_of_the_wall_clock_neither_ends_nor_prolongs_an_override() {
        let (mut deadlines, start) = (Deadlines::default(), Instant::now());
        let mut passed = |wall: u64, after: f64| look(&mut deadlines, Some(HOUR), start, wall, after);
        assert!(!passed(0, 0.0));
        assert!(!passed(1000 * HOUR, 0.1), "the wall clock is far ahead");
        assert!(!passed(HOUR / 5, 0.2), "and back");
        assert!(!passed(0, 0.99));
        assert!(passed(0, 1.0), "the wall clock is behind");
    }

    #[test]
    fn another_end_is_another_deadline() {
        let (mut deadlines, start) = (Deadlines::default(), Instant::now());
        let mut passed = |expires: Option<u64>, after: f64| {
            look(&mut deadlines, expires, start, (after * HOUR as f64) as u64, after)
        };
        assert!(!passed(Some(HOUR), 0.0));
        assert!(!passed(Some(2 * HOUR), 0.5));
        assert!(!passed(Some(2 * HOUR), 1.5));
        assert!(!passed(None, 3.0));
        assert!(passed(Some(HOUR), 3.5));
        assert!(!passed(Some(u64::MAX), 4.0));
    }

    #[test]
    fn the_time_runs_from_when_an_override_was_asked_for() {
        let (mut deadlines, start, all) = (Deadlines::default(), Instant::now(), ending(Some(HOUR)));
        deadlines.set(&all["a"], Time::from_millis(0), start);
        // It waited for its turn, and the wall clock jumped in between.
        assert!(!look(&mut deadlines, Some(HOUR), start, 1000 * HOUR, 0.1));
        assert!(look(&mut deadlines, Some(HOUR), start, 1000 * HOUR, 1.0));
    }
}
