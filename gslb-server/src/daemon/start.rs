//! Starts all parts of the server, in dependency order.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use gslb_api::degraded::Degraded;
use gslb_api::traffic::tail::Tail;
use gslb_core::respond::{Settings, Transport};
use gslb_core::table::Published;
use tokio::runtime::Runtime;
use tracing::info;

use super::bind::{Bound, ServeError};
use super::certificates::Certificates;
use super::cookie_secrets::CookieSecrets;
use super::notify::stored_name;
use super::restarting::{Attempts, Restarting};
use super::retiring::Retiring;
use super::running::Running;
use super::sockets::{InheritedSocket, Kind, ListenSocket, Sockets};
use crate::backend::Backend;
use crate::capture::sample::Sample;
use crate::capture::tap::{self, Switch, Tap, TapReader};
use crate::config::Config;
use crate::daemon::signals::Signals;
use crate::dns::protection::Protection;
use crate::dns::proxy::Proxies;
use crate::dns::tcp::Front;
use crate::dns::totals::TotalsReader;
use crate::dns::{tcp, udp};
use crate::files::reload::{Cause, Next, Reloader, Reloads};
use crate::files::watch::Watcher;
use crate::http;
use crate::telemetry::collector;
use crate::telemetry::dnstap::Dnstap;
use crate::telemetry::gather::Gatherer;
use crate::telemetry::health_endpoints::{self, Observed};
use crate::telemetry::ledger::Ledger;
use crate::telemetry::metrics::{self, Collector, Metrics, Scrapes};
use crate::tls::Tls;

/// How often the files are checked for changes.
const WATCH_INTERVAL: Duration = Duration::from_secs(1);

/// How long after a transient failure a reload is retried.
const RETRY_INTERVAL: Duration = Duration::from_secs(10);

/// What the caller provides besides the table.
pub struct Provided {
    /// What is behind the listeners.
    pub backend: Arc<dyn Backend>,
    /// Results of reloads; those of the certificate are added.
    pub reloads: Arc<Reloads>,
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
    /// Whether to retry what the start read.
    pub begun: Next,
    /// Restarts without a gap.
    pub restarting: Restarting,
}

impl Bound {
    /// Starts answering. HTTP and signals run on `control`, built by [`super::control_runtime`].
    ///
    /// # Errors
    /// [`ServeError::Start`].
    pub fn start(
        mut self,
        control: Runtime,
        config: &Config,
        published: Arc<Published>,
        settings: Arc<Settings>,
        provided: Provided,
    ) -> Result<Running, ServeError> {
        let entered = control.enter();
        let signals = Signals::take()?;
        drop(entered);
        self.complete()?;
        let sockets = self.sockets.copies()?;
        let listening = self.listening_lines();
        let answering = Answering::start(
            &mut self.sockets,
            self.dns_tls.as_ref(),
            config,
            &self.protection,
            &published,
            &settings,
            &provided.tail,
        )?;
        let totals = answering.totals.clone();
        let ledger = Arc::new(Ledger::new(published.clone()));
        let gatherer = Gatherer::start(totals.clone(), provided.sample.clone(), ledger.clone())?;
        let own = [
            metrics::dns::collector(totals.clone()),
            metrics::services::collector(ledger, config.metrics.services),
            metrics::sample::collector(provided.sample),
            metrics::pools::collector(published.clone()),
            metrics::table::collector(published.clone()),
            metrics::certificate::collector(self.tls.clone(), self.dns_tls.clone()),
            metrics::process::collector(),
        ];
        let metrics = Metrics::new(own.into_iter().chain(answering.frames).chain(provided.collectors));
        let (backend, hosts) = (provided.backend, config.api.hosts.clone().into());
        let metrics = Arc::new(Scrapes::new(metrics));
        let observed = Observed { published: Arc::clone(&published), backend: Arc::clone(&backend), hosts, metrics };
        let routes = health_endpoints::with_problems(health_endpoints::routes(observed).merge(provided.routes));
        let forgotten = self.surplus.iter().filter_map(|it| forgotten(it, &sockets)).collect();
        let retiring = Retiring::start(
            std::mem::take(&mut self.surplus),
            &sockets,
            totals.proxies.as_ref(),
            answering.tcp.adopter(),
            (&published, &settings, &self.protection),
        )?;
        let listeners = self.sockets.take(Kind::Http);
        let http = http::Server::start(control.handle(), listeners, routes, self.tls.clone(), config.api.limits())?;
        let (concerns, begun) = (provided.concerns, provided.begun);
        let certificates = Certificates::start(self.tls, self.dns_tls, provided.reloads, Arc::clone(&concerns));
        let certificates = Arc::new(certificates);
        let cookies = self.protection.cookies;
        let secrets = Arc::new(CookieSecrets::start(cookies.clone(), Arc::clone(&concerns)));
        let own = (Arc::clone(&certificates), Arc::clone(&secrets));
        let reload = reload(own, Arc::clone(&concerns), begun, Arc::clone(&backend));
        let reloader = Reloader::start(begun, RETRY_INTERVAL, reload)?;
        let requester = reloader.requester();
        let changed = move |paths| requester.request(Cause::Changed(paths));
        let watched = Arc::clone(&backend);
        let files = move || certificates.sources().chain(secrets.source()).chain(watched.files()).collect();
        let watcher = Watcher::start(WATCH_INTERVAL, files, changed, concerns)?;
        listening.iter().for_each(|line| info!("{line}"));
        Ok(Running {
            control,
            signals,
            udp: answering.udp,
            tcp: answering.tcp,
            tls: answering.tls,
            collector: answering.collector,
            http,
            backend: Arc::clone(&backend),
            watcher,
            reloader,
            totals,
            notify: Arc::default(),
            forgotten,
            retiring: Some(retiring),
            attempts: Attempts::new(provided.restarting, sockets, backend, cookies),
            _gatherer: gatherer,
        })
    }
}

