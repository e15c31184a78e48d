//! `gslb serve`: serves a site from the store or from a watched file until a signal stops it.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};

use clap::Args;
use gslb_api::auth::{AccessError, First, first_admin};
use gslb_api::degraded::{Concern, Degraded};
use gslb_api::restart::{RestartCounts, RestartOptions, Restarter, Restarts};
use gslb_api::store::{Store, wait};
use gslb_api::{Api, Options, Origin, Released, router};
use parking_lot::Mutex;
use tokio::runtime::{Handle, Runtime};
use tracing::{error, info, warn};

use super::Outcome;
use super::token::now;
use crate::backend::{Backend, NotReleased};
use crate::capture::sample::Sample;
use crate::config::Config;
use crate::daemon::handover::{Predecessor, Program};
use crate::daemon::notify::Notify;
use crate::daemon::prober_feed::Probing;
use crate::daemon::site_source::{DocumentSource, OnDamage, ServedSite, WatchedFiles};
use crate::daemon::sockets::Inherited;
use crate::daemon::store::{self, OpenedStore};
use crate::daemon::{self, Bound, Ended, Provided, Restarting, activation, control_runtime, self_check};
use crate::dns::totals::Totals;
use crate::files::reload::{Cause, Next};
use crate::files::watch::SourceFile;
use crate::probe::Prober;
use crate::source::candidate;
use crate::source::site::Databases;
use crate::telemetry::logging::{self, Logging};
use crate::telemetry::{metrics, stall};

/// How often a restart that waits for a change looks whether it is cancelled.
const LOOK: Duration = Duration::from_millis(50);

#[derive(Debug, Args)]
pub struct Arguments {
    /// Settings of this process [default: none]
    #[arg(long, value_name = "gslb.toml")]
    config: Option<PathBuf>,
    /// Document for a first start, or always with --watch
    #[arg(long, value_name = "site.toml")]
    document: Option<PathBuf>,
    /// Follow the document's file; the API cannot change it
    #[arg(long, requires = "document")]
    watch: bool,
    /// Exit 1 on a damaged file or store instead of serving the last good
    #[arg(long)]
    strict: bool,
    /// Refused with a hint
    #[arg(short, long, hide = true, value_parser = no_output)]
    output: Option<String>,
}

fn no_output(_: &str) -> Result<String, &'static str> {
    Err("gslb serve prints only its log; for a log in JSON, set format = \"json\" under [log] in gslb.toml")
}

pub(super) fn run(arguments: &Arguments) -> Outcome {
    // First, before anybody replaces the program.
    let program = Restarting::program();
    let (mut predecessor, inherited) = match Predecessor::from_environment()? {
        Some((predecessor, inherited)) => (Some(predecessor), inherited),
        None => (None, activation::inherited()?),
    };
    let ended = start(arguments, program, &mut predecessor, inherited);
    if let (Err(error), Some(predecessor)) = (&ended, &predecessor) {
        predecessor.failed(&error.to_string());
    }
    ended
}

