//! The prober: probes each target of a site at its interval, and reports the outcomes.
//!
//! It has threads of its own, so that probes and the rest of the server do not delay each other. It decides nothing:
//! the control task derives statuses from the outcomes.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use gslb_api::health::Observed;
use gslb_core::health::Targets;
use gslb_core::site::model::Site;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio_rustls::rustls;
use tracing::warn;

mod authorities;
mod bounded;
mod calendar;
mod connect;
pub mod counts;
mod dns;
mod embedded;
mod exec;
mod fault;
mod grpc;
pub mod guard;
mod http;
mod icmp;
mod notes;
mod pulse;
mod resolver;
mod run;
mod schedule;
mod search;
pub mod supervisor;
mod tcp;
mod tls;
mod tls_clients;
mod tools;

pub use authorities::Authorities;
pub use counts::Counts;
pub use guard::{Guard, Rules};
pub use pulse::Pulse;

use pulse::Heartbeat;
use schedule::{Assignment, Shared};
use tools::Tools;

/// Capacity of the report channel; if it is full, probes wait.
const REPORTS: usize = 8_192;
/// Most threads that send and receive.
const MAX_THREADS: usize = 4;
/// Probes may use one in this many file descriptors of the process.
const DESCRIPTOR_SHARE: u64 = 2;
/// How long shutdown waits for running probes to be dropped.
const GRACE: Duration = Duration::from_secs(1);

/// Settings of a prober.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What probes may reach.
    pub rules: Rules,
    /// A PEM file of certificate authorities to trust besides the system's.
    pub ca: Option<PathBuf>,
    /// The `gslb` program, which runs the programs of exec probes (see [`supervisor`]).
    pub supervisor: PathBuf,
    /// Most probes that run at once.
    pub concurrency: usize,
}

/// Why the prober could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The system refused a thread.
    #[error("cannot start probes: {0}")]
    Start(#[from] io::Error),
    /// TLS cannot be set up.
    #[error("cannot set up TLS for probes: {0}")]
    Tls(#[from] rustls::Error),
}

/// A running prober. It stops when dropped.
pub struct Prober {
    runtime: Option<Runtime>,
    shared: Arc<Shared>,
    assign: watch::Sender<Arc<Assignment>>,
}

impl Prober {
    /// Starts the threads; nothing is probed before [`take`](Self::take). Results arrive on the returned channel. Keep
    /// reading it: while it is full, finished probes are not repeated.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(settings: Settings) -> Result<(Self, mpsc::Receiver<Observed>), StartError> {
        let start = Instant::now();
        let concurrency = within_descriptors(settings.concurrency);
        let tools = Tools {
            guard: Guard::new(settings.rules),
            tls: Authorities::start(settings.ca)?,
            resolver: resolver::Resolver::new(),
            supervisor: settings.supervisor,
        };
        let permits = Semaphore::new(concurrency);
        let shared =
            Arc::new(Shared { start, tools, counts: Counts::default(), heartbeat: Heartbeat::new(start), permits });
        let threads = available_parallelism().map_or(1, usize::from).min(MAX_THREADS);
        let mut runtime = Builder::new_multi_thread();
        runtime.worker_threads(threads).max_blocking_threads(2 * resolver::MAX_LOOKUPS);
        let runtime = runtime.thread_name("probe").enable_all().build()?;
        let (assign, assigned) = watch::channel(Arc::default());
        let (out, reports) = mpsc::channel(REPORTS);
        runtime.spawn(schedule::run_schedule(shared.clone(), assigned, out));
        Ok((Self { runtime: Some(runtime), shared, assign }, reports))
    }

    /// Probes the targets of `site` from now on. Those that were already probed keep their cadence.
    pub fn take(&self, site: &Site, targets: &Targets) {
        let name = |id: gslb_core::site::model::ProbeId| Some(site.probes.get(id.0 as usize)?.name.clone());
        let named = targets.iter().filter_map(|(target, probe)| Some((target.clone(), name(probe)?)));
        self.assign.send_replace(Arc::new(Assignment { targets: named.collect() }));
    }

    /// What probes may reach, so that a new document can be checked when it is applied.
    pub fn guard(&self) -> &Guard {
        &self.shared.tools.guard
    }

    /// The trusted roots of TLS probes.
    pub fn authorities(&self) -> &Authorities {
        &self.shared.tools.tls
    }

    /// The counters.
    pub fn counts(&self) -> &Counts {
        &self.shared.counts
    }

    /// Whether the prober makes progress.
    pub fn pulse(&self) -> Pulse {
        self.shared.heartbeat.pulse()
    }
}

impl Drop for Prober {
    /// Drops running probes. Outside a runtime it waits briefly for name lookups; a task must not block, and the last
    /// owner may be a metrics task.
    fn drop(&mut self) {
        match (self.runtime.take(), Handle::try_current()) {
            (Some(runtime), Ok(_)) => runtime.shutdown_background(),
            (Some(runtime), Err(_)) => runtime.shutdown_timeout(GRACE),
            (None, _) => {}
        }
    }
}

/// How many probes may run at once and still leave file descriptors for the rest of the server. The soft limit, which
/// exists for programs that use select(2), is raised as needed.
fn within_descriptors(concurrency: usize) -> usize {
    let limit = getrlimit(Resource::Nofile);
    let wanted = (concurrency as u64).saturating_mul(DESCRIPTOR_SHARE);
    let mut current = limit.current.unwrap_or(u64::MAX);
    let raised = wanted.min(limit.maximum.unwrap_or(u64::MAX));
    if current < raised {
        let new = Rlimit { current: Some(raised), maximum: limit.maximum };
        if setrlimit(Resource::Nofile, new).is_ok() {
            current = raised;
        }
    }
    let share = usize::try_from(current / DESCRIPTOR_SHARE).unwrap_or(usize::MAX).max(1);
    if share < concurrency {
        warn!(
            concurrency = share,
            "limiting concurrent probes to {share} instead of {concurrency}: the limit on file descriptors is {current}"
        );
    }
    concurrency.min(share)
}
