//! The latest commits, for watchers to catch up with. Older ones are dropped.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use super::changes::Changes;
use super::limits::{HISTORY_COMMITS, HISTORY_OCTETS};
use super::value::Revision;

/// Consecutive commits up to the store's revision.
#[derive(Debug)]
pub(super) struct History {
    /// The last commit that was dropped.
    dropped: Revision,
    /// Each with its time.
    commits: VecDeque<(Arc<Changes>, SystemTime)>,
    octets: usize,
}

/// The changes after a revision.
pub(super) enum After {
    /// Nothing yet.
    Nothing,
    /// This commit.
    Commit(Arc<Changes>, SystemTime),
    /// Unknown: the next commit was dropped, or the revision is not of this store.
    Unknown,
}

impl History {
    /// The history of a store that was opened at `revision`.
    pub(super) fn since(revision: Revision) -> Self {
        Self { dropped: revision, commits: VecDeque::new(), octets: 0 }
    }

    /// Adds the next commit, and drops the oldest ones if there are too many.
    pub(super) fn push(&mut self, changes: Arc<Changes>) {
        self.octets += changes.octets();
        self.commits.push_back((changes, SystemTime::now()));
        while self.commits.len() > 1 && (self.commits.len() > HISTORY_COMMITS || self.octets > HISTORY_OCTETS) {
            if let Some((oldest, _)) = self.commits.pop_front() {
                self.octets -= oldest.octets();
                self.dropped = oldest.revision;
            }
        }
    }

    /// The revision before the first commit in the history.
    pub(super) fn begins_after(&self) -> Revision {
        self.dropped
    }

    /// The commit that follows `revision`.
    pub(super) fn after(&self, revision: Revision) -> After {
        let Some(index) = revision.number().checked_sub(self.dropped.number()) else { return After::Unknown };
        let count = self.commits.len() as u64;
        match usize::try_from(index).ok().and_then(|index| self.commits.get(index)) {
            Some((changes, at)) => After::Commit(Arc::clone(changes), *at),
            None if index == count => After::Nothing,
            None => After::Unknown,
        }
    }
}
