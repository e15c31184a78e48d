//! Watching a store for changes. A slow watcher costs the store nothing.

use std::sync::Arc;
use std::time::SystemTime;

use parking_lot::RwLock;
use tokio::sync::watch::Receiver;

use super::changes::Changes;
use super::history::After;
use super::state::State;
use super::value::{Revision, Time};

/// The next event of a watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WatchEvent {
    /// A commit changed something.
    Changed(Changes),
    /// The next change is no longer available: the watcher was too far behind, or the store was opened after the revision
    /// it started from. The watch has ended: read again, and watch from there.
    Compacted,
    /// The store was closed. The watch has ended.
    Closed,
}

/// A watcher of a prefix.
///
/// It is a position in the store's history and buffers nothing, so a slow watcher costs no more than a fast one.
/// One that falls behind by more than [`HISTORY_COMMITS`](super::limits::HISTORY_COMMITS) or
/// [`HISTORY_OCTETS`](super::limits::HISTORY_OCTETS) gets [`WatchEvent::Compacted`].
#[derive(Debug)]
pub struct Watch {
    prefix: String,
    after: Revision,
    /// Time of the last returned commit.
    at: SystemTime,
    state: Arc<RwLock<State>>,
    reached: Receiver<Revision>,
}

impl Watch {
    pub(super) fn new(prefix: String, after: Revision, state: Arc<RwLock<State>>, reached: Receiver<Revision>) -> Self {
        Self { prefix, after, at: SystemTime::UNIX_EPOCH, state, reached }
    }

    /// Rewinds to the first commit in the history, and returns the revision before it: a key with an older revision has not
    /// changed since.
    pub fn rewind(&mut self) -> Revision {
        let state = self.state.read();
        self.after = state.history().begins_after();
        self.after
    }

    /// Time of the commit whose changes were returned last.
    pub fn at(&self) -> Time {
        self.at.into()
    }

    /// Waits for the next event. Dropping the future loses nothing.
    pub async fn next(&mut self) -> WatchEvent {
        loop {
            // Mark as seen before reading: a commit in between wakes us at once.
            self.reached.mark_unchanged();
            if let Some(watched) = self.ready() {
                return watched;
            }
            if self.reached.changed().await.is_err() {
                return self.ready().unwrap_or(WatchEvent::Closed);
            }
        }
    }

    /// The next event, if there is one already.
    pub fn ready(&mut self) -> Option<WatchEvent> {
        let state = self.state.read();
        loop {
            match state.history().after(self.after) {
                After::Nothing => return None,
                After::Unknown => return Some(WatchEvent::Compacted),
                After::Commit(commit, at) => {
                    (self.after, self.at) = (commit.revision, at);
                    if let Some(changes) = commit.of(&self.prefix) {
                        return Some(WatchEvent::Changed(changes));
                    }
                }
            }
        }
    }
}
