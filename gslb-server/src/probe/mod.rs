//! Probes: each target of a site is asked in its time, and what came of it is told.
//!
//! The prober has threads of its own, so that probes delay neither answers nor the control side, and nothing there
//! delays probes. It decides nothing: outcomes go to whoever keeps the statuses.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::{Duration, Instant};

use gslb_core::health::{Outcome, Target, Targets};
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

use pulse::Heart;
use schedule::{Assignment, Shared};
use tools::Tools;

/// Most reports that wait to be taken; with more, probes wait.
const REPORTS: usize = 8_192;
/// Most threads that send and receive.
const MOST_THREADS: usize = 4;
/// One of this many file descriptors of the process may be a probe's.
const DESCRIPTOR_SHARE: u64 = 2;
/// How long probes under way may take to be dropped at the stop.
const GRACE: Duration = Duration::from_secs(1);

/// What came of one probe.
#[derive(Debug, Clone)]
pub struct Report {
    /// What was probed; equal to one of the targets that were assigned, though perhaps no longer to one that is now.
    pub target: Arc<Target>,
    /// What came of it.
    pub outcome: Outcome,
    /// When that was.
    pub finished: Instant,
}

/// What a prober is started with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// What probes may reach.
    pub rules: Rules,
    /// A PEM file of authorities that are trusted besides the system's.
    pub ca: Option<PathBuf>,
    /// The `gslb` program, which runs the programs of exec probes (see [`supervisor`]).
    pub supervisor: PathBuf,
    /// Most probes that run at once.
    pub concurrency: usize,
}

/// Why there is no prober.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The system gives no threads.
    #[error("cannot start probes: {0}")]
    Start(#[from] io::Error),
    /// TLS cannot be set up.
    #[error("cannot set up TLS for probes: {0}")]
    Tls(#[from] rustls::Error),
}

/// A running prober. It ends when it is dropped.
pub struct Prober {
    runtime: Option<Runtime>,
    shared: Arc<Shared>,
    assign: watch::Sender<Arc<Assignment>>,
}

impl Prober {
    /// Starts the threads; nothing is probed before [`take`](Self::take). What comes of probes is received at the other
    /// end of the channel, which is to be emptied: while it is full, no probe that has ended has another turn.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn start(settings: Settings) -> Result<(Self, mpsc::Receiver<Report>), StartError> {
        let start = Instant::now();
        let concurrency = within_descriptors(settings.concurrency);
        let tools = Tools {
            guard: Guard::new(settings.rules),
            tls: Authorities::start(settings.ca)?,
            resolver: resolver::Resolver::new(),
            supervisor: settings.supervisor,
        };
        let places = Semaphore::new(concurrency);
        let shared = Arc::new(Shared { start, tools, counts: Counts::default(), heart: Heart::new(start), places });
        let threads = available_parallelism().map_or(1, usize::from).min(MOST_THREADS);
        let mut runtime = Builder::new_multi_thread();
        runtime.worker_threads(threads).max_blocking_threads(2 * resolver::MOST_LOOKUPS);
        let runtime = runtime.thread_name("probe").enable_all().build()?;
        let (assign, assigned) = watch::channel(Arc::default());
        let (out, reports) = mpsc::channel(REPORTS);
        runtime.spawn(schedule::keep(shared.clone(), assigned, out));
        Ok((Self { runtime: Some(runtime), shared, assign }, reports))
    }

    /// Probes the targets of `site` from now on. Those that were probed before keep their rhythm.
    pub fn take(&self, site: &Site, targets: &Targets) {
        let name = |id: gslb_core::site::model::ProbeId| Some(site.probes.get(id.0 as usize)?.name.clone());
        let named = targets.iter().filter_map(|(target, probe)| Some((target.clone(), name(probe)?)));
        self.assign.send_replace(Arc::new(Assignment { targets: named.collect() }));
    }

    /// What probes may reach; whoever takes a document can tell at once what will not be probed.
    pub fn guard(&self) -> &Guard {
        &self.shared.tools.guard
    }

    /// Whom TLS probes trust.
    pub fn authorities(&self) -> &Authorities {
        &self.shared.tools.tls
    }

    /// What has been counted.
    pub fn counts(&self) -> &Counts {
        &self.shared.counts
    }

    /// Whether it is alive.
    pub fn pulse(&self) -> Pulse {
        self.shared.heart.pulse()
    }
}

impl Drop for Prober {
    /// Drops what is under way. A name that is being resolved is waited for, but not for long, and not by a task: whoever
    /// has metrics of it may be the last to have it.
    fn drop(&mut self) {
        match (self.runtime.take(), Handle::try_current()) {
            (Some(runtime), Ok(_)) => runtime.shutdown_background(),
            (Some(runtime), Err(_)) => runtime.shutdown_timeout(GRACE),
            (None, _) => {}
        }
    }
}

/// How many probes may run at once, such that other parts of the server have file descriptors left. The system's lower
/// limit, which is there for programs that cannot count beyond 1,024, is raised as far as that needs.
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
            "at most {share} probes run at once, not {concurrency}: the system gives {current} file descriptors"
        );
    }
    concurrency.min(share)
}
