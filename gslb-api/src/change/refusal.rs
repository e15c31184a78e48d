//! Why a change is refused.

use gslb_core::problem::Problem;

use crate::document::Etag;
use crate::revisions::RevisionError;
use crate::safety::BrokenRule;
use crate::store::{CommitError, Unavailable};

/// Why a change was refused. The active state stays as it was.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The resource exists, and the change has no precondition.
    #[error("the resource exists: send If-Match with its current ETag")]
    Unconditional {
        /// Its current tag.
        current: Etag,
    },
    /// The precondition does not hold.
    #[error("the resource has changed: read it again and retry")]
    Stale {
        /// Its current tag; `None` if it does not exist.
        current: Option<Etag>,
    },
    /// The resource does not exist.
    #[error("there is no {what} {name:?}")]
    NotFound {
        /// Kind of resource.
        what: &'static str,
        /// The requested name.
        name: String,
    },
    /// The document comes from a watched file.
    #[error("the server watches the document's file: change that file instead")]
    IsFile,
    /// Other resources refer to the one to delete.
    #[error("{what} {name:?} is in use")]
    InUse {
        /// Kind of resource.
        what: &'static str,
        /// Its name.
        name: String,
        /// The references.
        by: Vec<Problem>,
    },
    /// The resulting document is invalid.
    #[error("{} problems", .0.len())]
    Invalid(Vec<Problem>),
    /// The request body is invalid, at these JSON pointers.
    #[error("invalid request body")]
    Body(Vec<(String, String)>),
    /// The change reaches beyond the token's scopes.
    #[error("out of scope: {}; the token may change {} only", .outside.join(", "), .scopes.join(" "))]
    OutOfScope {
        /// The resources out of scope.
        outside: Vec<String>,
        /// The token's scopes.
        scopes: Vec<String>,
    },
    /// It breaks safety rules.
    #[error("it breaks {} safety rules", .0.len())]
    Unsafe(Vec<BrokenRule>),
    /// The store has no room for it.
    #[error("{0}")]
    TooLarge(String),
    /// The store cannot write. The active state stays in force.
    #[error("{0}")]
    Unavailable(String),
    /// Other dry runs took too long.
    #[error("other plans are still being computed: try again")]
    Busy,
    /// An internal error.
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
            // Another writer was faster, or the store is not in the expected state.
            other => Self::Unavailable(other.to_string()),
        }
    }
}
