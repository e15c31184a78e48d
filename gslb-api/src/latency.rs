//! Latencies to data centers: measured by this node and by clients, and accepted round by round.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

use gslb_core::latency::{Book, InvalidObservation, Latencies, Observation, ROUND};
use gslb_core::moment::Moment;
use gslb_core::site::model::{Policy, PolicyKind};
use gslb_core::table::RoutingTable;
use parking_lot::Mutex;
use tokio::select;
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::warn;

use crate::clock;
use crate::control::Control;
use crate::health::Saver;

/// All measurements. The publisher task does not wait for it.
#[derive(Debug)]
pub struct Measured {
    /// Name of this node, and of its vantage.
    node: Arc<str>,
    started: Instant,
    book: Mutex<Book>,
    /// Time of the last client measurement, in milliseconds since 1970-01-01 00:00 UTC; 0 before the first.
    observed: AtomicU64,
}

/// Accepted latencies.
pub type Accepted = Arc<Latencies>;

impl Measured {
    /// Continues from `book`, as the node of this name.
    pub fn new(node: &str, book: Book) -> Self {
        Self { node: node.into(), started: Instant::now(), book: Mutex::new(book), observed: AtomicU64::new(0) }
    }

    /// Name of the node.
    pub fn node(&self) -> &Arc<str> {
        &self.node
    }

    /// Adds client measurements, all or none.
    ///
    /// # Errors
    /// The indexes of invalid measurements, and why.
    pub fn take(&self, table: &RoutingTable, observations: &[Observation]) -> Result<(), Vec<(usize, String)>> {
        if observations.is_empty() {
            return Ok(());
        }
        let (topology, now) = (table.topology(), self.now());
        located(self.book.lock().clients.observe_all(observations, &topology.site, &topology.index, now))?;
        self.observed.store(clock::now().millis(), Relaxed);
        Ok(())
    }

    /// Checks whether [`take`](Self::take) would accept them, without adding any.
    ///
    /// # Errors
    /// As for [`take`](Self::take).
    pub fn check(&self, table: &RoutingTable, observations: &[Observation]) -> Result<(), Vec<(usize, String)>> {
        let (topology, now, mut clients) = (table.topology(), self.now(), self.book.lock().clients.clone());
        located(clients.observe_all(observations, &topology.site, &topology.index, now))
    }

    /// Ends a round in which this node measured `latencies` to the data centers of `table`. Returns the accepted latencies.
    pub fn round(&self, table: &RoutingTable, latencies: &[Option<Duration>]) -> Accepted {
        let site = &table.topology().site;
        let names = site.data_centers.iter().map(|data_center| Arc::clone(&data_center.name));
        let measured = names.zip(latencies).filter_map(|(name, latency)| Some((name, (*latency)?))).collect();
        // A node without a location in the document does not steer clients.
        let is_vantage = site.vantages.iter().any(|vantage| vantage.name == self.node);
        let mut book = self.book.lock();
        let own = [(Arc::clone(&self.node), measured)];
        book.round(if is_vantage { &own } else { &[] }, site, self.now());
        Arc::clone(book.accepted())
    }

    fn now(&self) -> Moment {
        Moment(self.started.elapsed())
    }
}

fn located(taken: Result<(), Vec<(usize, InvalidObservation)>>) -> Result<(), Vec<(usize, String)>> {
    taken.map_err(|errors| errors.into_iter().map(|(place, why)| (place, why.to_string())).collect())
}

/// Ends rounds periodically until the API stops; steers `latency` policies by the accepted latencies, and saves them.
pub(crate) async fn rounds(
    measured: Arc<Measured>,
    control: Control,
    mut saver: Saver,
    mut stopping: watch::Receiver<bool>,
) {
    let uses_latency = |policy: &Policy| matches!(policy.kind, PolicyKind::Latency(_));
    loop {
        let is_last = select! {
            () = sleep(ROUND) => false,
            _ = stopping.wait_for(|stopping| *stopping) => true,
        };
        let has_policies = control.active().table.topology().site.policies.iter().any(uses_latency);
        if is_last {
            let accepted = Arc::clone(measured.book.lock().accepted());
            if has_policies {
                saver.save(&accepted, measured.observed.load(Relaxed), true).await;
            }
            return;
        }
        let look = control
            .look(|keeper, active| (keeper.health().latencies(&active.table.topology().site), Arc::clone(active)));
        let Ok((latencies, active)) = look.await else { return };
        let accepted = measured.round(&active.table, &latencies);
        let topology = active.table.topology();
        if !topology.site.policies.iter().any(uses_latency) {
            continue;
        }
        saver.save(&accepted, measured.observed.load(Relaxed), false).await;
        if topology.latencies == accepted {
            continue;
        }
        if let Err(refusal) = control.replace_latencies(accepted).await {
            warn!(why = %refusal, "failed to apply measured latencies; clients are not steered by them yet");
        }
    }
}
