//! Whether the prober is alive: it beats, and results that say something of an endpoint come as often as its targets say
//! they must.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gslb_core::health::Target;

/// How often the schedule beats, at least.
pub(super) const BEAT: Duration = Duration::from_millis(500);
/// How long a beat or a result may be overdue before something is wrong.
const GRACE: Duration = Duration::from_secs(5);

/// How the prober is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// True where it has stopped: statuses are no longer what the endpoints are.
    pub stalled: bool,
    /// Time since the schedule was last seen at work.
    pub since_beat: Duration,
    /// Time since a result last said something of an endpoint, or since the targets changed.
    pub since_result: Duration,
    /// When that result came, in milliseconds since 1970-01-01 00:00 UTC; none before the first one.
    pub last_result: Option<u64>,
}

/// What the pulse is taken from. Times are in milliseconds since the prober started.
#[derive(Debug)]
pub(super) struct Heart {
    start: Instant,
    beat: AtomicU64,
    /// The last result, or the last change of targets.
    result: AtomicU64,
    /// The last result by the clock on the wall; 0 before the first one.
    wall: AtomicU64,
    /// Longest time without result; 0 where nothing is probed.
    patience: AtomicU64,
}

impl Heart {
    pub(super) fn new(start: Instant) -> Self {
        let zero = || AtomicU64::new(0);
        Self { start, beat: zero(), result: zero(), wall: zero(), patience: zero() }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The schedule is at work.
    pub(super) fn beat(&self) {
        self.beat.store(self.now(), Relaxed);
    }

    /// A result that says something of an endpoint was handed on.
    pub(super) fn result(&self) {
        self.result.store(self.now(), Relaxed);
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        self.wall.store(u64::try_from(wall).unwrap_or(u64::MAX), Relaxed);
    }

    /// From now on these are probed.
    pub(super) fn expect<'t>(&self, targets: impl Iterator<Item = &'t Target>) {
        let patience = targets.map(longest_silence).min().unwrap_or_default();
        self.patience.store(u64::try_from(patience.as_millis()).unwrap_or(u64::MAX), Relaxed);
        self.result.store(self.now(), Relaxed);
    }

    pub(super) fn pulse(&self) -> Pulse {
        let now = self.now();
        let since = |at: &AtomicU64| Duration::from_millis(now.saturating_sub(at.load(Relaxed)));
        let (since_beat, since_result) = (since(&self.beat), since(&self.result));
        let patience = Duration::from_millis(self.patience.load(Relaxed));
        let stalled = is_stalled(since_beat, since_result, patience);
        Pulse { stalled, since_beat, since_result, last_result: Some(self.wall.load(Relaxed)).filter(|wall| *wall > 0) }
    }
}

/// The longest time between two results of a target.
fn longest_silence(target: &Target) -> Duration {
    target.interval + target.jitter * 2 + target.timeout
}

fn is_stalled(since_beat: Duration, since_result: Duration, patience: Duration) -> bool {
    since_beat > BEAT + GRACE || !patience.is_zero() && since_result > patience + GRACE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prober_that_stops_or_falls_silent_is_stalled() {
        let seconds = Duration::from_secs;
        let fine = Duration::from_millis(100);
        assert!(!is_stalled(fine, fine, seconds(7)));
        assert!(is_stalled(seconds(6), fine, seconds(7)), "the schedule hangs");
        assert!(is_stalled(fine, seconds(13), seconds(7)), "no result comes through");
        assert!(!is_stalled(fine, seconds(11), seconds(7)), "the next result may still come");
        assert!(!is_stalled(fine, seconds(9_999), Duration::ZERO), "nothing is probed");
    }
}
