//! Probes of what is served: the prober follows each new document, and what comes of its probes goes to the API.

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

use crate::probe::{Prober, Pulse, Report, Settings, StartError};

/// How long targets are not looked at again after they changed: documents may come many at once.
const SETTLED: Duration = Duration::from_millis(20);

/// A prober that follows what is in force. It ends when it is dropped.
pub struct Probing {
    prober: Arc<Prober>,
}

impl Probing {
    /// Starts probing what `api` says is in force, now and after each change of it.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(runtime: &Handle, settings: Settings, api: &Api) -> Result<Self, StartError> {
        let (prober, reports) = Prober::start(settings)?;
        let prober = Arc::new(prober);
        hand_on(reports, api.health_events())?;
        runtime.spawn(follow(Arc::downgrade(&prober), api.follow()));
        Ok(Self { prober })
    }

    /// What has been counted, and what is alive.
    pub fn prober(&self) -> &Arc<Prober> {
        &self.prober
    }

    /// Whether probes run.
    pub fn pulse(&self) -> impl Fn() -> Pulse + Send + Sync + use<> {
        let prober = Arc::clone(&self.prober);
        move || prober.pulse()
    }
}

/// Hands reports on, on a thread of its own: whatever else runs, none of them waits.
fn hand_on(mut reports: mpsc::Receiver<Report>, words: mpsc::Sender<HealthEvent>) -> io::Result<()> {
    let run = move || {
        while let Some(Report { target, outcome, finished }) = reports.blocking_recv() {
            tell(&target, &outcome);
            let word = HealthEvent::Observed(Observed { target, outcome, at: finished });
            if words.blocking_send(word).is_err() {
                return;
            }
        }
    };
    thread::Builder::new().name("outcomes".to_owned()).spawn(run).map(drop)
}

/// Tells what came of a probe, where the log wants it: each failure, or every one. Here, so that nobody waits for the log
/// but other outcomes.
fn tell(target: &Target, outcome: &Outcome) {
    let (ms, evidence) = (outcome.took.as_secs_f64() * 1e3, &*outcome.evidence);
    match outcome.result {
        Ok(()) => trace!(target = %target, ms, evidence, "probe passed"),
        Err(failure) => debug!(target = %target, failure = failure.word(), ms, evidence, "probe failed"),
    }
}

/// Has the prober take the targets of each document that comes in force.
async fn follow(prober: std::sync::Weak<Prober>, mut active: watch::Receiver<Arc<Active>>) {
    let mut known: Option<Arc<RoutingTable>> = None;
    loop {
        let table = Arc::clone(&active.borrow_and_update().table);
        if known.as_ref().is_none_or(|known| !known.has_topology_of(&table)) {
            let (weak, new) = (prober.clone(), Arc::clone(&table));
            // Ten thousand targets take a while to be told apart.
            let taken = tokio::task::spawn_blocking(move || weak.upgrade().map(|prober| take(&prober, &new))).await;
            if !matches!(taken, Ok(Some(()))) {
                return;
            }
            known = Some(table);
            tokio::time::sleep(SETTLED).await;
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
