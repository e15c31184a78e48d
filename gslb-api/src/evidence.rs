//! A snapshot of health evidence, for metrics.

use std::sync::Arc;
use std::time::Duration;

use gslb_core::health::{Failure, Member};

use crate::change::{Active, Refusal};
use crate::control::Control;

/// Health evidence besides statuses.
#[derive(Debug)]
pub struct Evidence {
    /// The active state.
    pub active: Arc<Active>,
    /// True while a mass failure is suspected.
    pub is_mass_failure: bool,
    /// Latency from this node to each data center of the document, if measured.
    pub latencies: Vec<Option<Duration>>,
    /// Number of recovered endpoints that wait for `gslb resume`.
    pub awaiting_resume: usize,
    /// Certificate expiry times of endpoints, in seconds since 1970-01-01 00:00 UTC, with the index of the probe in the pool.
    pub certificates: Vec<(Member, usize, u64)>,
    /// Endpoints that cannot be probed, and why.
    pub unable: Vec<(Member, Failure)>,
    /// Verdicts per probe, for pools with several probes, with the index of the probe.
    pub verdicts: Vec<(Member, usize, bool)>,
}

/// Takes a snapshot.
///
/// # Errors
/// [`Refusal::Internal`] if the control task has ended.
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
