//! The arithmetic of buckets: how full one is, and how full it gets.

use super::{MOST_UNITS, SECOND, UNITS};

/// Ticks of a window at most. The time of an entry has 24 bits: a window must be short against these.
const WINDOW_TICKS: u64 = 1 << 20;

/// How fast the buckets of a kind empty, and how much they hold. A bucket's level is the time until it is empty.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    /// How long a unit takes to leave, in nanoseconds.
    pub(super) cost: u64,
    /// The level up to which answers pass, in nanoseconds. It is never lower than the costliest answer.
    pub(super) window: u64,
    /// A tick of an entry's time is 2 to this power, in nanoseconds.
    shift: u32,
}

impl Bucket {
    /// One of `workers` buckets, at least two, that together let twice `per_second` answers pass.
    pub(super) fn new(per_second: u32, workers: u64, window: u64) -> Bucket {
        let cost = (SECOND * workers / 2 / (u64::from(per_second.max(1)) * u64::from(UNITS))).max(1);
        let window = window.max(cost * MOST_UNITS);
        let mut shift = 0;
        while window >> shift >= WINDOW_TICKS {
            shift += 1;
        }
        Bucket { cost, window, shift }
    }

    /// A time in ticks.
    #[inline]
    pub(super) fn ticks(&self, now: u64) -> u64 {
        now >> self.shift
    }

    /// Whether a bucket that is empty at `time` is over its limit.
    #[inline]
    pub(super) fn is_over_at(&self, time: u64, now: u64) -> bool {
        time.saturating_sub(now) > self.window
    }

    /// Whether an entry that is empty in so many ticks is over its limit.
    #[inline]
    pub(super) fn is_over(&self, ahead: u32) -> bool {
        u64::from(ahead) << self.shift > self.window
    }

    /// In how many ticks an entry is empty after it is charged `cost` nanoseconds: at least one more, and never more than
    /// two windows.
    #[inline]
    pub(super) fn charged(&self, ahead: u32, cost: u64) -> u32 {
        (u64::from(ahead) + (cost >> self.shift).max(1)).min((2 * self.window) >> self.shift) as u32
    }
}
