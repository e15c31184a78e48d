//! Why a store cannot be opened, and what an operator can do.

use std::io;
use std::path::PathBuf;

use super::super::Revision;

/// Why a store cannot be opened. A damaged file is not modified.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// A system call failed.
    #[error("cannot {what} {}: {cause}", path.display())]
    System {
        /// The operation: "open", "create".
        what: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        #[source]
        cause: io::Error,
    },
    /// Another process, or another store in this process, uses the directory.
    #[error("{} is in use by another process; one gslb at a time can have a data directory", path.display())]
    InUse {
        /// The lock file.
        path: PathBuf,
    },
    /// The file is damaged.
    #[error(
        "{} is damaged: {found}. It was not modified: replace it with a backup, or move it \
         and {} away to start with an empty store",
        path.display(), mark.display()
    )]
    Damaged {
        /// The store's file.
        path: PathBuf,
        /// The damage.
        found: String,
        /// The file with the highest revision.
        mark: PathBuf,
    },
    /// The file was written by a later version in an unknown format.
    #[error("{} has format {format}, this gslb reads format {known}: use the version that wrote it", path.display())]
    Later {
        /// The store's file.
        path: PathBuf,
        /// Its format version.
        format: u64,
        /// The format version of this program.
        known: u64,
    },
    /// The file belongs to another store than the directory.
    #[error(
        "{} is the store {found}, and this directory has had the store {known}: it may be another node's. \
         Restore this node's own store, or remove {} to continue with this one",
        path.display(), identity.display()
    )]
    Foreign {
        /// The store's file.
        path: PathBuf,
        /// The identity of the store in it.
        found: String,
        /// The identity of the directory's store.
        known: String,
        /// The file with that identity.
        identity: PathBuf,
    },
    /// Acknowledged commits are missing.
    #[error(
        "{} ends at revision {revision}, but revision {highest} was reached: commits are missing. \
         Restore the later file, or remove {} to continue without them",
        path.display(), mark.display()
    )]
    Behind {
        /// The store's file.
        path: PathBuf,
        /// The last revision in it; zero if there is no such file.
        revision: Revision,
        /// The highest revision that was acknowledged.
        highest: Revision,
        /// The file with the highest revision.
        mark: PathBuf,
    },
}
