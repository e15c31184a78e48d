//! Histograms of response times.

use std::time::Duration;

use gslb_core::count::Histogram;

/// Number of buckets.
pub const RANGES: usize = 14;

/// Upper bound of each bucket, in nanoseconds.
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

/// The sum of any number of histograms.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Durations {
    /// Count of each bucket.
    ranges: [u64; RANGES],
    /// Number of responses.
    pub count: u64,
    /// Sum of the times, in nanoseconds.
    pub sum: u64,
}

/// Records that `answers` responses took `time` each.
#[inline]
pub fn note(histogram: &Histogram<RANGES>, time: Duration, answers: u64) {
    let nanoseconds = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let range = BOUNDS.iter().position(|&bound| nanoseconds <= bound).unwrap_or(RANGES);
    histogram.note(range, nanoseconds, answers);
}

impl Durations {
    /// Adds a histogram.
    pub fn and(mut self, histogram: &Histogram<RANGES>) -> Self {
        let ranges = histogram.ranges();
        self.ranges.iter_mut().zip(ranges).for_each(|(sum, more)| *sum += more);
        self.count += histogram.count();
        self.sum += histogram.sum();
        self
    }

    /// Upper bound in seconds and count of each bucket.
    pub fn ranges(&self) -> impl Iterator<Item = (f64, u64)> {
        BOUNDS.into_iter().map(|bound| bound as f64 / 1e9).zip(self.ranges)
    }
}
