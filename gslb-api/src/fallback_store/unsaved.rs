//! A stand-in for a damaged store: it serves the last known good copy and saves nothing.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use super::last_good;
use crate::store::{Commit, CommitError, Layer, MemoryStore, Pending, Revision, Store, Unavailable};
use crate::{health, revisions};

/// A [`Store`] in memory for a server whose own store is damaged.
///
/// It refuses changes that a user expects to be saved: documents, overrides and tokens are [`Unavailable`] (overrides
/// apply anyway, unsaved). It accepts rows that the next start recreates: statuses, and the document of a watched file
/// or of the start.
#[derive(Debug)]
pub struct UnsavedStore {
    memory: MemoryStore,
    reason: String,
    /// The document comes from a file, which the next start reads again.
    file_is_truth: bool,
    /// Whether the start is over.
    sealed: AtomicBool,
}

impl UnsavedStore {
    /// A store with the last good copy in `directory`, or an empty one. `reason` is the error of the real store.
    pub fn new(directory: &Path, reason: String, file_is_truth: bool) -> Self {
        let memory = last_good::read(directory)
            .map_or_else(MemoryStore::new, |(revision, entries)| MemoryStore::with_entries(revision, entries));
        Self { memory, reason, file_is_truth, sealed: AtomicBool::new(false) }
    }

    /// Ends the start: from now on, documents are refused unless they come from a file.
    pub fn seal(&self) {
        self.sealed.store(true, Relaxed);
    }

    fn accepts(&self, commit: &Commit) -> bool {
        let keys = || commit.writes.iter().map(crate::store::Write::key);
        let is_document = keys().any(|key| key == revisions::CURRENT || key.starts_with(revisions::text::PREFIX));
        keys().all(|key| key.starts_with(health::PREFIX) || key == health::SEEN || key == health::MASS_FAILURE)
            || (is_document && (self.file_is_truth || !self.sealed.load(Relaxed)))
    }
}

impl Layer for UnsavedStore {
    fn inner(&self) -> &dyn Store {
        &self.memory
    }

    fn commit(&self, commit: Commit) -> Pending<'_, Result<Revision, CommitError>> {
        if self.accepts(&commit) {
            return self.memory.commit(commit);
        }
        let reason = self.reason.clone();
        Box::pin(async move { Err(Unavailable { reason }.into()) })
    }

    fn check(&self) -> Pending<'_, Result<(), Unavailable>> {
        Box::pin(std::future::ready(Err(Unavailable { reason: self.reason.clone() })))
    }
}
