//! The time of a batch, from the one look at the clock that a batch takes anyway.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use gslb_core::respond::Now;

/// How often the wall clock is looked at. Cookies do not need it more precisely.
const WALL_INTERVAL: Duration = Duration::from_secs(1);

/// Tells the time of batches.
pub(crate) struct BatchClock {
    start: Instant,
    /// When the wall clock was looked at last.
    seen: Instant,
    /// What it said, in seconds since the epoch.
    unix: u32,
}

impl BatchClock {
    pub(crate) fn start() -> Self {
        let start = Instant::now();
        Self { start, seen: start, unix: wall() }
    }

    /// The time of a batch that began at `began`.
    #[inline]
    pub(crate) fn at(&mut self, began: Instant) -> Now {
        if began.saturating_duration_since(self.seen) >= WALL_INTERVAL {
            (self.seen, self.unix) = (began, wall());
        }
        let elapsed = began.saturating_duration_since(self.start);
        Now { unix: self.unix, elapsed: elapsed.as_nanos() as u64 }
    }

    /// Seconds since the epoch, as of the last batch.
    #[inline]
    pub(crate) fn unix(&self) -> u32 {
        self.unix
    }
}

/// Seconds since the epoch, modulo 2^32 as in a cookie (RFC 9018 section 4.3).
fn wall() -> u32 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() as u32
}
