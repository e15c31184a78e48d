//! The thread that collects samples from the workers once a second, adds up the counters of replaced tables, and makes
//! counters that workers want.

use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::background;
use crate::capture::sample::Sample;
use crate::dns::totals::TotalsReader;
use crate::telemetry::ledger::Ledger;

/// How often it runs.
const PERIOD: Duration = Duration::from_secs(1);

/// A thread that gathers until it is dropped.
pub struct Gatherer {
    /// Dropped to end the thread.
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Gatherer {
    /// Gathers from `totals` into `sample`, and settles `ledger`.
    ///
    /// # Errors
    /// If the thread cannot be started.
    pub fn start(totals: TotalsReader, sample: Arc<Sample>, ledger: Arc<Ledger>) -> io::Result<Self> {
        let (stop, stopped) = mpsc::channel();
        let work = move || {
            background::enter();
            while stopped.recv_timeout(PERIOD) == Err(RecvTimeoutError::Timeout) {
                gather(&totals, &sample, &ledger);
            }
        };
        let thread = thread::Builder::new().name("gatherer".to_owned()).spawn(work)?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

fn gather(totals: &TotalsReader, sample: &Sample, ledger: &Ledger) {
    // In this order: samples are resolved with the counters of their table, which settling removes.
    let samples =
        totals.udp.samples().chain(totals.tcp.samples()).chain(totals.tls.iter().flat_map(|tls| tls.samples()));
    sample.gather(samples, || ledger.topologies(), Instant::now());
    ledger.settle();
    ledger.make_wanted_counters();
}

impl Drop for Gatherer {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
