//! Following the changes of a store, as fast as the follower can and at no cost to the store.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use tokio::sync::watch::Receiver;

use super::changes::Changes;
use super::history::After;
use super::state::State;
use super::value::{Revision, Time};

/// What a watcher is told next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Watched {
    /// A commit changed something.
    Changed(Changes),
    /// What comes next is not known any more, because the watcher was too far behind, or the store was opened after
    /// the revision that it watched from. The watch has ended: read anew, and watch from there.
    Compacted,
    /// The store was closed. The watch has ended.
    Closed,
}

/// A watcher of a prefix.
///
/// It holds a place in the store's history and no changes of its own, so a slow watcher costs what a fast one does.
/// One that falls behind by more than [`HISTORY_COMMITS`](super::limits::HISTORY_COMMITS) or
/// [`HISTORY_OCTETS`](super::limits::HISTORY_OCTETS) is told [`Watched::Compacted`].
#[derive(Debug)]
pub struct Watch {
    prefix: String,
    after: Revision,
    /// When the commit was done that was returned last.
    at: SystemTime,
    state: Arc<RwLock<State>>,
    reached: Receiver<Revision>,
}

impl Watch {
    pub(super) fn new(prefix: String, after: Revision, state: Arc<RwLock<State>>, reached: Receiver<Revision>) -> Self {
        Self { prefix, after, at: SystemTime::UNIX_EPOCH, state, reached }
    }

    /// Watches from the first commit that the store still knows, and returns the revision before it: how the store was
    /// then is what its keys hold, as far as no later commit has changed them.
    pub fn rewind(&mut self) -> Revision {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        self.after = state.history().begins_after();
        self.after
    }

    /// When the commit was done whose changes were returned last.
    pub fn at(&self) -> Time {
        self.at.into()
    }

    /// Waits for the next change, and tells it. Nothing is lost by who stops awaiting.
    pub async fn next(&mut self) -> Watched {
        loop {
            // Marked as seen before looking: a commit that comes between the two wakes us at once.
            self.reached.mark_unchanged();
            if let Some(watched) = self.ready() {
                return watched;
            }
            if self.reached.changed().await.is_err() {
                return self.ready().unwrap_or(Watched::Closed);
            }
        }
    }

    /// The next change if there is one already.
    pub fn ready(&mut self) -> Option<Watched> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        loop {
            match state.history().after(self.after) {
                After::Nothing => return None,
                After::Unknown => return Some(Watched::Compacted),
                After::Commit(commit, at) => {
                    (self.after, self.at) = (commit.revision, at);
                    if let Some(changes) = commit.of(&self.prefix) {
                        return Some(Watched::Changed(changes));
                    }
                }
            }
        }
    }
}
