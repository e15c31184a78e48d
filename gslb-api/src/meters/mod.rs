//! What the control side measures of itself: requests, commits, tables that were built and published.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::store::Time;

pub(crate) mod store;

pub(crate) use store::MeteredStore;

/// Ranges of time that are told apart.
const RANGES: usize = 14;
/// The longest time of each, in seconds.
const BOUNDS: [f64; RANGES] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];

/// How long something took, how often.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Times {
    ranges: [u64; RANGES],
    /// How often.
    pub count: u64,
    /// In seconds, all together.
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

    /// The longest time of each range in seconds, and how many were in it.
    pub fn ranges(&self) -> impl Iterator<Item = (f64, u64)> {
        BOUNDS.into_iter().zip(self.ranges)
    }
}

/// A kind of request: route as the description has it, method and status. All three are of short lists.
pub type Kind = (String, &'static str, u16);

/// Measures since start.
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

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Meters {
    /// Notes a request that was answered.
    pub(crate) fn requested(&self, route: &str, method: &'static str, status: u16, took: Duration) {
        *held(&self.requests).entry((route.to_owned(), method, status)).or_default() += 1;
        held(&self.request_times).entry(route.to_owned()).or_default().note(took);
    }

    /// Notes that a table was built: read, compiled and compared where that was needed.
    pub(crate) fn built(&self, took: Duration) {
        held(&self.builds).note(took);
    }

    /// Notes that a table was put in force.
    pub(crate) fn published(&self, now: Time) {
        self.published.store(now.millis(), Ordering::Relaxed);
    }

    /// Notes that the wall clock has jumped, and whether back.
    pub(crate) fn clock_jumped(&self, is_back: bool) {
        self.clock_jumps.fetch_add(1, Ordering::Relaxed);
        if is_back {
            *held(&self.clock_went_back) = Some(Instant::now());
        }
    }

    /// How often the wall clock has jumped.
    pub fn clock_jumps(&self) -> u64 {
        self.clock_jumps.load(Ordering::Relaxed)
    }

    /// Whether the wall clock has jumped back within `time`: moments that were computed before that lie too far ahead.
    pub(crate) fn clock_went_back_within(&self, time: Duration) -> bool {
        held(&self.clock_went_back).is_some_and(|at| at.elapsed() <= time)
    }

    /// Notes that the control task is at work.
    pub(crate) fn ticked(&self) {
        *held(&self.turned) = Some(Instant::now());
    }

    /// Notes a commit, or that the store could not do it.
    pub(crate) fn committed(&self, took: Duration, is_available: bool) {
        held(&self.commits).note(took);
        self.store_failed.store(!is_available, Ordering::Relaxed);
    }

    /// Notes the revision of the store.
    pub(crate) fn store_is_at(&self, revision: u64) {
        self.store_revision.fetch_max(revision, Ordering::Relaxed);
    }

    /// Requests by kind.
    pub fn requests(&self) -> BTreeMap<Kind, u64> {
        held(&self.requests).clone()
    }

    /// How long requests took, by route.
    pub fn request_times(&self) -> BTreeMap<String, Times> {
        held(&self.request_times).clone()
    }

    /// How long it took to build tables of new documents and databases.
    pub fn builds(&self) -> Times {
        *held(&self.builds)
    }

    /// How long the store took for commits, failed ones too.
    pub fn commits(&self) -> Times {
        *held(&self.commits)
    }

    /// When the table in force was published, in milliseconds since 1970.
    pub fn published_at(&self) -> u64 {
        self.published.load(Ordering::Relaxed)
    }

    /// Time since the control task was seen at work, which looks at the clock ten times a second. None before its first
    /// look.
    pub fn since_tick(&self) -> Option<Duration> {
        held(&self.turned).map(|turned| turned.elapsed())
    }

    /// The revision of the store after the last commit of this process, or at its start.
    pub fn store_revision(&self) -> u64 {
        self.store_revision.load(Ordering::Relaxed)
    }

    /// Whether the store could do the last commit that it was asked for.
    pub fn store_is_available(&self) -> bool {
        !self.store_failed.load(Ordering::Relaxed)
    }
}
