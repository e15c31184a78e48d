//! Deadlines of overrides while the server runs. They use the monotonic clock, so that a jump of the wall clock neither ends
//! nor extends an override.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::Override;
use crate::store::Time;

/// Deadlines of the active overrides, by id.
#[derive(Debug, Default)]
pub struct Deadlines(BTreeMap<String, Deadline>);

/// The deadline of one override.
#[derive(Debug)]
struct Deadline {
    /// The wall-clock expiry that it was computed from, in milliseconds since 1970.
    expires: u64,
    /// `None` if that is too far in the future.
    at: Option<Instant>,
}

impl Deadlines {
    /// Computes the deadline of an override that was requested at `at`, when the wall clock was `now`. A deadline computed from
    /// the same expiry stays.
    pub fn set(&mut self, override_: &Override, now: Time, at: Instant) {
        match override_.expires {
            None => drop(self.0.remove(&override_.id)),
            Some(expires) if self.0.get(&override_.id).is_some_and(|known| known.expires == expires) => {}
            Some(expires) => {
                let left = Duration::from_millis(expires.saturating_sub(now.millis()));
                self.0.insert(override_.id.clone(), Deadline { expires, at: at.checked_add(left) });
            }
        }
    }

    /// Adds the missing deadlines of the overrides in `all`, and removes those of others.
    pub fn follow(&mut self, all: &BTreeMap<String, Override>, now: Time, at: Instant) {
        self.0.retain(|id, _| all.contains_key(id));
        all.values().for_each(|override_| self.set(override_, now, at));
    }

    /// Whether an override has expired: by its deadline, or by the wall clock if it has none.
    pub fn has_passed(&self, override_: &Override, now: Time, at: Instant) -> bool {
        match self.0.get(&override_.id).filter(|known| Some(known.expires) == override_.expires) {
            Some(known) => known.at.is_some_and(|deadline| deadline <= at),
            None => override_.is_over(now.millis()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::overrides::Force;

    const HOUR: u64 = 3_600_000;

    fn ending(expires: Option<u64>) -> BTreeMap<String, Override> {
        let override_ = Override {
            id: "a".to_owned(),
            targets: vec!["pool/fra".parse().unwrap()],
            force: Force::Drain,
            reason: "r".to_owned(),
            owner: "o".to_owned(),
            created: 0,
            expires,
        };
        BTreeMap::from([(override_.id.clone(), override_)])
    }

    /// Whether an override that ends at `expires` has passed `after` hours of real time, when the wall clock says `wall`.
    fn look(deadlines: &mut Deadlines, expires: Option<u64>, start: Instant, wall: u64, after: f64) -> bool {
        let (all, now) = (ending(expires), Time::from_millis(wall));
        let at = start + Duration::from_secs_f64(3600.0 * after);
        deadlines.follow(&all, now, at);
        deadlines.has_passed(&all["a"], now, at)
    }

    #[test]
    fn a_jump_of_the_wall_clock_neither_ends_nor_extends_an_override() {
        let (mut deadlines, start) = (Deadlines::default(), Instant::now());
        let mut passed = |wall: u64, after: f64| look(&mut deadlines, Some(HOUR), start, wall, after);
        assert!(!passed(0, 0.0));
        assert!(!passed(1000 * HOUR, 0.1), "the wall clock is far ahead");
        assert!(!passed(HOUR / 5, 0.2), "and back");
        assert!(!passed(0, 0.99));
        assert!(passed(0, 1.0), "the wall clock is behind");
    }

    #[test]
    fn a_new_expiry_is_a_new_deadline() {
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
    fn the_time_runs_from_the_request() {
        let (mut deadlines, start, all) = (Deadlines::default(), Instant::now(), ending(Some(HOUR)));
        deadlines.set(&all["a"], Time::from_millis(0), start);
        // The wall clock jumped while the change was queued.
        assert!(!look(&mut deadlines, Some(HOUR), start, 1000 * HOUR, 0.1));
        assert!(look(&mut deadlines, Some(HOUR), start, 1000 * HOUR, 1.0));
    }
}
