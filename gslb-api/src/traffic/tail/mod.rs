//! Live streams of answers, filtered and rate-limited per watcher.
//!
//! A collector thread publishes each answer here. It never waits for a watcher: answers that do not fit are counted,
//! and the watcher gets the count.

mod answered;
mod filter;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use tokio::sync::mpsc;

use crate::traffic::sample::RegionFinder;
use crate::types::MissedAnswers;
use answered::Read;

pub use answered::Seen;
pub use filter::Filter;

/// Maximum answers per second for one watcher.
pub const MAX_PER_SECOND: u64 = 1000;
/// Answers that wait for one watcher.
const QUEUE: usize = 1024;

const SECOND: Duration = Duration::from_secs(1);

/// The watchers. Clones are handles to the same ones.
#[derive(Clone, Default)]
pub struct Tail(Arc<Shared>);

#[derive(Default)]
struct Shared {
    is_watched: AtomicBool,
    watchers: Mutex<Watchers>,
}

#[derive(Default)]
struct Watchers {
    all: Vec<Watcher>,
    /// Called before the first watcher starts.
    before: Vec<Box<dyn Fn() + Send>>,
    /// Region finder, with its topology id.
    finder: Option<(u64, Arc<RegionFinder>)>,
}

/// The sending side of a watcher.
struct Watcher {
    filter: Filter,
    answers: mpsc::Sender<Arc<str>>,
    missed: Arc<Counts>,
    /// Start of the current second, and the answers sent in it.
    second: (Instant, u64),
}

#[derive(Default)]
struct Counts {
    skipped: AtomicU64,
    unseen: AtomicU64,
}

/// The receiving side of a watcher. Watching ends when it is dropped.
pub struct Watching {
    tail: Tail,
    answers: mpsc::Receiver<Arc<str>>,
    missed: Arc<Counts>,
}

impl Tail {
    /// Whether there is a watcher.
    #[inline]
    pub fn is_watched(&self) -> bool {
        self.0.is_watched.load(Ordering::Acquire)
    }

    /// Watches answers that match `filter`. The caller limits the number of watchers
    /// ([`Limits::watchers`](crate::Limits::watchers)).
    pub fn watch(&self, filter: Filter) -> Watching {
        let mut watchers = self.0.watchers.lock();
        let (sender, answers) = mpsc::channel(QUEUE);
        let missed = Arc::<Counts>::default();
        let second = (Instant::now(), 0);
        if watchers.all.is_empty() {
            watchers.before.iter().for_each(|make| make());
        }
        watchers.all.push(Watcher { filter, answers: sender, missed: Arc::clone(&missed), second });
        // A reader of this flag also sees what `before` prepared.
        self.0.is_watched.store(true, Ordering::Release);
        Watching { tail: self.clone(), answers, missed }
    }

    /// Registers `make`, to be called whenever the first watcher starts, before [`is_watched`](Self::is_watched)
    /// becomes true. If there is a watcher already, also calls it at once.
    pub fn before_watching(&self, make: impl Fn() + Send + 'static) {
        let mut watchers = self.0.watchers.lock();
        if !watchers.all.is_empty() {
            make();
        }
        watchers.before.push(Box::new(make));
    }

    /// Calls `free` if there is no watcher. None can start while it runs.
    pub fn while_unwatched(&self, free: impl FnOnce()) {
        let watchers = self.0.watchers.lock();
        if watchers.all.is_empty() {
            free();
        }
        drop(watchers);
    }

    /// Sends an answer to the matching watchers.
    pub fn publish(&self, seen: &Seen<'_>, now: Instant) {
        let mut watchers = self.0.watchers.lock();
        let Watchers { all, finder, .. } = &mut *watchers;
        let mut read = Read::new(seen);
        let mut text: Option<Arc<str>> = None;
        for watcher in all.iter_mut().filter(|watcher| !watcher.answers.is_closed()) {
            if !watcher.filter.lets_through(&mut read) {
                continue;
            }
            if !watcher.has_capacity(now) {
                watcher.missed.skipped.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let text = text
                .get_or_insert_with(|| read.json(|topology_id, topology| finder_for(finder, topology_id, topology)));
            if watcher.answers.try_send(Arc::clone(text)).is_err() {
                watcher.missed.skipped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Counts answers that were dropped before they reached the filters.
    pub fn unseen(&self, answers: u64) {
        for watcher in &self.0.watchers.lock().all {
            watcher.missed.unseen.fetch_add(answers, Ordering::Relaxed);
        }
    }
}

/// The region finder for `topology`, rebuilt if the topology has changed.
fn finder_for(
    finder: &mut Option<(u64, Arc<RegionFinder>)>,
    topology_id: u64,
    topology: &gslb_core::table::Topology,
) -> Arc<RegionFinder> {
    match finder {
        Some((of, finder)) if *of == topology_id => Arc::clone(finder),
        _ => {
            let made = Arc::new(RegionFinder::new(topology));
            *finder = Some((topology_id, Arc::clone(&made)));
            made
        }
    }
}

impl Watcher {
    /// Counts one more answer in this second, and returns whether it is within the limit.
    fn has_capacity(&mut self, now: Instant) -> bool {
        let (began, answered) = &mut self.second;
        if now.saturating_duration_since(*began) >= SECOND {
            (*began, *answered) = (now, 0);
        }
        *answered += 1;
        *answered <= MAX_PER_SECOND
    }
}

impl Watching {
    /// The next answer, as a JSON object. Cancel-safe.
    pub async fn next(&mut self) -> Option<Arc<str>> {
        self.answers.recv().await
    }

    /// The answers missed since the last call.
    pub fn missed(&self) -> MissedAnswers {
        let Counts { skipped, unseen } = &*self.missed;
        MissedAnswers { skipped: skipped.swap(0, Ordering::Relaxed), unseen: unseen.swap(0, Ordering::Relaxed) }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.answers.close();
        let mut watchers = self.tail.0.watchers.lock();
        watchers.all.retain(|watcher| !watcher.answers.is_closed());
        if watchers.all.is_empty() {
            watchers.finder = None;
            self.tail.0.is_watched.store(false, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Tail {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Tail")
    }
}
