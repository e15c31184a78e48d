//! Why the API cannot start.

use gslb_core::problem::Problem;

use crate::revisions::{Damaged, RevisionError};
use crate::store::{CommitError, Unavailable};

/// Why the API cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] CommitError),
    /// A row of the store cannot be read.
    #[error(transparent)]
    Damaged(#[from] Damaged),
    /// The current revision is missing in the store.
    #[error("the store lacks its current revision {0}: restore the data directory from a backup")]
    Missing(u64),
    /// The document cannot be served.
    #[error("the document cannot be served:{}", .0.iter().map(|problem| format!("\n{problem}")).collect::<String>())]
    Invalid(Vec<Problem>),
    /// An internal error.
    #[error("internal error: the document could not be compiled")]
    Internal,
    /// The publisher thread cannot be started.
    #[error("cannot start the publisher thread: {0}")]
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
