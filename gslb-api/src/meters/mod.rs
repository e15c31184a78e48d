//! Metrics of the control plane: requests, commits, tables built and published.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::store::Time;

pub(crate) mod store;

pub(crate) use store::MeteredStore;

/// Number of histogram buckets.
const RANGES: usize = 14;
/// Upper bounds of the buckets, in seconds.
const BOUNDS: [f64; RANGES] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// A histogram of durations.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Times {
    ranges: [u64; RANGES],
    /// Number of observations.
    pub count: u64,
    /// Sum, in seconds.
    pub sum: f64,
}

impl Times {
    fn note(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        if let Some(range) = BOUNDS.iter().position(|&bound| seconds <= bound) {
            self.ranges[range] += 1;
        }
        self.count += 1;
        self.sum += seconds;
    }

    /// The upper bound of each bucket in seconds, and the number of observations in it.
    pub fn ranges(&self) -> impl Iterator<Item = (f64, u64)> {
        BOUNDS.into_iter().zip(self.ranges)
    }
}

/// Labels of a request: route as in the API description, method and status. All three have few values.
pub type Kind = (String, &'static str, u16);

/// Metrics since the start.
#[derive(Debug, Default)]
pub struct Meters {
    requests: Mutex<BTreeMap<Kind, u64>>,
    request_times: Mutex<BTreeMap<String, Times>>,
    builds: Mutex<Times>,
    commits: Mutex<Times>,
    published: AtomicU64,
    turned: Mutex<Option<Instant>>,
    store_revision: AtomicU64,
    store_failed: AtomicBool,
    clock_jumps: AtomicU64,
    clock_went_back: Mutex<Option<Instant>>,
}

impl Meters {
    /// Records an answered request.
    pub(crate) fn requested(&self, route: &str, method: &'static str, status: u16, took: Duration) {
        *self.requests.lock().entry((route.to_owned(), method, status)).or_default() += 1;
        self.request_times.lock().entry(route.to_owned()).or_default().note(took);
    }

    /// Records the time to build a table.
    pub(crate) fn built(&self, took: Duration) {
        self.builds.lock().note(took);
    }

    /// Records that a table was published.
    pub(crate) fn published(&self, now: Time) {
        self.published.store(now.millis(), Ordering::Relaxed);
    }

    /// Records a jump of the wall clock.
    pub(crate) fn clock_jumped(&self, is_back: bool) {
        self.clock_jumps.fetch_add(1, Ordering::Relaxed);
        if is_back {
            *self.clock_went_back.lock() = Some(Instant::now());
        }
    }

    /// How often the wall clock has jumped.
    pub fn clock_jumps(&self) -> u64 {
        self.clock_jumps.load(Ordering::Relaxed)
    }

    /// Whether the wall clock has jumped back within `time`: times computed before that are too far in the future.
    pub(crate) fn clock_went_back_within(&self, time: Duration) -> bool {
        self.clock_went_back.lock().is_some_and(|at| at.elapsed() <= time)
    }

    /// Records a tick of the control task.
    pub(crate) fn ticked(&self) {
        *self.turned.lock() = Some(Instant::now());
    }

    /// Records a commit, and whether the store was available.
    pub(crate) fn committed(&self, took: Duration, is_available: bool) {
        self.commits.lock().note(took);
        self.store_failed.store(!is_available, Ordering::Relaxed);
    }

    /// Records the revision of the store.
    pub(crate) fn store_is_at(&self, revision: u64) {
        self.store_revision.fetch_max(revision, Ordering::Relaxed);
    }

    /// Request counts by labels.
    pub fn requests(&self) -> BTreeMap<Kind, u64> {
        self.requests.lock().clone()
    }

    /// Request durations by route.
    pub fn request_times(&self) -> BTreeMap<String, Times> {
        self.request_times.lock().clone()
    }

    /// Durations of table builds.
    pub fn builds(&self) -> Times {
        *self.builds.lock()
    }

    /// Durations of commits, including failed ones.
    pub fn commits(&self) -> Times {
        *self.commits.lock()
    }

    /// When the active table was published, in milliseconds since 1970-01-01 00:00 UTC.
    pub fn published_at(&self) -> u64 {
        self.published.load(Ordering::Relaxed)
    }

    /// Time since the last tick of the control task, which ticks ten times a second; `None` before the first.
    pub fn since_tick(&self) -> Option<Duration> {
        self.turned.lock().map(|turned| turned.elapsed())
    }

    /// The revision of the store after the last commit of this process, or at its start.
    pub fn store_revision(&self) -> u64 {
        self.store_revision.load(Ordering::Relaxed)
    }

    /// Whether the store was available for the last commit.
    pub fn store_is_available(&self) -> bool {
        !self.store_failed.load(Ordering::Relaxed)
    }
}
