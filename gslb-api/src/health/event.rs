//! What the task that publishes is told and asked of endpoints, at any time.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use gslb_core::health::{Outcome, Target};
use tokio::sync::oneshot;

use super::Keeper;
use crate::change::Active;

/// Words that wait to be heard, and that are heard at once; who comes later waits for a place.
pub const MAX_EVENTS: usize = 4096;

/// What came of probing a target.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The target. One that the document in force does not have any more is not looked at.
    pub target: Arc<Target>,
    /// What came of it.
    pub outcome: Outcome,
    /// When.
    pub at: Instant,
}

/// What somebody says of an endpoint whose probe is of kind `push`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// Its pool.
    pub pool: String,
    /// Its name.
    pub endpoint: String,
    /// Whether it is well.
    pub up: bool,
    /// Why, or what was seen.
    pub reason: String,
}

/// What became of letting an endpoint back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumed {
    /// It is back.
    Done,
    /// Neither `hold_down` nor `resume` keeps it down.
    NotHeld,
    /// There is no such endpoint.
    Unknown,
}

/// Somebody looks at what is known, and at what it led to.
pub type Look = Box<dyn FnOnce(&Keeper, &Arc<Active>) + Send>;

/// One thing said.
pub enum HealthEvent {
    /// An outcome of a probe.
    Observed(Observed),
    /// Words of others, to be taken all or none; the answer has the place of each that cannot be, and why.
    Posted(Vec<Posted>, oneshot::Sender<Result<(), Vec<(usize, String)>>>),
    /// An endpoint, by the names of pool and endpoint, is let back.
    Resume(String, String, oneshot::Sender<Resumed>),
    /// A mass failure is believed; false where none is doubted.
    AcceptFailures(oneshot::Sender<bool>),
    /// A question.
    Look(Look),
}

impl fmt::Debug for HealthEvent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Observed(observed) => observed.fmt(out),
            Self::Posted(posted, _) => write!(out, "Posted({})", posted.len()),
            Self::Resume(pool, endpoint, _) => write!(out, "Resume({pool}/{endpoint})"),
            Self::AcceptFailures(_) => out.write_str("Lift"),
            Self::Look(_) => out.write_str("Look"),
        }
    }
}
