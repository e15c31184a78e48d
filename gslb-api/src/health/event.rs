//! Events about endpoint health, sent to the publisher task.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use gslb_core::health::{Outcome, Target};
use tokio::sync::oneshot;

use super::Keeper;
use crate::change::Active;

/// Capacity of the event queue, and the most events per batch. A sender waits while the queue is full.
pub const MAX_EVENTS: usize = 4096;

/// The outcome of a probe.
#[derive(Debug, Clone)]
pub struct Observed {
    /// The target. Outcomes for targets that the active document no longer has are ignored.
    pub target: Arc<Target>,
    /// The outcome.
    pub outcome: Outcome,
    /// When the probe ended.
    pub at: Instant,
}

/// A status that a client posts for an endpoint with a `push` probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    /// Name of the pool.
    pub pool: String,
    /// Name of the endpoint.
    pub endpoint: String,
    /// True if the endpoint is healthy.
    pub up: bool,
    /// The reason or evidence.
    pub reason: String,
}

/// The result of resuming an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumed {
    /// It is back in service.
    Done,
    /// It was not held down by `hold_down` or `resume`.
    NotHeld,
    /// The endpoint does not exist.
    Unknown,
}

/// Reads endpoint health together with the active state that it led to.
pub type Look = Box<dyn FnOnce(&Keeper, &Arc<Active>) + Send>;

/// An event about endpoint health.
pub enum HealthEvent {
    /// A probe has ended.
    Observed(Observed),
    /// Posted statuses, applied all or none. The reply has the index of each rejected one, and why.
    Posted(Vec<Posted>, oneshot::Sender<Result<(), Vec<(usize, String)>>>),
    /// Returns an endpoint to service; names of pool and endpoint.
    Resume(String, String, oneshot::Sender<Resumed>),
    /// Accepts the failures of a suspected mass failure. Replies false if there is none.
    AcceptFailures(oneshot::Sender<bool>),
    /// Reads the current health.
    Look(Look),
}

impl fmt::Debug for HealthEvent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Observed(observed) => observed.fmt(out),
            Self::Posted(posted, _) => write!(out, "Posted({})", posted.len()),
            Self::Resume(pool, endpoint, _) => write!(out, "Resume({pool}/{endpoint})"),
            Self::AcceptFailures(_) => out.write_str("AcceptFailures"),
            Self::Look(_) => out.write_str("Look"),
        }
    }
}
