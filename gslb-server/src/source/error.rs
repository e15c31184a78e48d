//! Errors of loading a site from files.

use std::io;
use std::path::PathBuf;

use geoip::{Fault, LoadError, Moved};
use gslb_api::change::Refusal;
use gslb_api::safety::BrokenRule;
use gslb_core::problem::{Problem, ProblemKind, Severity};

/// Why a site could not be loaded or applied.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// The document could not be read.
    #[error("cannot read {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The operating system's error.
        #[source]
        cause: io::Error,
    },
    /// A geo database cannot be used.
    #[error(transparent)]
    Database(#[from] LoadError),
    /// A new geo database would move too many clients at once.
    #[error(
        "{name}: {:.1} % of IPv4 and {:.1} % of IPv6 would change location, more than max_moved = {max_moved}",
        moved.v4 * 100.0, moved.v6 * 100.0
    )]
    MovesTooMuch {
        /// The database.
        name: String,
        /// Share that it would move.
        moved: Moved,
        /// Share that it may move.
        max_moved: f64,
    },
    /// The previous document had zones, and the new one has none.
    #[error("the document has no zones; refused as a likely mistake. To stop answering, stop gslb")]
    Emptied,
    /// The document is not valid JSON.
    #[error("{0}")]
    InvalidJson(String),
    /// The document has errors.
    #[error("the document cannot be served:{}", listed(.0))]
    Invalid(Vec<Problem>),
    /// Safety rules reject the change.
    #[error("the safety rules reject it:{}", .0.iter().map(|rule| format!("\n{rule}")).collect::<String>())]
    Unsafe(Vec<BrokenRule>),
    /// Refused for a transient reason outside the files.
    #[error("{0}")]
    Later(String),
    /// Refused for another reason.
    #[error("{0}")]
    Refused(String),
}

impl SiteError {
    /// Whether the same files may be accepted later without a change: a frozen window ends, endpoints recover, a disk
    /// has space again. Rules about moved traffic are checked again only on request: otherwise a change would go
    /// through at night when its clients sleep.
    pub fn is_transient(&self) -> bool {
        const TRANSIENT: [&str; 2] = ["frozen", "require_endpoints"];
        match self {
            Self::Unsafe(rules) => rules.iter().all(|broken| TRANSIENT.contains(&&*broken.rule)),
            Self::Later(_) => true,
            Self::Unreadable { cause, .. } => cause.kind() == io::ErrorKind::TimedOut,
            Self::Database(LoadError { fault: Fault::Unreadable(cause), .. }) => {
                cause.kind() == io::ErrorKind::TimedOut
            }
            Self::Invalid(problems) => problems.iter().any(|problem| problem.kind == ProblemKind::FileUnavailable),
            _ => false,
        }
    }

    /// A key that is equal for errors that differ only in numbers.
    pub fn about(&self) -> String {
        match self {
            Self::Unsafe(rules) => rules.iter().map(|broken| &*broken.rule).collect::<Vec<_>>().join(" "),
            other => other.to_string(),
        }
    }
}

impl From<Refusal> for SiteError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Invalid(problems) => Self::Invalid(problems),
            Refusal::Unsafe(rules) => Self::Unsafe(rules),
            later @ (Refusal::Unavailable(_) | Refusal::Busy) => Self::Later(later.to_string()),
            other => Self::Refused(other.to_string()),
        }
    }
}

/// Formats problems, one or two lines each, errors first.
pub fn listed(problems: &[Problem]) -> String {
    let mut sorted: Vec<&Problem> = problems.iter().collect();
    sorted.sort_by_key(|problem| (problem.severity == Severity::Warning, problem.location.clone()));
    sorted.into_iter().map(|problem| format!("\n{problem}")).collect()
}
