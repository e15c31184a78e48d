//! Why files give no table.

use std::io;
use std::path::PathBuf;

use geoip::{Fault, LoadError, Moved};
use gslb_api::change::Refusal;
use gslb_api::safety::BrokenRule;
use gslb_core::problem::{Problem, Severity};

use crate::files::reader;

/// Why there is no table.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// The document could not be read.
    #[error("cannot read {}: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// A geo database is not one that can be used.
    #[error(transparent)]
    Database(#[from] LoadError),
    /// A geo database would move too many clients at once.
    #[error(
        "{name}: {:.1} % of IPv4 and {:.1} % of IPv6 would change place, more than max_moved = {max_moved}",
        moved.v4 * 100.0, moved.v6 * 100.0
    )]
    MovesTooMuch {
        /// The database.
        name: String,
        /// How much it would move.
        moved: Moved,
        /// How much it may.
        max_moved: f64,
    },
    /// Something was served, and the new document has nothing in it.
    #[error("the document has no zones any more: it is not taken for an order to answer nothing; stop gslb for that")]
    Emptied,
    /// The document is not what its name says.
    #[error("{0}")]
    NoJson(String),
    /// The document has errors.
    #[error("the document cannot be served:{}", listed(.0))]
    Wrong(Vec<Problem>),
    /// Safety rules forbid the change.
    #[error("the safety rules forbid it:{}", .0.iter().map(|rule| format!("\n{rule}")).collect::<String>())]
    Unsafe(Vec<BrokenRule>),
    /// It is not done for a reason that does not lie in the files, and passes.
    #[error("{0}")]
    Later(String),
    /// It is not done for another reason.
    #[error("{0}")]
    Refused(String),
}

impl SiteError {
    /// Whether the same files may be taken later by themselves: a frozen window ends, endpoints come back, a disk has room
    /// again. What a change would move is looked at again when somebody asks: a rule is not passed by waiting for the hour
    /// at which its clients sleep.
    pub fn may_pass(&self) -> bool {
        const PASSING: [&str; 2] = ["frozen", "require_endpoints"];
        match self {
            Self::Unsafe(rules) => rules.iter().all(|broken| PASSING.contains(&&*broken.rule)),
            Self::Later(_) => true,
            Self::Unreadable { cause, .. } => cause.kind() == io::ErrorKind::TimedOut,
            Self::Database(LoadError { fault: Fault::Unreadable(cause), .. }) => {
                cause.kind() == io::ErrorKind::TimedOut
            }
            Self::Wrong(problems) => {
                let passes =
                    |message: &str| message.contains(reader::NO_ANSWER) || message.contains(reader::TRIED_AGAIN);
                problems.iter().any(|problem| passes(&problem.message))
            }
            _ => false,
        }
    }

    /// What it is about, and the same where only figures differ.
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
            Refusal::Invalid(problems) => Self::Wrong(problems),
            Refusal::Unsafe(rules) => Self::Unsafe(rules),
            later @ (Refusal::Unavailable(_) | Refusal::Busy) => Self::Later(later.to_string()),
            other => Self::Refused(other.to_string()),
        }
    }
}

/// Problems, a line or two each, errors first.
pub fn listed(problems: &[Problem]) -> String {
    let mut sorted: Vec<&Problem> = problems.iter().collect();
    sorted.sort_by_key(|problem| (problem.severity == Severity::Warning, problem.location.clone()));
    sorted.into_iter().map(|problem| format!("\n{problem}")).collect()
}
