//! The running server, composed: bind all, start all, wait, and stop in order.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::Router;
use gslb_api::tail::Tail;
use gslb_core::respond::Settings;
use gslb_core::table::Published;
use tokio::runtime::{Builder, Runtime};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info};

use crate::config::Config;
use crate::dnstap::Dnstap;
use crate::gather::Gatherer;
use crate::http::tls::{Reread, Tls};
use crate::ledger::Ledger;
use crate::metrics::{self, Collector, Metrics};
use crate::notify::{Notify, Word};
use crate::observe::{self, Generation, Observed, Pulsing};
use crate::pulse::Pulses;
use crate::reload::{Cause, Next, Reloader, Reloads};
use crate::sample::Sample;
use crate::signals::{Asked, Signals};
use crate::tap::{self, Shown, Switch, Tap};
use crate::totals::{Totals, TotalsReader};
use crate::watch::{SourceFile, Watcher};
use crate::{background, http, tcp, udp};

/// Threads that run the tasks of everything that does not answer queries.
const CONTROL_THREADS: usize = 1;

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// After which time what was refused for a reason that passes by itself is tried again.
const AGAIN: Duration = Duration::from_secs(10);

/// How often a free port is looked for that both UDP and TCP can have.
const PORT_ATTEMPTS: usize = 32;

/// What the server calls on, and leaves to its caller.
pub struct Hooks {
    /// Generation of the table in force, for `/readyz` and `/metrics`.
    pub generation: Generation,
    /// How reloads went, to which that of the certificate is added.
    pub reloads: Arc<Reloads>,
    /// Whether probes run, for `/readyz` and `/metrics`.
    pub pulse: Pulsing,
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

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address could not be had.
    #[error("cannot listen on {address} ({protocol}): {cause}{}", advice(*.address, .cause))]
    Bind {
        /// The address.
        address: SocketAddr,
        /// `UDP`, `TCP` or `HTTP`.
        protocol: &'static str,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// Tokens would go over a network that anybody may read.
    #[error(
        "HTTP on {0} can be reached from other hosts, and [api] has no tls: tokens would be readable on the way; add \
         tls = {{ certificate = \"…\", key = \"…\" }}, or listen on 127.0.0.1"
    )]
    Readable(SocketAddr),
    /// A thread, an event queue or a signal handler could not be had.
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
}

/// What to do about a failed bind, where that is known.
fn advice(address: SocketAddr, cause: &io::Error) -> String {
    match cause.kind() {
        io::ErrorKind::AddrInUse => {
            format!("; another process has port {}, or another `listen` entry covers this one", address.port())
        }
        io::ErrorKind::PermissionDenied => "; ports below 1024 need CAP_NET_BIND_SERVICE".to_owned(),
        io::ErrorKind::AddrNotAvailable => "; this host does not have the address".to_owned(),
        _ => String::new(),
    }
}

/// Sees whether the addresses of `config` can be had, by taking them over TCP for a moment. UDP sockets share an address, so
/// they would take queries from another server's.
///
/// # Errors
/// As [`Bound::bind`].
pub fn see_free(config: &Config) -> Result<(), ServeError> {
    let all = config.dns.listen.iter().map(|address| (*address, "TCP")).chain([(config.api.listen, "HTTP")]);
    for (address, protocol) in all {
        tcp::bind(address).map_err(|cause| ServeError::Bind { address, protocol, cause })?;
    }
    Ok(())
}

/// All sockets of a server, bound. Nothing is answered yet.
pub struct Bound {
    udp: Vec<UdpSocket>,
    tcp: Vec<TcpListener>,
    http: TcpListener,
    tls: Option<Arc<Tls>>,
    dns: Vec<SocketAddr>,
    api: SocketAddr,
}

impl Bound {
    /// Binds what `config` names; a port of 0 takes one that is free, the same for UDP and TCP.
    ///
    /// # Errors
    /// [`ServeError::Readable`], and [`ServeError::Bind`] for the first address that cannot be had. A certificate that
    /// cannot be used is told in the log.
    pub fn bind(config: &Config) -> Result<Self, ServeError> {
        let tls = config.api.tls.clone().map(Tls::start);
        if let Some((_, Some(error))) = &tls {
            error!("the API and the metrics are off until the certificate can be used, DNS is answered: {error}");
        }
        let tls = tls.map(|(tls, _)| Arc::new(tls));
        if tls.is_none() && !config.api.listen.ip().is_loopback() {
            return Err(ServeError::Readable(config.api.listen));
        }
        let (mut udp, mut tcp, mut dns) = (Vec::new(), Vec::new(), Vec::new());
        for address in &config.dns.listen {
            let (listener, sockets, bound) = bind_both(*address, config.dns.workers.get())?;
            tcp.push(listener);
            udp.extend(sockets);
            dns.push(bound);
        }
        let failed = |cause| ServeError::Bind { address: config.api.listen, protocol: "HTTP", cause };
        let http = tcp::bind(config.api.listen).map_err(failed)?;
        let api = http.local_addr()?;
        Ok(Self { udp, tcp, http, tls, dns, api })
    }

