//! The state store: keys and values with one row of revisions, behind an interface that a distributed store can fill.
//!
//! The interface has etcd's shape. A key is a path (`document`, `revisions/00000000000000000042`), a value is octets.
//! Each commit gets the next [`Revision`] of the whole store, and each key remembers the one of its last change. A
//! commit says what it expects of keys and what it writes; it is done whole or not at all.
//!
//! [`EmbeddedStore`] keeps all of it in a file of this node, [`MemoryStore`] in memory only. Both answer reads from
//! memory, so that a broken disk stops writes and nothing else.

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
pub use watch::{Watch, Watched};

/// An answer that is still to come. Await it, or [`wait`] for it where nothing can be awaited.
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Why a store does not answer: a sentence for the operator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the store is not available: {reason}")]
pub struct Unavailable {
    /// What is wrong, and where.
    pub reason: String,
}

/// What [`Store::expire`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired {
    /// Keys that were removed.
    pub keys: usize,
    /// The store's revision after that.
    pub revision: Revision,
}

/// A store of keys and values. Callers hold it as `Arc<dyn Store>`.
///
/// The functions return futures in boxes, so that one type stands for every store. None of them blocks the thread
/// that polls it: reads are answered from memory, and a commit waits for an answer of the store's own thread.
///
/// What every store promises:
/// * Revisions rise by one with each commit that writes, and never fall, also over a restart.
/// * A commit that was answered with a revision is durable, and every read that starts afterwards sees it.
/// * A commit is seen whole or not at all, by readers, by watchers, and after a crash at any moment.
/// * Of commits that expect the same state of a key, and write it, one succeeds.
/// * Failing is an answer, never a panic. Reads go on where writes cannot.
pub trait Store: Send + Sync {
    /// The revision of the latest commit; [`Revision::ZERO`] before the first.
    ///
    /// # Errors
    /// Where the store cannot be reached. An embedded store always can.
    fn revision(&self) -> Pending<'_, Result<Revision, Unavailable>>;

    /// What `key` holds; nothing where there is no such key. A key whose time has passed is there until
    /// [`expire`](Self::expire) has removed it.
    ///
    /// # Errors
    /// As for [`revision`](Self::revision).
    fn read<'a>(&'a self, key: &'a str) -> Pending<'a, Result<Option<Versioned>, Unavailable>>;

    /// Up to `limit` keys that begin with `prefix`, in `order` of their octets, from the first one that comes after
    /// the key `after`. At most [`limits::PAGE_ENTRIES`]; the page says whether there are more.
    ///
    /// A page is one moment of the store, which it names. Two pages may be of two moments. Who wants to know a whole
    /// prefix reads its pages and then watches it from the revision of the *first* page: what changed meanwhile
    /// comes again as a change, and nothing is missed.
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

    /// Does all of `commit` if all that it expects holds, and returns its revision once it is durable. A commit that
    /// writes nothing checks what it expects, and returns the revision at which it held.
    ///
    /// Who stops awaiting does not stop the commit.
    ///
    /// # Errors
    /// [`CommitError::Conflict`] where an expectation does not hold, [`CommitError::Invalid`] and
    /// [`CommitError::TooLarge`] where the commit can never be done: nothing was written then.
    /// [`CommitError::Unavailable`] where the store cannot write; its reason says whether the commit may have been
    /// done all the same.
    fn commit(&self, commit: Commit) -> Pending<'_, Result<Revision, CommitError>>;

    /// Removes every key that expires at `now` or earlier, by ordinary commits, which watchers see. The store has no
    /// clock: nothing expires until this is called.
    ///
    /// # Errors
    /// [`CommitError::Unavailable`], as for [`commit`](Self::commit).
    fn expire(&self, now: Time) -> Pending<'_, Result<Expired, CommitError>>;

    /// Looks whether the next commit could be done, as far as that shows without one: whether the files of the store are
    /// where they should be.
    ///
    /// # Errors
    /// Why not.
    fn check(&self) -> Pending<'_, Result<(), Unavailable>> {
        Box::pin(std::future::ready(Ok(())))
    }

    /// Every change of keys that begin with `prefix`, by commits after the revision `after`, in their order and
    /// without a gap. Where the store no longer knows all of them, the watch says so.
    fn watch(&self, prefix: &str, after: Revision) -> Watch;
}
