//! What a store holds: values, the revision and the time that go with them, and pages of them.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The number of a commit: one row for the whole store, rising by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(u64);

impl Revision {
    /// Before the first commit.
    pub const ZERO: Self = Self(0);

    /// More than any store comes to: the most that is taken for a revision where one is read.
    pub(super) const MAX: Self = Self(1 << 48);

    /// The revision of this number.
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    pub fn number(self) -> u64 {
        self.0
    }

    /// The one that follows.
    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// A moment of the wall clock, in milliseconds since 1970-01-01 00:00 UTC: what outlives a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// The moment so many milliseconds after the beginning of 1970 in UTC.
    pub fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since the beginning of 1970 in UTC.
    pub fn millis(self) -> u64 {
        self.0
    }

    /// The moment `duration` later, in whole milliseconds; the last one that can be told where that is later still.
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl From<SystemTime> for Time {
    /// A clock that stands before 1970 is taken as 1970.
    fn from(time: SystemTime) -> Self {
        Self(0).after(time.duration_since(UNIX_EPOCH).unwrap_or_default())
    }
}

/// What a key holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// The octets, shared with the store.
    pub value: Arc<[u8]>,
    /// The commit that put them.
    pub revision: Revision,
    /// When the key is to be removed; absent where it stays.
    pub expires: Option<Time>,
}

/// A key with what it holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Arc<str>,
    /// What it holds.
    pub versioned: Versioned,
}

/// Which end of the keys a page begins at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The least key first.
    Ascending,
    /// The greatest key first: the latest, where keys are numbers of one width.
    Descending,
}

/// Keys that begin alike, as they were at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The entries, in the order asked for.
    pub entries: Vec<Entry>,
    /// Whether more follow after the last one.
    pub more: bool,
    /// The store's revision at that moment.
    pub revision: Revision,
}
