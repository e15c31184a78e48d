//! Numbers that one thread adds to and any thread may read.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that only grows. One thread at a time adds to it, without a locked instruction; others read at any time.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds `more`. What a second thread adds at the same moment is lost, so there must be none.
    #[inline]
    pub fn add(&self, more: u64) {
        // What counting costs is measured against a build that does not: see benches/counting.
        if cfg!(gslb_uncounted) {
            return;
        }
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
    }

    /// The number of now.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How often values were in which of `N` ranges, or above all of them, and their sum.
#[derive(Debug)]
pub struct Histogram<const N: usize> {
    ranges: [Count; N],
    above: Count,
    sum: Count,
}

impl<const N: usize> Default for Histogram<N> {
    fn default() -> Histogram<N> {
        Histogram { ranges: std::array::from_fn(|_| Count::default()), above: Count::default(), sum: Count::default() }
    }
}

impl<const N: usize> Histogram<N> {
    /// Notes that a value in range `at` came so many times.
    #[inline]
    pub fn note(&self, at: usize, value: u64, times: u64) {
        self.ranges.get(at).unwrap_or(&self.above).add(times);
        self.sum.add(value.wrapping_mul(times));
    }

    /// How many values were in each range, from the lowest up; those above all ranges are not among them.
    pub fn ranges(&self) -> [u64; N] {
        std::array::from_fn(|at| self.ranges.get(at).map_or(0, Count::get))
    }

    /// How many values there were.
    pub fn count(&self) -> u64 {
        self.ranges().iter().sum::<u64>() + self.above.get()
    }

    /// What they sum up to.
    pub fn sum(&self) -> u64 {
        self.sum.get()
    }

    /// All numbers, each at a place of its own.
    pub fn cells(&self) -> impl Iterator<Item = &Count> {
        self.ranges.iter().chain([&self.above, &self.sum])
    }
}
