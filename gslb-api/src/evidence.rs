//! What health rests on at one moment, for metrics.

use std::sync::Arc;
use std::time::Duration;

use gslb_core::health::{Failure, Member};

use crate::change::{Active, Refusal};
use crate::control::Control;

/// What is known besides statuses.
#[derive(Debug)]
pub struct Evidence {
    /// What was in force.
    pub active: Arc<Active>,
    /// True while failures of too many endpoints are doubted.
    pub is_mass_failure: bool,
    /// How far each data center of the document is from this node, where that is known.
    pub latencies: Vec<Option<Duration>>,
    /// How many endpoints have recovered and wait for `gslb resume`.
    pub awaiting_resume: usize,
    /// When the certificates of probed endpoints end, in seconds since 1970-01-01 00:00 UTC, by the place of the probe that
    /// saw one among those of the pool.
    pub certificates: Vec<(Member, usize, u64)>,
    /// Endpoints that cannot be probed now, and why.
    pub unable: Vec<(Member, Failure)>,
    /// Verdicts of each probe where a pool has several, by the same.
    pub verdicts: Vec<(Member, usize, bool)>,
}

/// What is known now.
///
/// # Errors
/// [`Refusal::Internal`] where nothing is published any more.
pub(crate) async fn evidence(control: &Control) -> Result<Evidence, Refusal> {
    let look = control.look(|keeper, active| Evidence {
        active: Arc::clone(active),
        is_mass_failure: keeper.mass_failure_for().is_some(),
        latencies: keeper.health().latencies(&active.table.topology().site),
        awaiting_resume: keeper.health().awaiting_resume(),
        certificates: keeper.health().certificates().collect(),
        unable: keeper.health().unable().collect(),
        verdicts: keeper.health().verdicts().collect(),
    });
    look.await
}
