//! How long answers take: ranges of time, and what was counted in them.

use std::time::Duration;

use gslb_core::count::Histogram;

/// Ranges that are told apart.
pub const RANGES: usize = 14;

/// The longest time of each range, in nanoseconds.
const BOUNDS: [u64; RANGES] = [
    5_000,
    10_000,
    25_000,
    50_000,
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    100_000_000,
    1_000_000_000,
];

/// What was counted, over any number of histograms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Durations {
    /// How many were in each range.
    ranges: [u64; RANGES],
    /// How many there were.
    pub count: u64,
    /// What they sum up to, in nanoseconds.
    pub sum: u64,
}

/// Notes that so many answers took `time` each.
#[inline]
pub fn note(histogram: &Histogram<RANGES>, time: Duration, answers: u64) {
    let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let range = BOUNDS.iter().position(|&bound| nanoseconds <= bound).unwrap_or(RANGES);
    histogram.note(range, nanoseconds, answers);
}

impl Durations {
    /// The same with one histogram more.
    pub fn and(mut self, histogram: &Histogram<RANGES>) -> Self {
        let ranges = histogram.ranges();
        self.ranges.iter_mut().zip(ranges).for_each(|(sum, more)| *sum += more);
        self.count += histogram.count();
        self.sum += histogram.sum();
        self
    }

    /// The longest time of each range in seconds, and how many were in it.
    pub fn ranges(&self) -> impl Iterator<Item = (f64, u64)> {
        BOUNDS.into_iter().map(|bound| bound as f64 / 1e9).zip(self.ranges)
    }
}
