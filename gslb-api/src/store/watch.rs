//! Following the changes of a store, as fast as the follower can and at no cost to the store.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use tokio::sync::watch::Receiver;

use super::history::After;
use super::state::State;
use super::value::{Revision, Time, Versioned};

/// What happened to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It holds this now.
    Put {
        /// The key.
        key: Arc<str>,
        /// What it holds.
        held: Versioned,
    },
    /// It was there, and is not any more: deleted, or expired.
    Deleted {
        /// The key.
        key: Arc<str>,
    },
}

impl Change {
    /// The key that changed.
    pub fn key(&self) -> &Arc<str> {
        match self {
            Self::Put { key, .. } | Self::Deleted { key } => key,
        }
    }

    fn octets(&self) -> usize {
        match self {
            Self::Put { key, held } => key.len() + held.value.len(),
            Self::Deleted { key } => key.len(),
        }
    }
}

/// What one commit changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The commit.
    pub revision: Revision,
    /// The keys that changed, in the order in which the commit wrote them.
    pub changes: Vec<Change>,
}

impl Changes {
    pub(super) fn octets(&self) -> usize {
        self.changes.iter().map(Change::octets).sum()
    }

    /// The changes of keys that begin with `prefix`; nothing where there are none.
    fn of(&self, prefix: &str) -> Option<Self> {
        let changes: Vec<Change> =
            self.changes.iter().filter(|change| change.key().starts_with(prefix)).cloned().collect();
        if changes.is_empty() { None } else { Some(Self { revision: self.revision, changes }) }
    }
}

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