/// Starts and serves. `predecessor` is taken once this process answers in its place.
fn start(
    arguments: &Arguments,
    program: Result<Program, String>,
    predecessor: &mut Option<Predecessor>,
    inherited: Inherited,
) -> Outcome {
    let config = arguments.config.as_deref().map_or_else(|| Ok(Config::default()), Config::read)?;
    let logging = logging::start(&config.log);
    let control = control_runtime()?;
    // Before anything is written to the store: a failed start must leave no trace.
    daemon::check_ports_free(&config, &inherited)?;
    daemon::check_certificate(&config)?;
    let damage = if arguments.strict { OnDamage::Fail } else { OnDamage::Continue };
    let from_file = arguments.watch || arguments.document.is_some();
    // What does not need the store comes before the predecessor releases it, since changes wait from then on.
    let (prepared, patience) = match predecessor {
        Some(predecessor) => {
            let bound = Bound::with(&config, inherited)?;
            predecessor.cookies.take().into_iter().for_each(|random| bound.continue_cookies(random));
            check_document(arguments)?;
            predecessor.await_store()?;
            (Ok(bound), store::HANDOVER)
        }
        None => {
            daemon::check_inherited(&config, &inherited)?;
            (Err(inherited), Duration::ZERO)
        }
    };
    let opened = store::open(&config.data_dir, from_file, arguments.watch, damage, patience)?;
    let store = Arc::clone(&opened.store);
    let truth = truth(arguments, &opened, &config.data_dir)?;
    let databases = Databases { files: config.geo.databases.clone(), max_moved: config.geo.max_moved };
    let sample = Arc::new(Sample::default());
    let (restarter, requests) = Restarter::new();
    let restarts = restarts_after(predecessor.as_ref());
    let has_predecessor = Arc::new(predecessor.is_some().into());
    let restarting = Restarting { program, requests, restarts: Arc::clone(&restarts), has_predecessor };
    let restart = RestartOptions { restarter: Some(restarter), restarts };
    let options = Options { restart, ..options(&config, &sample, &logging) };
    opened.report(&options.degraded);
    let concerns = Arc::clone(&options.degraded);
    let source = ServedSite::start(control.handle(), Arc::clone(&store), truth, databases, options, damage)?;
    log_origin(arguments, source.begun, &config.data_dir);
    // While tokens are unreadable, a new one could replace a valid one.
    if opened.is_sound() {
        match ensure_admin_token(&*store, &config.data_dir) {
            Err(AccessError::File { path, cause }) if is_survived(&cause, damage) => {
                let why = format!(
                    "failed to write the admin token to {}: {cause}; the API cannot be used until it is written",
                    path.display()
                );
                error!("DNS is answered anyway: {why}");
                concerns.set(Concern::Store, why);
            }
            result => result?,
        }
    }
    let copies = opened.begun(control.handle());
    let bound = prepared.or_else(|inherited| Bound::with(&config, inherited))?;
    let serving = Serving { bound, source, sample, damage, restarting };
    let (totals, leaves) = serve(control, &config, serving, &logging, predecessor)?;
    match copies {
        Some(copies) if leaves == Leaves::ToSuccessor => copies.leave(),
        copies => drop(copies),
    }
    info!("stopped after {} datagrams and {} TCP connections", totals.udp.received, totals.tcp.accepted);
    Ok(ExitCode::SUCCESS)
}

/// With --strict, reads a watched document once more than needed, so that a broken one is found while the predecessor
/// still has the store.
fn check_document(arguments: &Arguments) -> Result<(), Box<dyn std::error::Error>> {
    if let (Some(path), true) = (&arguments.document, arguments.strict && arguments.watch) {
        candidate::read(path)?;
    }
    Ok(())
}

/// How restarts went until now, with this one.
fn restarts_after(predecessor: Option<&Predecessor>) -> Arc<Restarts> {
    let restarts = Restarts::default();
    if let Some(predecessor) = predecessor {
        restarts.note(|counts| {
            *counts = RestartCounts { succeeded: predecessor.restarts.succeeded + 1, ..predecessor.restarts }
        });
    }
    Arc::new(restarts)
}

/// What is served.
pub(super) struct Serving {
    pub(super) bound: Bound,
    pub(super) source: ServedSite,
    pub(super) sample: Arc<Sample>,
    pub(super) damage: OnDamage,
    pub(super) restarting: Restarting,
}

/// Who continues after this process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Leaves {
    /// Nobody.
    Nothing,
    /// Its successor.
    ToSuccessor,
}

