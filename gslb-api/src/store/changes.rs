//! The changes of a commit.

use std::sync::Arc;

use super::value::{Revision, Versioned};

/// What happened to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// It was written.
    Put {
        /// The key.
        key: Arc<str>,
        /// Its new value.
        versioned: Versioned,
    },
    /// It was deleted or has expired.
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
            Self::Put { key, versioned } => key.len() + versioned.value.len(),
            Self::Deleted { key } => key.len(),
        }
    }
}

/// What one commit changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changes {
    /// The commit.
    pub revision: Revision,
    /// The changed keys, in the order the commit wrote them.
    pub changes: Vec<Change>,
}

impl Changes {
    pub(super) fn octets(&self) -> usize {
        self.changes.iter().map(Change::octets).sum()
    }

    /// The changes of keys that begin with `prefix`; `None` if there are none.
    pub(super) fn of(&self, prefix: &str) -> Option<Self> {
        let changes: Vec<Change> =
            self.changes.iter().filter(|change| change.key().starts_with(prefix)).cloned().collect();
        if changes.is_empty() { None } else { Some(Self { revision: self.revision, changes }) }
    }
}
