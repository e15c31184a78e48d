//! Answers told as they are given: who watches, what they want to see, and no more of it than they can read.
//!
//! Whoever answers tells of each answer here, on a thread of its own. Nobody waits for who watches: what does not fit is
//! counted, and the watcher is told how much that was.

mod answered;
mod filter;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use crate::traffic::sample::RegionFinder;
use crate::types::MissedAnswers;
use answered::Read;

pub use answered::Seen;
pub use filter::Filter;

/// Answers that one watcher is told of in a second, at most: more than anybody reads.
pub const MAX_PER_SECOND: u64 = 1000;
/// Answers that wait for one watcher.
const QUEUE: usize = 1024;

const SECOND: Duration = Duration::from_secs(1);

/// Those who watch. Clones are handles of the same.
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
    /// What is to be made before anybody watches.
    before: Vec<Box<dyn Fn() + Send>>,
    /// What finds the regions of one edition.
    finder: Option<(u64, Arc<RegionFinder>)>,
}

/// One who watches, as seen from who tells.
struct Watcher {
    filter: Filter,
    answers: mpsc::Sender<Arc<str>>,
    missed: Arc<Counts>,
    /// When the second began that is being counted, and how many answers were told in it.
    second: (Instant, u64),
}

#[derive(Default)]
struct Counts {
    skipped: AtomicU64,
    unseen: AtomicU64,
}

/// One who watches, as seen from itself. It ends when it is dropped.
pub struct Watching {
    tail: Tail,
    answers: mpsc::Receiver<Arc<str>>,
    missed: Arc<Counts>,
}

impl Tail {
    /// Whether anybody watches.
    #[inline]
    pub fn is_watched(&self) -> bool {
        self.0.is_watched.load(Ordering::Acquire)
    }

    /// Watches for what `filter` lets through. How many may do so at once is a matter of who lets them in
    /// ([`Limits::watchers`](crate::Limits::watchers)).
    pub fn watch(&self, filter: Filter) -> Watching {
        let mut watchers = self.watchers();
        let (sender, answers) = mpsc::channel(QUEUE);
        let missed = Arc::<Counts>::default();
        let second = (Instant::now(), 0);
        if watchers.all.is_empty() {
            watchers.before.iter().for_each(|make| make());
        }
        watchers.all.push(Watcher { filter, answers: sender, missed: Arc::clone(&missed), second });
        // Who reads this sees what was made.
        self.0.is_watched.store(true, Ordering::Release);
        Watching { tail: self.clone(), answers, missed }
    }

    /// Has `make` called each time when somebody begins to watch and nobody else does, before [`is_watched`](Self::is_watched)
    /// says so; at once where somebody watches already.
    pub fn before_watching(&self, make: impl Fn() + Send + 'static) {
        let mut watchers = self.watchers();
        if !watchers.all.is_empty() {
            make();
        }
        watchers.before.push(Box::new(make));
    }

    /// Calls `free` where nobody watches; nobody begins to while it is at work.
    pub fn while_unwatched(&self, free: impl FnOnce()) {
        let watchers = self.watchers();
        if watchers.all.is_empty() {
            free();
        }
        drop(watchers);
    }

    /// Tells of an answer, as of `now`.
    pub fn publish(&self, seen: &Seen<'_>, now: Instant) {
        let mut watchers = self.watchers();
        let Watchers { all, finder, .. } = &mut *watchers;
        let mut read = Read::new(seen);
        let mut text: Option<Arc<str>> = None;
        for watcher in all.iter_mut().filter(|watcher| !watcher.answers.is_closed()) {
            if !watcher.filter.lets_through(&mut read) {
                continue;
            }
            if !watcher.has_room(now) {
                watcher.missed.skipped.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            let text = text
                .get_or_insert_with(|| read.json(|topology_id, topology| of_edition(finder, topology_id, topology)));
            if watcher.answers.try_send(Arc::clone(text)).is_err() {
                watcher.missed.skipped.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// Says that there were so many answers more, which nobody could look at.
    pub fn unseen(&self, answers: u64) {
        for watcher in &self.watchers().all {
            watcher.missed.unseen.fetch_add(answers, Ordering::Relaxed);
        }
    }

    fn watchers(&self) -> MutexGuard<'_, Watchers> {
        self.0.watchers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What finds regions in `topology`, made anew where it is of another edition.
fn of_edition(
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
    /// Whether there may be one more in this second, which counts it.
    fn has_room(&mut self, now: Instant) -> bool {
        let (began, told) = &mut self.second;
        if now.saturating_duration_since(*began) >= SECOND {
            (*began, *told) = (now, 0);
        }
        *told += 1;
        *told <= MAX_PER_SECOND
    }
}

impl Watching {
    /// The next answer, as an object of JSON. It may be asked for again where it was not waited for.
    pub async fn next(&mut self) -> Option<Arc<str>> {
        self.answers.recv().await
    }

    /// What was missed since this was asked last.
    pub fn missed(&self) -> MissedAnswers {
        let Counts { skipped, unseen } = &*self.missed;
        MissedAnswers { skipped: skipped.swap(0, Ordering::Relaxed), unseen: unseen.swap(0, Ordering::Relaxed) }
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.answers.close();
        let mut watchers = self.tail.watchers();
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