/// Serves until a signal stops it, or a successor answers.
pub(super) fn serve(
    control: Runtime,
    config: &Config,
    serving: Serving,
    logging: &Logging,
    predecessor: &mut Option<Predecessor>,
) -> Result<(Totals, Leaves), Box<dyn std::error::Error>> {
    let Serving { bound, source, sample, damage, restarting } = serving;
    let (published, settings) = (Arc::clone(&source.published), Arc::new(config.dns.settings()));
    let notify = Notify::from_environment();
    let feed = Probing::start(control.handle(), config.probes.settings(), &source.api)?;
    if let Some(why) = bound
        .tls_refused()
        .or_else(|| bound.cookies_refused())
        .or(feed.prober().authorities().refused())
        .filter(|_| damage == OnDamage::Fail)
    {
        return Err(why.into());
    }
    let mut provided = provided(source, &feed, sample, control.handle(), restarting);
    provided.collectors.push(metrics::log::collector(logging.dropped.clone()));
    if predecessor.is_some() {
        self_check(&published, &settings)?;
    }
    let mut running = bound.start(control, config, published, settings, provided)?;
    let alone = running.notify(notify);
    if let Some(predecessor) = predecessor.take() {
        let adopter = running.adopter();
        predecessor.take_over(move |connection| adopter.adopt(connection), move || alone.begin())?;
    } else {
        alone.begin();
    }
    Ok(match running.wait() {
        Ended::Stopped => (running.stop(), Leaves::Nothing),
        Ended::Restarted(started) => (running.leave(*started), Leaves::ToSuccessor),
    })
}

/// The source of the document. If the store has one, the file is not read: it may be out of date.
fn truth(
    arguments: &Arguments,
    opened: &OpenedStore,
    data_dir: &Path,
) -> Result<DocumentSource, Box<dyn std::error::Error>> {
    let has_one = opened.has_document()?;
    match &arguments.document {
        Some(path) if arguments.watch => Ok(DocumentSource::File(path.clone())),
        Some(path) if !has_one => {
            let candidate = candidate::read(path)?;
            candidate.warnings.iter().for_each(|problem| warn!("{problem}"));
            Ok(DocumentSource::Store(Some(candidate.into())))
        }
        None if !has_one => {
            warn!(
                "the store in {} is empty, and --document is not set: no query is answered until a document is applied",
                data_dir.display()
            );
            Ok(DocumentSource::Store(None))
        }
        _ => Ok(DocumentSource::Store(None)),
    }
}

fn log_origin(arguments: &Arguments, (revision, origin): (u64, Origin), data_dir: &Path) {
    let store = data_dir.display();
    match (&arguments.document, origin) {
        (Some(document), Origin::Given) => {
            info!("the store in {store} was empty: {} is its revision {revision}", document.display());
        }
        (Some(document), Origin::Stored) => {
            let document = document.display();
            info!(
                "serving revision {revision} of the store in {store}; {document} was not read: `gslb apply {document}` \
                 puts it in force, --watch makes it the truth"
            );
        }
        (Some(document), Origin::File) => {
            info!("serving {} as revision {revision}; the API cannot change it", document.display());
        }
        (None, _) => info!("serving revision {revision} of the store in {store}"),
    }
}

/// Whether DNS is answered although a file cannot be written: not if permission is denied.
fn is_survived(cause: &std::io::Error, damage: OnDamage) -> bool {
    damage == OnDamage::Continue && cause.kind() != std::io::ErrorKind::PermissionDenied
}

/// Ensures that there is an admin token.
fn ensure_admin_token(store: &dyn Store, data_dir: &Path) -> Result<(), AccessError> {
    if let First::Made { path, .. } = wait(first_admin(store, data_dir, now()))? {
        info!("the first admin token is in {}", path.display());
    }
    Ok(())
}

/// The options of the API, from the configuration, and the source of its samples.
pub(super) fn options(config: &Config, sample: &Arc<Sample>, logging: &Logging) -> Options {
    let read = Arc::clone(sample);
    Options {
        node: config.node.name.clone(),
        is_node_named: config.node.is_named,
        log: Arc::clone(&logging.switch),
        workers: config.dns.counting_workers(),
        sample: gslb_api::traffic::sample::Sample::new(move || read.window.answers(Instant::now())),
        hosts: config.api.hosts.clone(),
        loopback_without_token: config.api.loopback_without_token,
        settings: Arc::new(config.dns.settings()),
        ..Options::default()
    }
}

