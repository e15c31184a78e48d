//! What probes did, counted for metrics.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gslb_core::health::Outcome;

/// Upper bounds of the classes of a histogram, in seconds; one without bound follows.
pub const BOUNDS: [f64; 13] = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// Durations by class.
#[derive(Debug, Default)]
pub struct Histogram {
    classes: [AtomicU64; BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

/// A histogram at one moment.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HistogramTotals {
    /// How many durations were at most each of [`BOUNDS`] long; last, all of them.
    pub cumulative: [u64; BOUNDS.len() + 1],
    /// All durations together, in seconds.
    pub sum: f64,
}

impl Histogram {
    /// Adds a duration.
    pub(super) fn add(&self, duration: Duration) {
        let seconds = duration.as_secs_f64();
        let class = BOUNDS.iter().position(|bound| seconds <= *bound).unwrap_or(BOUNDS.len());
        self.classes[class].fetch_add(1, Relaxed);
        self.nanoseconds.fetch_add(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX), Relaxed);
    }

    /// What it has now.
    pub fn totals(&self) -> HistogramTotals {
        let mut totals = HistogramTotals::default();
        let mut below = 0;
        for (class, cumulative) in self.classes.iter().zip(&mut totals.cumulative) {
            below += class.load(Relaxed);
            *cumulative = below;
        }
        totals.sum = self.nanoseconds.load(Relaxed) as f64 / 1e9;
        totals
    }
}

/// What came of the probes of one name.
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

    /// How many could not be made, for reasons of this host.
    pub fn unable(&self) -> u64 {
        self.unable.load(Relaxed)
    }
}

/// All that is counted.
#[derive(Debug, Default)]
pub struct Counts {
    /// By name of the probe; as many as the document has.
    by_probe: Mutex<BTreeMap<Arc<str>, Arc<ProbeCounts>>>,
    /// How long after its time each probe started.
    pub lateness: Histogram,
    running: AtomicU64,
    waiting: AtomicU64,
    targets: AtomicU64,
    skipped: AtomicU64,
}

impl Counts {
    /// The counts of each probe of the document.
    pub fn by_probe(&self) -> Vec<(Arc<str>, Arc<ProbeCounts>)> {
        let by_probe = self.by_probe.lock().unwrap_or_else(PoisonError::into_inner);
        by_probe.iter().map(|(name, counts)| (name.clone(), counts.clone())).collect()
    }

    /// How many probes run now.
    pub fn running(&self) -> u64 {
        self.running.load(Relaxed)
    }

    /// How many probes are due and wait for others to end.
    pub fn waiting(&self) -> u64 {
        self.waiting.load(Relaxed)
    }

    /// How many targets are probed.
    pub fn targets(&self) -> u64 {
        self.targets.load(Relaxed)
    }

    /// How many turns were left out because the probe before was still at it.
    pub fn skipped(&self) -> u64 {
        self.skipped.load(Relaxed)
    }

    pub(super) fn skip(&self) {
        self.skipped.fetch_add(1, Relaxed);
    }

    /// Counts a probe as running for as long as the result lives.
    pub(super) fn run(&self) -> Stay<'_> {
        Stay::of(&self.running)
    }

    /// Counts a probe as waiting for as long as the result lives.
    pub(super) fn wait(&self) -> Stay<'_> {
        Stay::of(&self.waiting)
    }

    pub(super) fn set_targets(&self, count: usize) {
        self.targets.store(count as u64, Relaxed);
    }

    /// Has counts for these names and no others; those that stay go on.
    pub(super) fn keep(&self, names: impl Iterator<Item = Arc<str>>) {
        let mut by_probe = self.by_probe.lock().unwrap_or_else(PoisonError::into_inner);
        let mut before = std::mem::take(&mut *by_probe);
        *by_probe = names.map(|name| (name.clone(), before.remove(&name).unwrap_or_default())).collect();
    }

    pub(super) fn of(&self, name: &str) -> Arc<ProbeCounts> {
        let by_probe = self.by_probe.lock().unwrap_or_else(PoisonError::into_inner);
        by_probe.get(name).cloned().unwrap_or_default()
    }
}

/// One more, until it is dropped.
pub(super) struct Stay<'c>(&'c AtomicU64);

impl<'c> Stay<'c> {
    fn of(count: &'c AtomicU64) -> Self {
        count.fetch_add(1, Relaxed);
        Self(count)
    }
}

impl Drop for Stay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_histogram_counts_each_duration_in_every_class_that_holds_it() {
        let histogram = Histogram::default();
        [1, 3, 3, 400, 20_000].map(Duration::from_millis).iter().for_each(|it| histogram.add(*it));
        let totals = histogram.totals();
        assert_eq!(totals.cumulative, [1, 1, 3, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 5]);
        assert!((totals.sum - 20.407).abs() < 1e-9);
    }

    #[test]
    fn counts_of_a_probe_that_stays_go_on() {
        let counts = Counts::default();
        counts.keep(["a", "b"].map(Arc::from).into_iter());
        counts.of("a").add(&Outcome::new(Ok(()), Duration::ZERO, ""));
        counts.keep(["a", "c"].map(Arc::from).into_iter());
        let now = counts.by_probe();
        let now: Vec<(&str, u64)> = now.iter().map(|(name, counts)| (&**name, counts.passed())).collect();
        assert_eq!(now, [("a", 1), ("c", 0)]);
    }
}