/// The parts that answer queries and capture the answers.
struct Answering {
    udp: udp::Workers,
    tcp: tcp::Server,
    /// DNS over TLS, if it is on.
    tls: Option<tcp::Server>,
    collector: collector::Collector,
    totals: TotalsReader,
    /// Metrics of dnstap, if it is on.
    frames: Option<Collector>,
}

impl Answering {
    fn start(
        sockets: &mut Sockets,
        certificate: Option<&Arc<Tls>>,
        config: &Config,
        protection: &Protection,
        published: &Arc<Published>,
        settings: &Arc<Settings>,
        tail: &Tail,
    ) -> io::Result<Self> {
        let proxies = config.dns.proxy.as_ref().map(|proxy| Proxies::new(&proxy.from));
        let plain = sockets.take(Kind::Udp).into_iter().map(|socket| (socket, None));
        let proxied = sockets.take(Kind::ProxyUdp).into_iter().map(|socket| (socket, proxies.clone()));
        let udp: Vec<udp::Listener> = plain.chain(proxied).collect();
        let (threads, udp_sockets) = (config.dns.workers.get(), udp.len());
        let tls_threads = if certificate.is_some() { threads } else { 0 };
        let switch = Arc::new(Switch::new(config.dnstap.as_ref().map(|dnstap| dnstap.sample), tail.clone()));
        let (mut taps, shown): (Vec<Tap>, Vec<TapReader>) =
            (0..udp_sockets + threads + tls_threads).map(|_| tap::pair(Arc::clone(&switch), udp::seed())).unzip();
        let tls_taps = taps.split_off(udp_sockets + threads);
        let tcp_taps = taps.split_off(udp_sockets);
        let showed = shown.iter().map(|shown| Arc::clone(&shown.counts)).collect();
        let dnstap = config.dnstap.as_ref().map(|dnstap| Dnstap::new(dnstap.settings(&config.node.name)));
        let frames = dnstap.as_ref().map(|dnstap| metrics::dnstap::collector(dnstap.counts(), showed));
        let collector = collector::Collector::start(shown, published.clone(), tail.clone(), dnstap)?;
        let udp = udp::Workers::start(udp, published, settings, protection, taps)?;
        let limits = [config.dns.tcp_limits(), config.dns.tls_limits()];
        let server = |listeners, transport, limits, row, taps| {
            tcp::Server::start(listeners, transport, limits, published.clone(), settings, protection, row, taps)
        };
        let mut tcp = listeners(sockets, Kind::Tcp, &Front::Tcp);
        if let Some(proxies) = &proxies {
            tcp.extend(listeners(sockets, Kind::ProxyTcp, &Front::Proxy(Arc::clone(proxies))));
        }
        let tcp = server(tcp, Transport::Tcp, limits[0], udp_sockets, tcp_taps)?;
        let tls = certificate.map(|certificate| {
            let listeners = listeners(sockets, Kind::Tls, &Front::Tls(Arc::clone(certificate)));
            server(listeners, Transport::Tls, limits[1], udp_sockets + threads, tls_taps)
        });
        let tls = tls.transpose()?;
        let tls_counters = tls.as_ref().map(tcp::Server::counters);
        let totals = TotalsReader { udp: udp.counters(), tcp: tcp.counters(), tls: tls_counters, proxies };
        Ok(Self { udp, tcp, tls, collector, totals, frames })
    }
}

/// The listeners of `kind`, whose connections begin with `front`.
fn listeners(sockets: &mut Sockets, kind: Kind, front: &Front) -> Vec<tcp::Listener> {
    sockets.take(kind).into_iter().map(|listener| (listener, front.clone())).collect()
}

/// The name under which the service manager may keep an inherited socket whose address is no longer used.
fn forgotten(surplus: &InheritedSocket, used: &[ListenSocket]) -> Option<String> {
    if used.iter().any(|socket| socket.address == surplus.address) {
        return None;
    }
    let name = surplus.kind.as_ref().map(|kind| stored_name(kind, surplus.address));
    name.or_else(|| surplus.name.clone())
}

/// Reloads the certificates and the secrets, then the rest.
fn reload(
    (certificates, secrets): (Arc<Certificates>, Arc<CookieSecrets>),
    concerns: Arc<Degraded>,
    mut next: Next,
    backend: Arc<dyn Backend>,
) -> impl FnMut(Cause) -> Next + Send {
    move |cause| {
        let _running = concerns.running(cause.to_string());
        // Several of them may use the same file.
        certificates.reload(&cause);
        secrets.reload(&cause);
        if let Some(own) = cause.among(&backend.files()) {
            next = backend.reload(own);
        }
        next
    }
}
