//! A store in place of one that cannot be used: it answers from what was last known to be good, and saves nothing.

use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::sync::atomic::Ordering::Relaxed;

use super::last_good;
use crate::store::{Commit, CommitError, Layer, MemoryStore, Pending, Revision, Store, Unavailable};
use crate::{health, revisions};

/// A [`Store`] in memory for a server whose own store is damaged.
///
/// It refuses what somebody would believe to be saved: documents, overrides and tokens are [`Unavailable`] (overrides hold all
/// the same, unsaved). It takes what
/// is made again at the next start anyway: statuses, and the document of a watched file or of the start.
#[derive(Debug)]
pub struct UnsavedStore {
    memory: MemoryStore,
    reason: String,
    /// The document comes from a file that is there at the next start too.
    file_is_truth: bool,
    /// Whether the start is over.
    sealed: AtomicBool,
}

impl UnsavedStore {
    /// A store with what `directory` has as last good, or with nothing; `reason` says what is wrong with the one that should
    /// be used.
    pub fn new(directory: &Path, reason: String, file_is_truth: bool) -> Self {
        let memory = last_good::read(directory)
            .map_or_else(MemoryStore::new, |(revision, entries)| MemoryStore::holding(revision, entries));
        Self { memory, reason, file_is_truth, sealed: AtomicBool::new(false) }
    }

    /// Ends the start: the document does not come from there any more.
    pub fn seal(&self) {
        self.sealed.store(true, Relaxed);
    }

    fn takes(&self, commit: &Commit) -> bool {
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
        if self.takes(&commit) {
            return self.memory.commit(commit);
        }
        let reason = self.reason.clone();
        Box::pin(async move { Err(Unavailable { reason }.into()) })
    }

    fn check(&self) -> Pending<'_, Result<(), Unavailable>> {
        Box::pin(std::future::ready(Err(Unavailable { reason: self.reason.clone() })))
    }
}