/// Connects the site to the server, which watches its files and reloads it on request.
fn provided(
    source: ServedSite,
    feed: &Probing,
    sample: Arc<Sample>,
    runtime: &Handle,
    restarting: Restarting,
) -> Provided {
    let api = source.api.clone();
    let collectors = vec![
        metrics::api::collector(api.clone()),
        metrics::store::collector(api.clone()),
        metrics::control::collector(api.clone()),
        metrics::control::degraded(api.clone()),
        metrics::control::reloads(Arc::clone(&source.reloads)),
        metrics::restarts::collector(Arc::clone(&restarting.restarts)),
        metrics::overrides::collector(api.clone()),
        metrics::health::collector(api.clone(), runtime.clone()),
        metrics::probes::collector(Arc::clone(feed.prober())),
    ];
    let (reloads, begun, concerns) = (Arc::clone(&source.reloads), source.follows(), source.degraded());
    let (prober, tail, routes) = (Arc::clone(feed.prober()), api.tail(), router(api.clone()));
    note_authorities(&concerns, &prober);
    let behind = Behind {
        api,
        prober,
        concerns: Arc::clone(&concerns),
        files: source.files(),
        source: Mutex::new(source),
        runtime: runtime.clone(),
    };
    Provided { backend: Arc::new(behind), reloads, concerns, collectors, sample, tail, routes, begun, restarting }
}

/// The API, the prober and the files of the served site.
struct Behind {
    api: Api,
    prober: Arc<Prober>,
    concerns: Arc<Degraded>,
    files: WatchedFiles,
    /// Locked for as long as a reload takes.
    source: Mutex<ServedSite>,
    runtime: Handle,
}

impl Backend for Behind {
    fn stall(&self) -> Option<String> {
        stall::describe(&self.api, self.prober.pulse())
    }

    fn degraded(&self) -> Vec<(Concern, String)> {
        self.api.degraded()
    }

    fn files(&self) -> Vec<SourceFile> {
        self.prober.authorities().source().into_iter().chain(self.files.lock().clone()).collect()
    }

    fn reload(&self, cause: Cause) -> Next {
        let others = self.prober.authorities().reload(cause);
        note_authorities(&self.concerns, &self.prober);
        let mut source = self.source.lock();
        match others {
            Some(cause) => source.reload(&cause),
            None => source.follows(),
        }
    }

    fn release_store(&self, within: Duration, cancelled: &AtomicBool) -> Result<Option<Released>, NotReleased> {
        let api = self.api.clone();
        let mut releasing = self.runtime.spawn(async move { api.release_store().await });
        let until = Instant::now() + within;
        let ended = self.runtime.block_on(async {
            loop {
                match tokio::time::timeout(LOOK, &mut releasing).await {
                    Ok(ended) => break Some(ended),
                    Err(_) if cancelled.load(Relaxed) || Instant::now() >= until => break None,
                    Err(_) => {}
                }
            }
        });
        match ended {
            Some(Ok(released)) => released.map(Some).map_err(NotReleased::Unsaved),
            Some(Err(panicked)) => Err(NotReleased::Unsaved(panicked.to_string())),
            None => {
                // Once it is released, it is taken back.
                self.runtime.spawn(async move {
                    if let Ok(Ok(released)) = releasing.await {
                        released.reclaim().await;
                    }
                });
                Err(NotReleased::TimedOut)
            }
        }
    }

    fn stop(&self) {
        self.api.stop();
    }
}

/// Records whether the authorities in `probes.ca` are trusted.
fn note_authorities(concerns: &Degraded, prober: &Prober) {
    match prober.authorities().refused() {
        Some(why) => concerns.set(Concern::ProbesCa, why),
        None => concerns.clear(Concern::ProbesCa),
    }
}
