//! Values of a store, with their revision and expiry, and pages of entries.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The number of a commit: one sequence for the whole store, incremented by one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(u64);

impl Revision {
    /// Before the first commit.
    pub const ZERO: Self = Self(0);

    /// The highest plausible revision; a higher one in a file is damage.
    pub(super) const MAX: Self = Self(1 << 48);

    /// The revision of this number.
    pub fn new(number: u64) -> Self {
        Self(number)
    }

    /// Its number.
    pub fn number(self) -> u64 {
        self.0
    }

    /// The next revision.
    pub(super) fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(out)
    }
}

/// A moment of the wall clock, in milliseconds since 1970-01-01 00:00 UTC; valid across restarts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(u64);

impl Time {
    /// From milliseconds since 1970-01-01 00:00 UTC.
    pub fn from_millis(millis: u64) -> Self {
        Self(millis)
    }

    /// Milliseconds since 1970-01-01 00:00 UTC.
    pub fn millis(self) -> u64 {
        self.0
    }

    /// The time `duration` later, in whole milliseconds, saturating.
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)))
    }
}

impl From<SystemTime> for Time {
    /// A time before 1970 becomes 1970.
    fn from(time: SystemTime) -> Self {
        Self(0).after(time.duration_since(UNIX_EPOCH).unwrap_or_default())
    }
}

/// The value of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Versioned {
    /// The octets, shared with the store.
    pub value: Arc<[u8]>,
    /// The commit that wrote them.
    pub revision: Revision,
    /// When the key expires; `None` if never.
    pub expires: Option<Time>,
}

/// A key with its value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The key.
    pub key: Arc<str>,
    /// Its value.
    pub versioned: Versioned,
}

/// Sort order of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// The smallest key first.
    Ascending,
    /// The greatest key first: the latest, if keys are fixed-width numbers.
    Descending,
}

/// Entries with a common prefix, as of one revision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The entries, in the requested order.
    pub entries: Vec<Entry>,
    /// Whether more follow after the last one.
    pub more: bool,
    /// The store's revision at the time of the read.
    pub revision: Revision,
}
