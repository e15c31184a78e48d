//! Counters with a single writer or with several, and any number of readers.

use std::sync::atomic::{AtomicU64, Ordering};

/// A counter. Only one thread at a time may add to it, which needs no locked instruction; any thread may read it.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// Adds `more`. Concurrent additions get lost, so there must be only one writer.
    #[inline]
    pub fn add(&self, more: u64) {
        // A build without counting exists to measure its cost: see benches/counting.
        if cfg!(gslb_uncounted) {
            return;
        }
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(more), Ordering::Relaxed);
    }

    /// The current value.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A counter that any number of threads may add to, which costs each of them a locked instruction.
#[derive(Debug, Default)]
pub struct SharedCount(AtomicU64);

impl SharedCount {
    /// Adds `more`.
    #[inline]
    pub fn add(&self, more: u64) {
        if cfg!(gslb_uncounted) {
            return;
        }
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    /// The current value.
    #[inline]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A histogram: how many values were in each of `N` ranges or above all of them, and their sum.
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
    /// Records `times` values in range `at`.
    #[inline]
    pub fn note(&self, at: usize, value: u64, times: u64) {
        self.ranges.get(at).unwrap_or(&self.above).add(times);
        self.sum.add(value.wrapping_mul(times));
    }

    /// Number of values per range, lowest first, without those above all ranges.
    pub fn ranges(&self) -> [u64; N] {
        std::array::from_fn(|at| self.ranges.get(at).map_or(0, Count::get))
    }

    /// Number of values.
    pub fn count(&self) -> u64 {
        self.ranges().iter().sum::<u64>() + self.above.get()
    }

    /// Sum of all values.
    pub fn sum(&self) -> u64 {
        self.sum.get()
    }

    /// All counters, in a fixed order.
    pub fn cells(&self) -> impl Iterator<Item = &Count> {
        self.ranges.iter().chain([&self.above, &self.sum])
    }
}
