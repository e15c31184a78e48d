//! The latest commits, for watchers to catch up with; older ones are forgotten.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::SystemTime;

use super::changes::Changes;
use super::limits::{HISTORY_COMMITS, HISTORY_OCTETS};
use super::value::Revision;

/// Commits in their order, without a gap, up to the store's revision.
#[derive(Debug)]
pub(super) struct History {
    /// The last commit that is not here any more.
    forgotten: Revision,
    /// Each with when it was done.
    commits: VecDeque<(Arc<Changes>, SystemTime)>,
    octets: usize,
}

/// What comes after a revision.
pub(super) enum After {
    /// Nothing yet.
    Nothing,
    /// This commit.
    Commit(Arc<Changes>, SystemTime),
    /// It cannot be told: the next commit is forgotten, or the revision is none of this store.
    Unknown,
}

impl History {
    /// The history of a store that was opened at `revision`.
    pub(super) fn since(revision: Revision) -> Self {
        Self { forgotten: revision, commits: VecDeque::new(), octets: 0 }
    }

    /// Adds the next commit, and forgets the oldest ones where there are too many.
    pub(super) fn push(&mut self, changes: Arc<Changes>) {
        self.octets += changes.octets();
        self.commits.push_back((changes, SystemTime::now()));
        while self.commits.len() > 1 && (self.commits.len() > HISTORY_COMMITS || self.octets > HISTORY_OCTETS) {
            if let Some((oldest, _)) = self.commits.pop_front() {
                self.octets -= oldest.octets();
                self.forgotten = oldest.revision;
            }
        }
    }

    /// The revision that the first commit here came after.
    pub(super) fn begins_after(&self) -> Revision {
        self.forgotten
    }

    /// The commit that follows `revision`.
    pub(super) fn after(&self, revision: Revision) -> After {
        let Some(index) = revision.number().checked_sub(self.forgotten.number()) else { return After::Unknown };
        let count = self.commits.len() as u64;
        match usize::try_from(index).ok().and_then(|index| self.commits.get(index)) {
            Some((changes, at)) => After::Commit(Arc::clone(changes), *at),
            None if index == count => After::Nothing,
            None => After::Unknown,
        }
    }
}
