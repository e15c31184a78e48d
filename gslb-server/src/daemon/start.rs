//! Everything of a server started, in an order in which each part finds those it needs.

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
use crate::capture::tap::{self, Shown, Switch, Tap};
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
use crate::telemetry::health_endpoints::{self, Observed, Stall, Without};
use crate::telemetry::ledger::Ledger;
use crate::telemetry::metrics::{self, Collector, Generation, Metrics, Scrapes};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// After which time what was refused for a reason that passes by itself is tried again.
const AGAIN: Duration = Duration::from_secs(10);

/// What the server calls on, and leaves to its caller.
pub struct Hooks {
    /// Generation of the table in force, for `/readyz` and `/metrics`.
    pub generation: Generation,
    /// How reloads went, to which that of the certificate is added.
    pub reloads: Arc<Reloads>,
    /// What keeps statuses from being what the endpoints are, for `/readyz`.
    pub stall: Stall,
    /// What the server does without, for `/readyz`.
    pub degraded: Without,
    /// Where to note what it does without.
    pub concerns: Arc<Degraded>,
    /// What else is to be seen at `/metrics`.
    pub collectors: Vec<Collector>,
    /// Where samples of answers go.
    pub sample: Arc<Sample>,
    /// Those who watch answers through the API.
    pub tail: Tail,
    /// What is answered over HTTP besides health and metrics.
    pub routes: Router,
    /// Called at the stop, before HTTP ends: streams are to end then.
    pub stopping: Box<dyn FnOnce() + Send>,
    /// The files whose change asks for a reload, asked for before each look.
    pub files: Box<dyn FnMut() -> Vec<SourceFile> + Send>,
    /// Whether what was read at the start is to be tried again by itself.
    pub begun: Next,
    /// Reads everything again and publishes what came of it. Called on a thread of its own, one call at a time.
    pub reload: Box<dyn FnMut(Cause) -> Next + Send>,
}

impl Bound {
    /// Starts answering; HTTP and signals on `control`, which [`super::control_runtime`] made.
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
        let answered = self.answered();
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
        let reloader = Reloader::start(hooks.begun, AGAIN, reload)?;
        let ask = reloader.requester();
        let changed = move |paths| ask.ask(Cause::Changed(paths));
        let watcher = Watcher::start(LOOK, files(self.tls, hooks.files), changed, concerns)?;
        answered.iter().for_each(|line| info!("{line}"));
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

/// What answers queries, and what shows the answers.
struct Answering {
    udp: udp::Workers,
    tcp: tcp::Server,
    collector: collector::Collector,
    totals: TotalsReader,
    /// What is to be seen of dnstap, where there is any.
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
        let (threads, row) = (config.dns.workers.get(), udp.len());
        let switch = Arc::new(Switch::new(config.dnstap.as_ref().map(|dnstap| dnstap.sample), tail.clone()));
        let (mut taps, shown): (Vec<Tap>, Vec<Shown>) =
            (0..row + threads).map(|_| tap::pair(Arc::clone(&switch), udp::seed())).unzip();
        let of_tcp = taps.split_off(row);
        let showed = shown.iter().map(|shown| Arc::clone(&shown.counts)).collect();
        let dnstap = config.dnstap.as_ref().map(|dnstap| Dnstap::new(dnstap.settings(&config.node.name)));
        let frames = dnstap.as_ref().map(|dnstap| metrics::dnstap::collector(dnstap.counts(), showed));
        let collector = collector::Collector::start(shown, published.clone(), tail.clone(), dnstap)?;
        let udp = udp::Workers::start(udp, published, settings, taps)?;
        let tcp = tcp::Server::start(tcp, config.dns.tcp_limits(), published.clone(), settings, row, of_tcp)?;
        let totals = TotalsReader { udp: udp.counters(), tcp: tcp.counters() };
        Ok(Self { udp, tcp, collector, totals, frames })
    }
}

/// All that is read again when asked: the certificate, which is there already, then the rest.
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

/// Notes whether the certificate in the files is in use.
fn note_certificate(concerns: &Degraded, tls: &Tls) {
    match tls.refused() {
        Some(why) if tls.is_ready() => {
            concerns.set(Concern::Certificate, format!("{why}; new connections get the one from before"));
        }
        Some(why) => concerns.set(Concern::Certificate, format!("{why}; the API and the metrics are off")),
        None => concerns.clear(Concern::Certificate),
    }
}

/// All files whose change asks for a reload.
fn files(
    tls: Option<Arc<Tls>>,
    mut rest: Box<dyn FnMut() -> Vec<SourceFile> + Send>,
) -> impl FnMut() -> Vec<SourceFile> {
    move || tls.iter().flat_map(|tls| tls.sources()).chain(rest()).collect()
}
