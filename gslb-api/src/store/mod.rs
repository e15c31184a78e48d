//! The state store: keys and values with a single sequence of revisions, behind a trait that a distributed store could
//! implement.
//!
//! It is modeled on etcd. A key is a path (`document`, `revisions/00000000000000000042`), a value is octets. Each
//! commit gets the next [`Revision`] of the whole store, and each key has the revision of its last change. A commit has
//! preconditions and writes; it is applied atomically.
//!
//! [`EmbeddedStore`] keeps everything in a local file, [`MemoryStore`] only in memory. Both serve reads from memory, so
//! a broken disk stops only writes.

use std::future::Future;
use std::pin::Pin;

mod changes;
mod commit;
mod embedded;
mod history;
mod layer;
pub mod limits;
mod memory;
mod shared;
mod stage;
mod state;
mod value;
mod wait;
mod watch;

pub use changes::{Change, Changes};
pub use commit::{Commit, CommitError, Expectation, Limit, Write};
pub use embedded::{EmbeddedStore, OpenError};
pub use layer::Layer;
pub use memory::MemoryStore;
pub use value::{Entry, Order, Page, Revision, Time, Versioned};
pub use wait::wait;
pub use watch::{Watch, WatchEvent};

/// A boxed future. Await it, or [`wait`] for it outside a runtime.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why a store is not available, as a sentence for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the store is not available: {reason}")]
pub struct Unavailable {
    /// The error, and its position.
    pub reason: String,
}

/// The result of [`Store::expire`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired {
    /// Number of removed keys.
    pub keys: usize,
    /// The store's revision after that.
    pub revision: Revision,
}

/// A key-value store, used as `Arc<dyn Store>`.
///
/// Methods return boxed futures, so that the trait is object-safe. No method blocks the polling thread: reads come from
/// memory, and a commit awaits the store's own thread.
///
/// Every store guarantees:
/// * Each commit that writes increments the revision by one. Revisions never decrease, not even over a restart.
/// * Once a commit has returned a revision, it is durable, and every later read sees it.
/// * A commit is atomic, for readers, for watchers, and after a crash at any moment.
/// * Of commits that write a key and expect the same state of it, one succeeds.
/// * Failures are errors, never panics. Reads work even if writes do not.
pub trait Store: Send + Sync {
    /// The revision of the latest commit; [`Revision::ZERO`] before the first.
    ///
    /// # Errors
    /// If the store cannot be reached. An embedded store always can.
    fn revision(&self) -> Pending<'_, Result<Revision, Unavailable>>;

    /// The value of `key`; `None` if it does not exist. An expired key exists until [`expire`](Self::expire) removes
    /// it.
    ///
    /// # Errors
    /// As for [`revision`](Self::revision).
    fn read<'a>(&'a self, key: &'a str) -> Pending<'a, Result<Option<Versioned>, Unavailable>>;

    /// Up to `limit` entries (at most [`limits::PAGE_ENTRIES`]) whose keys begin with `prefix`, in `order` of their
    /// octets, starting after the key `after`. The page says whether there are more.
    ///
    /// A page is a snapshot at the revision that it names; two pages may be from two revisions. To follow a whole
    /// prefix, read its pages, then watch it from the revision of the *first* page: changes made in between come again
    /// from the watch, and none is missed.
    ///
    /// # Errors
    /// As for [`revision`](Self::revision).
    fn range<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
        order: Order,
    ) -> Pending<'a, Result<Page, Unavailable>>;

    /// Applies `commit` atomically if its preconditions hold, and returns its revision once it is durable. A commit
    /// without writes only checks the preconditions, and returns the revision at which they held.
    ///
    /// Dropping the future does not cancel the commit.
    ///
    /// # Errors [`CommitError::Conflict`] if a precondition does not hold; [`CommitError::Invalid`] and
    /// [`CommitError::TooLarge`] if the commit can never succeed. Nothing was written then.
    /// [`CommitError::Unavailable`] if the store cannot write; its reason says whether the commit may have succeeded
    /// anyway.
    fn commit(&self, commit: Commit) -> Pending<'_, Result<Revision, CommitError>>;

    /// Removes all keys that expire at `now` or earlier, in ordinary commits that watchers see. The store has no clock:
    /// nothing expires until this is called.
    ///
    /// # Errors
    /// [`CommitError::Unavailable`], as for [`commit`](Self::commit).
    fn expire(&self, now: Time) -> Pending<'_, Result<Expired, CommitError>>;

    /// Checks without writing whether the next commit could succeed: whether the files of the store are in place.
    ///
    /// # Errors
    /// Why it could not.
    fn check(&self) -> Pending<'_, Result<(), Unavailable>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Releases what keeps other processes from opening the store, once queued commits are done. Reads still work;
    /// commits wait for [`reclaim`](Self::reclaim) or [`give_up`](Self::give_up). A store in memory has nothing to
    /// release.
    ///
    /// # Errors
    /// If the store cannot be reached: it is not released then.
    fn release(&self) -> Pending<'_, Result<(), Unavailable>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Takes the released store back. What another process has committed meanwhile is read; watchers see it as
    /// [`WatchEvent::Compacted`].
    ///
    /// # Errors
    /// Why it cannot be opened. Each further commit tries again.
    fn reclaim(&self) -> Pending<'_, Result<(), Unavailable>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Leaves the released store to the process that has it now: waiting and further commits are refused with `why`.
    fn give_up(&self, _why: &str) {}

    /// Watches keys that begin with `prefix`: every change after the revision `after`, in order and without gaps. If
    /// the store no longer has all of them, the watch reports it.
    fn watch(&self, prefix: &str, after: Revision) -> Watch;
}