    /// Where DNS is answered, over UDP and TCP each, in the order of the configuration.
    pub fn dns(&self) -> &[SocketAddr] {
        &self.dns
    }

    /// Where HTTP is answered.
    pub fn api(&self) -> SocketAddr {
        self.api
    }

    /// The same as the beginning of a URL.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.tls.is_some() { "https" } else { "http" }, self.api)
    }

    /// Starts answering; HTTP and signals on `control`, which [`control_runtime`] made.
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
        let url = self.url();
        let http_is_ready = self.tls.as_ref().is_none_or(|tls| tls.is_ready());
        let entered = control.enter();
        let signals = Signals::take()?;
        drop(entered);
        let (threads, row) = (config.dns.workers.get(), self.udp.len());
        let Taps { udp: udp_taps, tcp: tcp_taps, shown } = taps(config, &hooks.tail, (row, threads));
        let showed = shown.iter().map(|shown| Arc::clone(&shown.counts)).collect();
        let dnstap = config.dnstap.as_ref().map(|dnstap| Dnstap::new(dnstap.settings(&config.node.name)));
        let frames = dnstap.as_ref().map(|dnstap| metrics::dnstap::collector(dnstap.counts(), showed));
        let collector = tap::Collector::start(shown, published.clone(), hooks.tail, dnstap)?;
        let udp = udp::Workers::start(self.udp, &published, &settings, udp_taps)?;
        let tcp = tcp::Server::start(self.tcp, config.tcp_limits(), published.clone(), &settings, row, tcp_taps)?;
        let totals = TotalsReader { udp: udp.counters(), tcp: tcp.counters() };
        let reloads = hooks.reloads;
        if let Some(tls) = &self.tls {
            reloads.note_certificate(tls.is_ready());
        }
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
        let metrics = Arc::new(Metrics::new(own.into_iter().chain(frames).chain(hooks.collectors)));
        let (generation, pulse, hosts) = (hooks.generation, hooks.pulse, config.api.hosts.clone().into());
        let observed = Observed { generation, pulse, hosts, metrics };
        let routes = observe::with_problems(observe::routes(observed).merge(hooks.routes));
        let http = http::Server::start(control.handle(), self.http, routes, self.tls.clone(), config.http_limits())?;
        let reloader =
            Reloader::start(hooks.begun, AGAIN, reload(self.tls.clone(), reloads, hooks.begun, hooks.reload))?;
        let ask = reloader.asker();
        let files = files(self.tls, hooks.files);
        let watcher = Watcher::start(LOOK, files, move |paths| ask.ask(Cause::Changed(paths)))?;
        for address in &self.dns {
            info!("answering DNS on {address}, UDP and TCP");
        }
        if http_is_ready {
            info!("answering HTTP on {url}");
        }
        let stopping = hooks.stopping;
        let (notify, _gatherer) = (Arc::default(), gatherer);
        Ok(Running {
            control,
            signals,
            udp,
            tcp,
            collector,
            http,
            stopping,
            watcher,
            reloader,
            totals,
            notify,
            _gatherer,
        })
    }
}

/// What all workers show their answers by.
struct Taps {
    udp: Vec<Tap>,
    tcp: Vec<Tap>,
    shown: Vec<Shown>,
}

/// Taps for so many workers of UDP and of TCP.
fn taps(config: &Config, tail: &Tail, (udp, tcp): (usize, usize)) -> Taps {
    let switch = Arc::new(Switch::new(config.dnstap.as_ref().map(|dnstap| dnstap.sample), tail.clone()));
    let (mut taps, shown): (Vec<Tap>, Vec<Shown>) =
        (0..udp + tcp).map(|_| tap::pair(Arc::clone(&switch), udp::seed())).unzip();
    let of_tcp = taps.split_off(udp);
    Taps { udp: taps, tcp: of_tcp, shown }
}

/// The runtime of everything that does not answer queries.
///
/// # Errors
/// When the system gives no thread or no event queue.
pub fn control_runtime() -> io::Result<Runtime> {
    // The threads of a runtime that run its tasks are the first that it starts; what compiles, and whatever else takes its
    // time, has threads that are started when they are needed.
    let started = AtomicUsize::new(0);
    let name = move || {
        let is_first = started.fetch_add(1, Ordering::Relaxed) < CONTROL_THREADS;
        if is_first { "control" } else { "compile" }.to_owned()
    };
    let mut builder = Builder::new_multi_thread();
    builder.worker_threads(CONTROL_THREADS).thread_name_fn(name).on_thread_start(background::enter).enable_all().build()
}

