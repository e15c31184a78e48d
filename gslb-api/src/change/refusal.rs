//! Why a change is not done.

use gslb_core::problem::Problem;

use crate::document::Etag;
use crate::revisions::RevisionError;
use crate::safety::BrokenRule;
use crate::store::{CommitError, Unavailable};

/// Why a change was not done. What was in force stays.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It exists, and the change says nothing about which state it is to replace.
    #[error("the resource exists: say which state of it is to be changed")]
    Unconditional {
        /// Its tag now.
        current: Etag,
    },
    /// It is not, or not any more, as the change expects it.
    #[error("the resource is not in the state that the change is based on")]
    Stale {
        /// Its tag now; none where there is none.
        current: Option<Etag>,
    },
    /// There is no such resource.
    #[error("there is no {what} {name:?}")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
        /// What it should be called.
        name: String,
    },
    /// The document is what a file says.
    #[error("the document is a file that the server watches: change that")]
    IsFile,
    /// Others refer to what is to be deleted.
    #[error("{what} {name:?} is in use")]
    InUse {
        /// What kind of thing.
        what: &'static str,
        /// What it is called.
        name: String,
        /// Who refers to it.
        by: Vec<Problem>,
    },
    /// What would come of it is not a good document or override.
    #[error("{} problems", .0.len())]
    Invalid(Vec<Problem>),
    /// What was sent is wrong in itself, at these pointers.
    #[error("the body is not what is expected here")]
    Body(Vec<(String, String)>),
    /// It would change what the token's scopes do not cover.
    #[error("out of scope: {}; the token may change {} only", .outside.join(", "), .scopes.join(" "))]
    OutOfScope {
        /// What it would change, of what is out of scope.
        outside: Vec<String>,
        /// The scopes.
        scopes: Vec<String>,
    },
    /// A safety rule forbids it.
    #[error("{} safety rules forbid it", .0.len())]
    Unsafe(Vec<BrokenRule>),
    /// It takes more than the store has room for.
    #[error("{0}")]
    TooLarge(String),
    /// The store cannot write. What is in force goes on.
    #[error("{0}")]
    Unavailable(String),
    /// Others have had to be waited for too long.
    #[error("other plans are being worked out: try again")]
    Busy,
    /// A fault in the program.
    #[error("internal error: the change failed")]
    Internal,
}

impl From<Unavailable> for Refusal {
    fn from(error: Unavailable) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<RevisionError> for Refusal {
    fn from(error: RevisionError) -> Self {
        Self::Unavailable(error.to_string())
    }
}

impl From<CommitError> for Refusal {
    fn from(error: CommitError) -> Self {
        match error {
            CommitError::TooLarge { .. } => Self::TooLarge(error.to_string()),
            // Someone else has written to the store, or it holds what we do not expect.
            other => Self::Unavailable(other.to_string()),
        }
    }
}
