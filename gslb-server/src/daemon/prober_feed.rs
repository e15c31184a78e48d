//! Feeds the prober with the targets of each new document, and the API with probe results.

use std::io;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use gslb_api::Api;
use gslb_api::change::Active;
use gslb_api::health::{HealthEvent, Observed};
use gslb_core::health::{Outcome, Target, Targets};
use gslb_core::table::RoutingTable;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tracing::{debug, trace};

use crate::probe::{Prober, Settings, StartError};

/// Minimum time between two updates of the targets: many documents may arrive at once.
const MIN_INTERVAL: Duration = Duration::from_millis(20);

/// A prober that follows the active document. It stops when dropped.
pub struct Probing {
    prober: Arc<Prober>,
}

impl Probing {
    /// Starts probing the active document of `api`, now and after each change.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(runtime: &Handle, settings: Settings, api: &Api) -> Result<Self, StartError> {
        let (prober, reports) = Prober::start(settings)?;
        let prober = Arc::new(prober);
        forward(reports, api.health_events())?;
        runtime.spawn(follow(Arc::downgrade(&prober), api.follow()));
        Ok(Self { prober })
    }

    /// The prober, for its counters and its pulse.
    pub fn prober(&self) -> &Arc<Prober> {
        &self.prober
    }
}

/// Forwards reports on a thread of its own, so that no other work delays them.
fn forward(mut reports: mpsc::Receiver<Observed>, events: mpsc::Sender<HealthEvent>) -> io::Result<()> {
    let run = move || {
        while let Some(observed) = reports.blocking_recv() {
            log_outcome(&observed.target, &observed.outcome);
            if events.blocking_send(HealthEvent::Observed(observed)).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("outcomes".to_owned()).spawn(run).map(drop)
}

/// Logs the outcome of a probe: failures at debug, passes at trace. It runs on this thread so that a slow log delays
/// only other outcomes.
fn log_outcome(target: &Target, outcome: &Outcome) {
    let (ms, evidence) = (outcome.took.as_secs_f64() * 1e3, &*outcome.evidence);
    match outcome.result {
        Ok(()) => trace!(target = %target, ms, evidence, "probe passed"),
        Err(failure) => debug!(target = %target, failure = failure.word(), ms, evidence, "probe failed"),
    }
}

/// Gives the prober the targets of each document that becomes active.
async fn follow(prober: std::sync::Weak<Prober>, mut active: watch::Receiver<Arc<Active>>) {
    let mut known: Option<Arc<RoutingTable>> = None;
    loop {
        let table = Arc::clone(&active.borrow_and_update().table);
        if known.as_ref().is_none_or(|known| !known.has_topology_of(&table)) {
            let (weak, new) = (prober.clone(), Arc::clone(&table));
            // Comparing ten thousand targets takes a while.
            let taken = tokio::task::spawn_blocking(move || weak.upgrade().map(|prober| take(&prober, &new))).await;
            if !matches!(taken, Ok(Some(()))) {
                return;
            }
            known = Some(table);
            tokio::time::sleep(MIN_INTERVAL).await;
        }
        if active.changed().await.is_err() {
            return;
        }
    }
}

fn take(prober: &Prober, table: &RoutingTable) {
    let site = &table.topology().site;
    let targets = Targets::of(site);
    prober.take(site, &targets);
}
