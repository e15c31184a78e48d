//! Counters of probes, for metrics.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use gslb_core::health::Outcome;
use parking_lot::Mutex;

/// Upper bounds of the histogram buckets, in seconds; an unbounded one follows.
pub const BOUNDS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// A histogram of durations.
#[derive(Debug, Default)]
pub struct Histogram {
    buckets: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

/// A snapshot of a histogram.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HistogramTotals {
    /// Number of durations up to each of [`BOUNDS`]; last, all of them.
    pub cumulative: [u64; BOUNDS.len() + 1],
    /// Sum of all durations, in seconds.
    pub sum: f64,
}

impl Histogram {
    /// Adds a duration.
    pub(super) fn add(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let bucket = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        self.buckets[bucket].fetch_add(1, Relaxed);
        self.nanoseconds.fetch_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// A snapshot.
    pub fn totals(&self) -> HistogramTotals {
        let mut totals = HistogramTotals::default();
        let mut below = 0;
        for (bucket, cumulative) in self.buckets.iter().zip(&mut totals.cumulative) {
            below += bucket.load(Relaxed);
            *cumulative = below;
        }
        totals.sum = self.nanoseconds.load(Relaxed) as f64 / 1e9;
        totals
    }
}

/// Results of the probes of one name.
#[derive(Debug, Default)]
pub struct ProbeCounts {
    passed: AtomicU64,
    failed: AtomicU64,
    unable: AtomicU64,
    /// How long they took.
    pub duration: Histogram,
}

impl ProbeCounts {
    pub(super) fn add(&self, outcome: &Outcome) {
        let counter = match outcome {
            outcome if outcome.passed() => &self.passed,
            outcome if outcome.is_unable() => &self.unable,
            _ => &self.failed,
        };
        counter.fetch_add(1, Relaxed);
        self.duration.add(outcome.took);
    }

    /// How many passed.
    pub fn passed(&self) -> u64 {
        self.passed.load(Relaxed)
    }

    /// How many failed.
    pub fn failed(&self) -> u64 {
        self.failed.load(Relaxed)
    }

    /// How many could not be made because of this host.
    pub fn unable(&self) -> u64 {
        self.unable.load(Relaxed)
    }
}

/// All counters of the prober.
#[derive(Debug, Default)]
pub struct Counts {
    /// By name of the probe, for those in the document.
    by_probe: Mutex<BTreeMap<Arc<str>, Arc<ProbeCounts>>>,
    /// Delay between when each probe was due and its start.
    pub lateness: Histogram,
    running: AtomicU64,
    waiting: AtomicU64,
    targets: AtomicU64,
    skipped: AtomicU64,
}

impl Counts {
    /// The counts of each probe of the document.
    pub fn by_probe(&self) -> Vec<(Arc<str>, Arc<ProbeCounts>)> {
        let by_probe = self.by_probe.lock();
        by_probe.iter().map(|(name, counts)| (name.clone(), counts.clone())).collect()
    }

    /// How many probes run now.
    pub fn running(&self) -> u64 {
        self.running.load(Relaxed)
    }

    /// How many due probes wait for others to finish.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Relaxed)
    }

    /// How many targets are probed.
    pub fn targets(&self) -> u64 {
        self.targets.load(Relaxed)
    }

    /// How many probes were skipped because the previous one was still running.
    pub fn skipped(&self) -> u64 {
        self.skipped.load(Relaxed)
    }

    pub(super) fn skip(&self) {
        self.skipped.fetch_add(1, Relaxed);
    }

    /// Counts a probe as running for as long as the result lives.
    pub(super) fn run(&self) -> GaugeGuard<'_> {
        GaugeGuard::of(&self.running)
    }

    /// Counts a probe as waiting for as long as the result lives.
    pub(super) fn wait(&self) -> GaugeGuard<'_> {
        GaugeGuard::of(&self.waiting)
    }

    pub(super) fn set_targets(&self, count: usize) {
        self.targets.store(count as u64, Relaxed);
    }

    /// Keeps counters for exactly these names; existing ones are preserved.
    pub(super) fn keep(&self, names: impl Iterator<Item = Arc<str>>) {
        let mut by_probe = self.by_probe.lock();
        let mut before = std::mem::take(&mut *by_probe);
        *by_probe = names.map(|name| (name.clone(), before.remove(&name).unwrap_or_default())).collect();
    }

    pub(super) fn of(&self, name: &str) -> Arc<ProbeCounts> {
        let by_probe = self.by_probe.lock();
        by_probe.get(name).cloned().unwrap_or_default()
    }
}

/// Increments a gauge until dropped.
pub(super) struct GaugeGuard<'c>(&'c AtomicU64);

impl<'c> GaugeGuard<'c> {
    fn of(count: &'c AtomicU64) -> Self {
        count.fetch_add(1, Relaxed);
        Self(count)
    }
}

impl Drop for GaugeGuard<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_each_duration_in_every_bucket_that_includes_it() {
        let histogram = Histogram::default();
        [1, 3, 3, 400, 20_000].map(Duration::from_millis).iter().for_each(|it| histogram.add(*it));
        let totals = histogram.totals();
        assert_eq!(totals.cumulative, [1, 1, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 5]);
        assert!((totals.sum - 20.407).abs() < 1e-9);
    }

    #[test]
    fn counters_of_a_probe_that_remains_are_preserved() {
        let counts = Counts::default();
        counts.keep(["a", "b"].map(Arc::from).into_iter());
        counts.of("a").add(&Outcome::new(Ok(()), Duration::ZERO, ""));
        counts.keep(["a", "c"].map(Arc::from).into_iter());
        let now = counts.by_probe();
        let now: Vec<(&str, u64)> = now.iter().map(|(name, counts)| (&**name, counts.passed())).collect();
        assert_eq!(now, [("a", 1), ("c", 0)]);
    }
}
