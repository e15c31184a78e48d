//! Why a store in a directory cannot be opened, and what its operator can do.

use std::io;
use std::path::PathBuf;

use super::super::Revision;

/// Why there is no store. A damaged file is left as it is, to the octet; the others hold what they held.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The system refuses something.
    #[error("cannot {what} {}: {cause}", path.display())]
    System {
        /// What was tried: "open", "create".
        what: &'static str,
        /// With which file or directory.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// Another process, or another store of this one, has the directory.
    #[error("{} is in use by another process; one gslb at a time can have a data directory", path.display())]
    InUse {
        /// The lock that is taken.
        path: PathBuf,
    },
    /// The file is not what was once written.
    #[error(
        "{} is damaged: {found}. It is left as it is: put a backup in its place, or move it and {} away to begin anew",
        path.display(), mark.display()
    )]
    Damaged {
        /// The store's file.
        path: PathBuf,
        /// What is wrong with it.
        found: String,
        /// The file that remembers the highest revision.
        mark: PathBuf,
    },
    /// The file was written by a later version, in a way that this one cannot read.
    #[error("{} has format {format}, this gslb reads format {known}: use the version that wrote it", path.display())]
    Later {
        /// The store's file.
        path: PathBuf,
        /// The number of its format.
        format: u64,
        /// The number that this version knows.
        known: u64,
    },
    /// The file is another store than the one that the directory has had.
    #[error(
        "{} is the store {found}, and this directory has had the store {known}: it may be another node's. Put this node's own \
         store back; or remove {} to go on with what is there",
        path.display(), identity.display()
    )]
    Foreign {
        /// The store's file.
        path: PathBuf,
        /// The number of the store in it.
        found: String,
        /// The number of the store that the directory has had.
        known: String,
        /// The file that remembers that number.
        identity: PathBuf,
    },
    /// Commits that were once acknowledged are missing.
    #[error(
        "{} ends at revision {revision}, but revision {highest} was reached: commits are missing. \
         Put the later file back; or remove {} to go on without them",
        path.display(), mark.display()
    )]
    Behind {
        /// The store's file.
        path: PathBuf,
        /// The last revision in it; zero where there is no such file.
        revision: Revision,
        /// The highest revision that was acknowledged.
        highest: Revision,
        /// The file that remembers the highest revision.
        mark: PathBuf,
    },
}
