//! What a commit asks for, and why it may be refused.

use std::fmt;
use std::sync::Arc;

use super::value::{Revision, Time};
use super::{Unavailable, limits};

/// What must be true of a key for a commit to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expectation {
    /// There is no such key.
    Absent,
    /// Its last change was the commit of this revision.
    At(Revision),
    /// It is there, whatever it holds.
    Any,
}

/// A change that a commit makes to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// The key holds this from now on, whatever it held.
    Put {
        /// The key.
        key: String,
        /// The octets.
        value: Arc<[u8]>,
        /// When [`expire`](super::Store::expire) is to remove it; each put says it anew.
        expires: Option<Time>,
    },
    /// The key is removed, if it is there.
    Delete {
        /// The key.
        key: String,
    },
}

impl Write {
    /// The key that is written.
    pub fn key(&self) -> &str {
        match self {
            Self::Put { key, .. } | Self::Delete { key } => key,
        }
    }

    /// Octets of key and value.
    pub(super) fn octets(&self) -> usize {
        match self {
            Self::Put { key, value, .. } => key.len() + value.len(),
            Self::Delete { key } => key.len(),
        }
    }
}

/// Changes that are made together if all expectations hold. A key stands in at most one write.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Commit {
    /// Keys, and what must be true of them.
    pub expect: Vec<(String, Expectation)>,
    /// The changes.
    pub writes: Vec<Write>,
}

impl Commit {
    /// A commit that expects and writes nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same, that also expects this of `key`.
    #[must_use]
    pub fn expect(mut self, key: impl Into<String>, expectation: Expectation) -> Self {
        self.expect.push((key.into(), expectation));
        self
    }

    /// The same, that also puts `value` at `key`, to stay.
    #[must_use]
    pub fn put(mut self, key: impl Into<String>, value: impl Into<Arc<[u8]>>) -> Self {
        self.writes.push(Write::Put { key: key.into(), value: value.into(), expires: None });
        self
    }

    /// The same, that also puts `value` at `key`, to be removed at `expires`.
    #[must_use]
    pub fn put_until(mut self, key: impl Into<String>, value: impl Into<Arc<[u8]>>, expires: Time) -> Self {
        self.writes.push(Write::Put { key: key.into(), value: value.into(), expires: Some(expires) });
        self
    }

    /// The same, that also removes `key`.
    #[must_use]
    pub fn delete(mut self, key: impl Into<String>) -> Self {
        self.writes.push(Write::Delete { key: key.into() });
        self
    }

    /// Octets of what it writes.
    pub(super) fn octets(&self) -> usize {
        self.writes.iter().map(Write::octets).sum()
    }

    /// Refuses what no store would take, whatever it holds.
    pub(super) fn check(&self) -> Result<(), CommitError> {
        within(Limit::CommitKeys, self.writes.len().max(self.expect.len()))?;
        for key in self.expect.iter().map(|(key, _)| key.as_str()).chain(self.writes.iter().map(Write::key)) {
            check_key(key)?;
        }
        for write in &self.writes {
            if let Write::Put { value, .. } = write {
                within(Limit::ValueOctets, value.len())?;
            }
        }
        within(Limit::CommitOctets, self.octets())?;
        let mut keys: Vec<&str> = self.writes.iter().map(Write::key).collect();
        keys.sort_unstable();
        match keys.windows(2).find(|pair| pair[0] == pair[1]) {
            Some(pair) => Err(CommitError::Invalid { key: pair[0].into(), why: "it is written twice in one commit" }),
            None => Ok(()),
        }
    }
}

fn check_key(key: &str) -> Result<(), CommitError> {
    within(Limit::KeyOctets, key.len())?;
    let why = if key.is_empty() {
        "a key has at least one character"
    } else if key.chars().any(char::is_control) {
        "a key has no control characters"
    } else {
        return Ok(());
    };
    Err(CommitError::Invalid { key: key.into(), why })
}

pub(super) fn within(limit: Limit, size: usize) -> Result<(), CommitError> {
    if size > limit.most() { Err(CommitError::TooLarge { limit, size }) } else { Ok(()) }
}

/// Which limit a commit goes over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// [`limits::KEY_OCTETS`]
    KeyOctets,
    /// [`limits::VALUE_OCTETS`]
    ValueOctets,
    /// [`limits::COMMIT_KEYS`]
    CommitKeys,
    /// [`limits::COMMIT_OCTETS`]
    CommitOctets,
    /// [`limits::STORE_OCTETS`]: something has to be removed first.
    StoreOctets,
}

impl Limit {
    /// The most that is allowed.
    pub fn most(self) -> usize {
        match self {
            Self::KeyOctets => limits::KEY_OCTETS,
            Self::ValueOctets => limits::VALUE_OCTETS,
            Self::CommitKeys => limits::COMMIT_KEYS,
            Self::CommitOctets => limits::COMMIT_OCTETS,
            Self::StoreOctets => limits::STORE_OCTETS,
        }
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::KeyOctets => "octets in a key",
            Self::ValueOctets => "octets in a value",
            Self::CommitKeys => "keys in a commit",
            Self::CommitOctets => "octets in a commit",
            Self::StoreOctets => "octets in the store",
        })
    }
}

/// Why a commit was not done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// An expectation does not hold: somebody else was there first.
    #[error("{key} is not as expected: {}", told(*found))]
    Conflict {
        /// The first key of which something else was expected.
        key: String,
        /// Its last change; absent where there is no such key.
        found: Option<Revision>,
    },
    /// No store takes this.
    #[error("{key:?} cannot be committed: {why}")]
    Invalid {
        /// The key that is wrong.
        key: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// It is, or would make the store, larger than allowed.
    #[error("{size} {limit} are more than {}", limit.most())]
    TooLarge {
        /// The limit that it goes over.
        limit: Limit,
        /// What it would come to.
        size: usize,
    },
    /// The store cannot write.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

fn told(found: Option<Revision>) -> String {
    found.map_or_else(|| "there is no such key".to_owned(), |revision| format!("it was changed by revision {revision}"))
}
