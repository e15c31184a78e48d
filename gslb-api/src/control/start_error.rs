//! Why the API does not start.

use gslb_core::problem::Problem;

use crate::revisions::{Damaged, RevisionError};
use crate::store::{CommitError, Unavailable};

/// Why the API does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] CommitError),
    /// What the store has is not what this version writes.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// The store says that a revision is in force, and does not have it.
    #[error("the store has no revision {0}, which should be in force: put a backup of the data directory in its place")]
    Missing(u64),
    /// The document cannot be served.
    #[error("the document cannot be served:{}", .0.iter().map(|problem| format!("\n{problem}")).collect::<String>())]
    Invalid(Vec<Problem>),
    /// A fault in the program.
    #[error("internal error: the document could not be compiled")]
    Internal,
    /// The thread that publishes could not be had.
    #[error("the thread that publishes cannot start: {0}")]
    Thread(std::io::Error),
}

impl From<Unavailable> for StartError {
    fn from(error: Unavailable) -> Self {
        Self::Store(error.into())
    }
}

impl From<RevisionError> for StartError {
    fn from(error: RevisionError) -> Self {
        match error {
            RevisionError::Unavailable(error) => error.into(),
            RevisionError::Damaged(error) => error.into(),
        }
    }
}
