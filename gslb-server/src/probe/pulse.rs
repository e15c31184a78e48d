//! Detects a stalled prober: the scheduler must beat, and conclusive results must arrive as often as the targets'
//! intervals imply.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gslb_core::health::Target;

/// Longest time between two beats of the scheduler.
pub(super) const BEAT: Duration = Duration::from_millis(500);
/// How long a beat or a result may be overdue.
const GRACE: Duration = Duration::from_secs(5);

/// The state of the prober.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pulse {
    /// True if it has stalled: endpoint statuses are stale.
    pub stalled: bool,
    /// Time since the scheduler's last beat.
    pub since_beat: Duration,
    /// Time since the last conclusive result, or since the targets changed.
    pub since_result: Duration,
    /// When that result arrived, in milliseconds since 1970-01-01 00:00 UTC; `None` before the first one.
    pub last_result: Option<u64>,
}

/// Records the prober's progress. Times are in milliseconds since the prober started.
#[derive(Debug)]
pub(super) struct Heartbeat {
    start: Instant,
    beat: AtomicU64,
    /// The last result, or the last change of targets.
    result: AtomicU64,
    /// The last result by the wall clock; 0 before the first one.
    wall: AtomicU64,
    /// Longest normal time without a result; 0 if nothing is probed.
    max_silence: AtomicU64,
}

impl Heartbeat {
    pub(super) fn new(start: Instant) -> Self {
        let zero = || AtomicU64::new(0);
        Self { start, beat: zero(), result: zero(), wall: zero(), max_silence: zero() }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Records a beat of the scheduler.
    pub(super) fn beat(&self) {
        self.beat.store(self.now(), Relaxed);
    }

    /// Records a conclusive result.
    pub(super) fn result(&self) {
        self.result.store(self.now(), Relaxed);
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        self.wall.store(u64::try_from(wall).unwrap_or(u64::MAX), Relaxed);
    }

    /// Sets the targets that are probed from now on.
    pub(super) fn expect<'t>(&self, targets: impl Iterator<Item = &'t Target>) {
        let max_silence = targets.map(longest_silence).min().unwrap_or_default();
        self.max_silence.store(u64::try_from(max_silence.as_millis()).unwrap_or(u64::MAX), Relaxed);
        self.result.store(self.now(), Relaxed);
    }

    pub(super) fn pulse(&self) -> Pulse {
        let now = self.now();
        let since = |at: &AtomicU64| Duration::from_millis(now.saturating_sub(at.load(Relaxed)));
        let (since_beat, since_result) = (since(&self.beat), since(&self.result));
        let max_silence = Duration::from_millis(self.max_silence.load(Relaxed));
        let stalled = is_stalled(since_beat, since_result, max_silence);
        Pulse { stalled, since_beat, since_result, last_result: Some(self.wall.load(Relaxed)).filter(|wall| *wall > 0) }
    }
}

/// The longest time between two results of a target.
fn longest_silence(target: &Target) -> Duration {
    target.interval + target.jitter * 2 + target.timeout
}

fn is_stalled(since_beat: Duration, since_result: Duration, max_silence: Duration) -> bool {
    since_beat > BEAT + GRACE || !max_silence.is_zero() && since_result > max_silence + GRACE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prober_that_stops_or_stops_reporting_is_stalled() {
        let seconds = Duration::from_secs;
        let fine = Duration::from_millis(100);
        assert!(!is_stalled(fine, fine, seconds(7)));
        assert!(is_stalled(seconds(6), fine, seconds(7)), "the schedule hangs");
        assert!(is_stalled(fine, seconds(13), seconds(7)), "no result comes through");
        assert!(!is_stalled(fine, seconds(11), seconds(7)), "the next result may still come");
        assert!(!is_stalled(fine, seconds(9_999), Duration::ZERO), "nothing is probed");
    }
}
