//! Limits of a store: everything that grows with input has one.

/// Octets of a key, 1 to this many.
pub const KEY_OCTETS: usize = 512;

/// Octets of a value. A document of a million lines has some tens of millions of octets, which
/// fits.
pub const VALUE_OCTETS: usize = 16 << 20;

/// Writes of a commit, and expectations of it.
pub const COMMIT_KEYS: usize = 1024;

/// Octets of the keys and values that a commit writes.
pub const COMMIT_OCTETS: usize = 32 << 20;

/// Octets of all keys and values, with [`ENTRY_OCTETS`] for each. All are kept in memory.
pub const STORE_OCTETS: usize = 256 << 20;

/// Overhead per entry: roughly that of the in-memory tables.
pub const ENTRY_OCTETS: usize = 64;

/// Entries of a page.
pub const PAGE_ENTRIES: usize = 1000;

/// Commits kept for watchers.
pub const HISTORY_COMMITS: usize = 4096;

/// Octets of the keys and values of those commits; the latest commit is kept whatever its size.
pub const HISTORY_OCTETS: usize = 16 << 20;

/// Commits that wait for the embedded store's thread. A sender waits while the queue is full.
pub(super) const QUEUE: usize = 1024;

/// Commits that share one write to the disk, so that none waits long for those before it.
pub(super) const BATCH_COMMITS: usize = 256;

/// Octets of the commits that share one write to the disk; one commit may have more.
pub(super) const BATCH_OCTETS: usize = COMMIT_OCTETS;
