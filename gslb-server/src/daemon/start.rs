//! Starts all parts of the server, in dependency order.

use std::io;
use std::net::{TcpListener, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use gslb_api::degraded::{Concern, Degraded};
use gslb_api::traffic::tail::Tail;
use gslb_core::respond::Settings;
use gslb_core::table::Published;
use tokio::runtime::Runtime;
use tracing::info;

use super::bind::{Bound, ServeError};
use super::running::Running;
use crate::capture::sample::Sample;
use crate::capture::tap::{self, Switch, Tap, TapReader};
use crate::config::Config;
use crate::daemon::signals::Signals;
use crate::dns::totals::TotalsReader;
use crate::dns::{tcp, udp};
use crate::files::reload::{Cause, Next, Reloader, Reloads};
use crate::files::watch::{SourceFile, Watcher};
use crate::http;
use crate::http::tls::{Reread, Tls};
use crate::telemetry::collector;
use crate::telemetry::dnstap::Dnstap;
use crate::telemetry::gather::Gatherer;
use crate::telemetry::health_endpoints::{self, DegradedConcerns, Observed, Stall};
use crate::telemetry::ledger::Ledger;
use crate::telemetry::metrics::{self, Collector, Generation, Metrics, Scrapes};

/// How often the files are checked for changes.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// How long after a transient failure a reload is retried.
const RETRY_INTERVAL: Duration = Duration::from_secs(10);

/// Callbacks and shared state that the caller provides.
pub struct Hooks {
    /// Generation of the published table, for `/readyz` and `/metrics`.
    pub generation: Generation,
    /// Results of reloads; those of the certificate are added.
    pub reloads: Arc<Reloads>,
    /// Why endpoint statuses are stale, for `/readyz`.
    pub stall: Stall,
    /// What is degraded, for `/readyz`.
    pub degraded: DegradedConcerns,
    /// Where to record what is degraded.
    pub concerns: Arc<Degraded>,
    /// Further collectors for `/metrics`.
    pub collectors: Vec<Collector>,
    /// Where samples of answers go.
    pub sample: Arc<Sample>,
    /// API clients that follow answers.
    pub tail: Tail,
    /// HTTP routes besides health and metrics.
    pub routes: Router,
    /// Called at shutdown, before HTTP stops, to end streams.
    pub stopping: Box<dyn FnOnce() + Send>,
    /// Lists the files to watch; called before each check.
    pub files: Box<dyn FnMut() -> Vec<SourceFile> + Send>,
    /// Whether to retry what the start read.
    pub begun: Next,
    /// Reads the files again and publishes the result. Called on a thread of its own, one call at a time.
    pub reload: Box<dyn FnMut(Cause) -> Next + Send>,
}

impl Bound {
    /// Starts answering. HTTP and signals run on `control`, built by [`super::control_runtime`].
    ///
    /// # Errors
    /// [`ServeError::Start`].
    pub fn start(
        self,
        control: Runtime,
        config: &Config,
        published: Arc<Published>,
        settings: Arc<Settings>,
        hooks: Hooks,
    ) -> Result<Running, ServeError> {
        let entered = control.enter();
        let signals = Signals::take()?;
        drop(entered);
        let listening = self.listening_lines();
        let answering = Answering::start(self.udp, self.tcp, config, &published, &settings, &hooks.tail)?;
        let totals = answering.totals.clone();
        let ledger = Arc::new(Ledger::new(published.clone()));
        let gatherer = Gatherer::start(totals.clone(), hooks.sample.clone(), ledger.clone())?;
        let own = [
            metrics::dns::collector(totals.clone()),
            metrics::services::collector(ledger, config.metrics.services),
            metrics::sample::collector(hooks.sample),
            metrics::pools::collector(published.clone()),
            metrics::table::collector(published, hooks.generation.clone()),
            metrics::certificate::collector(self.tls.clone()),
            metrics::process::collector(),
        ];
        let metrics = Metrics::new(own.into_iter().chain(answering.frames).chain(hooks.collectors));
        let (generation, stall, hosts) = (hooks.generation, hooks.stall, config.api.hosts.clone().into());
        let observed =
            Observed { generation, stall, degraded: hooks.degraded, hosts, metrics: Arc::new(Scrapes::new(metrics)) };
        let routes = health_endpoints::with_problems(health_endpoints::routes(observed).merge(hooks.routes));
        let http = http::Server::start(control.handle(), self.http, routes, self.tls.clone(), config.api.limits())?;
        let concerns = hooks.concerns;
        let reload = reload(self.tls.clone(), hooks.reloads, Arc::clone(&concerns), hooks.begun, hooks.reload);
        let reloader = Reloader::start(hooks.begun, RETRY_INTERVAL, reload)?;
        let requester = reloader.requester();
        let changed = move |paths| requester.request(Cause::Changed(paths));
        let watcher = Watcher::start(WATCH_INTERVAL, files(self.tls, hooks.files), changed, concerns)?;
        listening.iter().for_each(|line| info!("{line}"));
        Ok(Running {
            control,
            signals,
            udp: answering.udp,
            tcp: answering.tcp,
            collector: answering.collector,
            http,
            stopping: hooks.stopping,
            watcher,
            reloader,
            totals,
            notify: Arc::default(),
            _gatherer: gatherer,
        })
    }
}

/// The parts that answer queries and capture the answers.
struct Answering {
    udp: udp::Workers,
    tcp: tcp::Server,
    collector: collector::Collector,
    totals: TotalsReader,
    /// Metrics of dnstap, if it is on.
    frames: Option<Collector>,
}

impl Answering {
    fn start(
        udp: Vec<UdpSocket>,
        tcp: Vec<TcpListener>,
        config: &Config,
        published: &Arc<Published>,
        settings: &Arc<Settings>,
        tail: &Tail,
    ) -> io::Result<Self> {
        let (threads, udp_sockets) = (config.dns.workers.get(), udp.len());
        let switch = Arc::new(Switch::new(config.dnstap.as_ref().map(|dnstap| dnstap.sample), tail.clone()));
        let (mut taps, shown): (Vec<Tap>, Vec<TapReader>) =
            (0..udp_sockets + threads).map(|_| tap::pair(Arc::clone(&switch), udp::seed())).unzip();
        let tcp_taps = taps.split_off(udp_sockets);
        let showed = shown.iter().map(|shown| Arc::clone(&shown.counts)).collect();
        let dnstap = config.dnstap.as_ref().map(|dnstap| Dnstap::new(dnstap.settings(&config.node.name)));
        let frames = dnstap.as_ref().map(|dnstap| metrics::dnstap::collector(dnstap.counts(), showed));
        let collector = collector::Collector::start(shown, published.clone(), tail.clone(), dnstap)?;
        let udp = udp::Workers::start(udp, published, settings, taps)?;
        let tcp = tcp::Server::start(tcp, config.dns.tcp_limits(), published.clone(), settings, udp_sockets, tcp_taps)?;
        let totals = TotalsReader { udp: udp.counters(), tcp: tcp.counters() };
        Ok(Self { udp, tcp, collector, totals, frames })
    }
}

/// Reloads the certificate, then the rest.
fn reload(
    tls: Option<Arc<Tls>>,
    reloads: Arc<Reloads>,
    concerns: Arc<Degraded>,
    mut next: Next,
    mut rest: Box<dyn FnMut(Cause) -> Next + Send>,
) -> impl FnMut(Cause) -> Next + Send {
    if let Some(tls) = &tls {
        reloads.note_certificate(tls.is_ready());
        note_certificate(&concerns, tls);
    }
    move |cause| {
        let _running = concerns.running(cause.to_string());
        let Some(tls) = &tls else { return rest(cause) };
        let (reread, others) = tls.reload(cause);
        if reread != Reread::Untouched {
            reloads.note_certificate(reread == Reread::Taken);
            note_certificate(&concerns, tls);
        }
        if let Some(others) = others {
            next = rest(others);
        }
        next
    }
}

/// Records whether the certificate files are in use.
fn note_certificate(concerns: &Degraded, tls: &Tls) {
    match tls.refused() {
        Some(why) if tls.is_ready() => {
            concerns.set(Concern::Certificate, format!("{why}; new connections get the previous certificate"));
        }
        Some(why) => concerns.set(Concern::Certificate, format!("{why}; the API and the metrics are off")),
        None => concerns.clear(Concern::Certificate),
    }
}

/// All files to watch.
fn files(
    tls: Option<Arc<Tls>>,
    mut rest: Box<dyn FnMut() -> Vec<SourceFile> + Send>,
) -> impl FnMut() -> Vec<SourceFile> {
    move || tls.iter().flat_map(|tls| tls.sources()).chain(rest()).collect()
}
