//! Commits, and why a commit may be refused.

use std::fmt;
use std::sync::Arc;

use super::value::{Revision, Time};
use super::{Unavailable, limits};

/// A precondition on a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expectation {
    /// The key does not exist.
    Absent,
    /// The key was last changed by this revision.
    At(Revision),
    /// The key exists, with any value.
    Any,
}

/// A write to a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// Sets the key's value.
    Put {
        /// The key.
        key: String,
        /// The octets.
        value: Arc<[u8]>,
        /// When [`expire`](super::Store::expire) removes it. Each put sets this again.
        expires: Option<Time>,
    },
    /// Removes the key if it exists.
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

/// Writes that are applied together if all expectations hold. Each key may be written once.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Commit {
    /// Preconditions.
    pub expect: Vec<(String, Expectation)>,
    /// The writes.
    pub writes: Vec<Write>,
}

impl Commit {
    /// An empty commit.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a precondition on `key`.
    #[must_use]
    pub fn expect(mut self, key: impl Into<String>, expectation: Expectation) -> Self {
        self.expect.push((key.into(), expectation));
        self
    }

    /// Adds a put without expiry.
    #[must_use]
    pub fn put(mut self, key: impl Into<String>, value: impl Into<Arc<[u8]>>) -> Self {
        self.writes.push(Write::Put { key: key.into(), value: value.into(), expires: None });
        self
    }

    /// Adds a put that expires at `expires`.
    #[must_use]
    pub fn put_until(mut self, key: impl Into<String>, value: impl Into<Arc<[u8]>>, expires: Time) -> Self {
        self.writes.push(Write::Put { key: key.into(), value: value.into(), expires: Some(expires) });
        self
    }

    /// Adds a delete.
    #[must_use]
    pub fn delete(mut self, key: impl Into<String>) -> Self {
        self.writes.push(Write::Delete { key: key.into() });
        self
    }

    /// Octets that it writes.
    pub(super) fn octets(&self) -> usize {
        self.writes.iter().map(Write::octets).sum()
    }

    /// Refuses commits that are invalid whatever the store contains.
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
            Some(pair) => Err(CommitError::Invalid { key: pair[0].into(), why: "it is written twice in the commit" }),
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
    if size > limit.max() { Err(CommitError::TooLarge { limit, size }) } else { Ok(()) }
}

/// A limit that a commit exceeds.
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
    /// [`limits::STORE_OCTETS`]: remove something first.
    StoreOctets,
}

impl Limit {
    /// The maximum.
    pub fn max(self) -> usize {
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

/// Why a commit failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CommitError {
    /// A precondition does not hold: another commit was first.
    #[error("{key} has changed: {}", describe(*found))]
    Conflict {
        /// The first key whose precondition failed.
        key: String,
        /// Revision of its last change; `None` if the key does not exist.
        found: Option<Revision>,
    },
    /// No store accepts this.
    #[error("{key:?} cannot be committed: {why}")]
    Invalid {
        /// The invalid key.
        key: String,
        /// The error.
        why: &'static str,
    },
    /// The commit, or the resulting store, is too large.
    #[error("{size} {limit}: the maximum is {}", limit.max())]
    TooLarge {
        /// The exceeded limit.
        limit: Limit,
        /// The size it would have.
        size: usize,
    },
    /// The store cannot write.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
}

fn describe(found: Option<Revision>) -> String {
    found.map_or_else(|| "it does not exist".to_owned(), |revision| format!("revision {revision} changed it"))
}
