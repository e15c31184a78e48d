//! A store in memory: for tests, and for the demo, which leaves nothing behind.

use parking_lot::Mutex;

use super::commit::{Commit, CommitError};
use super::shared::Shared;
use super::stage::Stage;
use super::state::State;
use super::value::{Entry, Order, Page, Revision, Time, Versioned};
use super::watch::Watch;
use super::{Expired, Pending, Store, Unavailable};

/// A [`Store`] in memory. A commit is durable until the store is dropped.
#[derive(Debug)]
pub struct MemoryStore {
    shared: Shared,
    /// Locked from staging commits to publishing them.
    writing: Mutex<()>,
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryStore {
    /// An empty store.
    pub fn new() -> Self {
        Self { shared: Shared::new(State::at(Revision::ZERO, [])), writing: Mutex::new(()) }
    }

    /// A store with `entries`, at `revision`.
    pub(crate) fn with_entries(revision: Revision, entries: Vec<Entry>) -> Self {
        Self { shared: Shared::new(State::at(revision, entries)), writing: Mutex::new(()) }
    }

    /// Lets `decide` stage commits, then publishes them.
    fn write<T>(&self, decide: impl FnOnce(&mut Stage<'_>) -> Result<T, CommitError>) -> Result<T, CommitError> {
        let _one_at_a_time = self.writing.lock();
        let state = self.shared.read();
        let mut stage = Stage::on(&state);
        let decided = decide(&mut stage);
        let commits = stage.finish();
        drop(state);
        self.shared.publish(commits);
        decided
    }

    fn expire_all(&self, now: Time) -> Result<Expired, CommitError> {
        let mut keys = 0;
        loop {
            let (count, revision) = self.write(|stage| Ok((stage.expire(now)?, stage.revision())))?;
            if count == 0 {
                return Ok(Expired { keys, revision });
            }
            keys += count;
        }
    }
}

impl Store for MemoryStore {
    fn revision(&self) -> Pending<'_, Result<Revision, Unavailable>> {
        Box::pin(async move { Ok(self.shared.read().revision()) })
    }

    fn read<'a>(&'a self, key: &'a str) -> Pending<'a, Result<Option<Versioned>, Unavailable>> {
        Box::pin(async move { Ok(self.shared.read().get(key).cloned()) })
    }

    fn range<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
        order: Order,
    ) -> Pending<'a, Result<Page, Unavailable>> {
        Box::pin(async move { Ok(self.shared.read().page(prefix, after, limit, order)) })
    }

    fn commit(&self, commit: Commit) -> Pending<'_, Result<Revision, CommitError>> {
        Box::pin(async move { self.write(|stage| stage.commit(commit)) })
    }

    fn expire(&self, now: Time) -> Pending<'_, Result<Expired, CommitError>> {
        Box::pin(async move { self.expire_all(now) })
    }

    fn watch(&self, prefix: &str, after: Revision) -> Watch {
        self.shared.watch(prefix, after)
    }
}