/// Binds TCP, which tells whether the address is another process's, then UDP on the same port.
fn bind_both(address: SocketAddr, workers: usize) -> Result<(TcpListener, Vec<UdpSocket>, SocketAddr), ServeError> {
    let mut attempts = if address.port() == 0 { PORT_ATTEMPTS } else { 1 };
    loop {
        attempts -= 1;
        let failed = |protocol| move |cause| ServeError::Bind { address, protocol, cause };
        let listener = tcp::bind(address).map_err(failed("TCP"))?;
        let bound = listener.local_addr()?;
        match udp::bind(bound, workers) {
            Ok(sockets) => return Ok((listener, sockets, bound)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && attempts > 0 => {}
            Err(error) => return Err(failed("UDP")(error)),
        }
    }
}

/// Tells that all is well, a few times within each period, as long as it is.
async fn tell_while_all_go_on(notify: Arc<Notify>, within: Duration, mut pulses: Pulses) {
    let mut looks = interval((within / 4).max(Duration::from_millis(1)));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        looks.tick().await;
        if pulses.all_went_on() {
            notify.tell(Word::Alive);
        }
    }
}

/// All that is read again when asked: the certificate, then the rest.
fn reload(
    tls: Option<Arc<Tls>>,
    reloads: Arc<Reloads>,
    mut next: Next,
    mut rest: Box<dyn FnMut(Cause) -> Next + Send>,
) -> impl FnMut(Cause) -> Next + Send {
    move |cause| {
        let Some(tls) = &tls else { return rest(cause) };
        let (reread, others) = tls.reload(cause);
        if reread != Reread::Untouched {
            reloads.note_certificate(reread == Reread::Taken);
        }
        if let Some(others) = others {
            next = rest(others);
        }
        next
    }
}

/// All files whose change asks for a reload.
fn files(
    tls: Option<Arc<Tls>>,
    mut rest: Box<dyn FnMut() -> Vec<SourceFile> + Send>,
) -> impl FnMut() -> Vec<SourceFile> {
    move || tls.iter().flat_map(|tls| tls.sources()).chain(rest()).collect()
}

/// A server that answers.
pub struct Running {
    control: Runtime,
    signals: Signals,
    udp: udp::Workers,
    tcp: tcp::Server,
    collector: tap::Collector,
    http: http::Server,
    stopping: Box<dyn FnOnce() + Send>,
    watcher: Watcher,
    reloader: Reloader,
    totals: TotalsReader,
    notify: Arc<Notify>,
    _gatherer: Gatherer,
}

impl Running {
    /// Tells the service manager that queries are answered, and from then on that this goes on: while every UDP worker
    /// does, and the control side, whose runtime does the telling.
    pub fn notify(&mut self, notify: Notify) {
        notify.tell(Word::Ready);
        self.notify = Arc::new(notify);
        if let Some(within) = self.notify.watchdog() {
            let pulses = Pulses::new(self.udp.pulses());
            self.control.spawn(tell_while_all_go_on(Arc::clone(&self.notify), within, pulses));
        }
    }

    /// Where to read what has been counted.
    pub fn totals(&self) -> TotalsReader {
        self.totals.clone()
    }

    /// Passes each SIGHUP on as a reload; returns at SIGTERM or SIGINT.
    pub fn wait(&mut self) {
        let (control, signals, ask) = (&self.control, &mut self.signals, self.reloader.asker());
        control.block_on(async {
            while signals.next().await == Asked::Reload {
                info!("reloading, as SIGHUP asks");
                ask.ask(Cause::Asked);
            }
        });
    }

    /// Takes no new reloads, answers the queries that have been received, then ends. Health checks are answered
    /// until the last, so that whoever looks sees a server that is stopping and not one that has died.
    pub fn stop(self) -> Totals {
        info!("stopping");
        self.notify.tell(Word::Stopping);
        drop(self.watcher);
        self.reloader.stop();
        self.udp.stop();
        self.tcp.stop();
        self.collector.stop();
        (self.stopping)();
        self.http.stop();
        self.control.shutdown_background();
        self.totals.read()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_answer_lets_others_go_first() {
        let niceness = || rustix::process::getpriority_process(None).unwrap();
        let runtime = control_runtime().unwrap();
        let (own, blocking) = runtime.block_on(async move {
            let own = tokio::spawn(async move { niceness() }).await.unwrap();
            (own, tokio::task::spawn_blocking(niceness).await.unwrap())
        });
        assert!(own > niceness() && blocking > niceness(), "{own} {blocking}");
    }
}
