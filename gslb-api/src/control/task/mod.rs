//! The control task: changes one at a time, health events at any time.

mod publishing;
mod saving;
mod settle;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use geoip::Database;
use gslb_core::budget::Budget;
use gslb_core::latency::Latencies;
use gslb_core::table::Published;
use serde_json::Value;
use tokio::runtime::Handle;
use tokio::select;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Interval, timeout};
use tracing::field::display;
use tracing::{debug, error, info, warn};

use super::StartError;
use super::backlog::{Backlog, Unsaved};
use super::candidate::{self, Candidate, Depth, Effort, prepare};
use crate::audit::{self, Entry, Outcome};
use crate::change::{Active, Applied, Change, Edit, Refusal, Who};
use crate::clock::now;
use crate::clock::wall_clock::{Jump, Reading, WallClock};
use crate::degraded::Degraded;
use crate::document::Etag;
use crate::health::{HealthEvent, Keeper, MAX_EVENTS};
use crate::meters::Meters;
use crate::options::Options;
use crate::overrides::{self, Deadlines, Override};
use crate::revisions::{self, Header, Kept};
use crate::safety;
use crate::store::{Commit, Expectation, Store, Time};
use crate::thaw;
use crate::traffic::sample::Sample;

/// How often hold-downs, push timeouts and the wall clock are checked.
const TICK: Duration = Duration::from_millis(100);
/// How often expired keys are removed.
const EXPIRY: Duration = Duration::from_millis(500);

/// Timeout of a document commit.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(60);

/// Why changes are refused once the successor has taken over.
pub(crate) const RESTARTED: &str = "the server has been restarted: nothing was changed here; try again";

/// A request to the task; processed one at a time.
pub(super) enum Job {
    Change(Box<Change>, oneshot::Sender<Result<Applied, Refusal>>),
    Databases(Vec<Arc<Database>>, oneshot::Sender<Result<Applied, Refusal>>),
    Latencies(Arc<Latencies>, oneshot::Sender<Result<Applied, Refusal>>),
    Latest(oneshot::Sender<Result<(), StartError>>),
    Note(Box<Change>, Resource, oneshot::Sender<()>),
    Pause(oneshot::Sender<Result<(), String>>, oneshot::Receiver<Resumption>),
}

/// How a paused task goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Resumption {
    /// With what the store has now.
    Reload,
    /// Another process makes the changes from now on: each is refused.
    Refuse,
}

/// A resource that was changed outside the task, for the audit log.
#[derive(Debug, Default)]
pub(crate) struct Resource {
    /// Its state before.
    pub(crate) before: Option<Value>,
    /// Its state after.
    pub(crate) after: Option<Value>,
}

/// The task's state.
pub(super) struct Task {
    store: Arc<dyn Store>,
    published: Arc<Published>,
    active: watch::Sender<Arc<Active>>,
    kept: Kept,
    /// Number of the last audit entry.
    audited: u64,
    /// True if it is unknown whether the last commit succeeded.
    commit_outcome_unknown: bool,
    /// Changes that are in force but not in the store.
    backlog: Backlog,
    /// The unsaved overrides, as reported.
    unsaved: watch::Sender<Arc<Unsaved>>,
    /// Reported problems and running reloads.
    degraded: Arc<Degraded>,
    /// When overrides end.
    deadlines: Deadlines,
    wall_clock: WallClock,
    /// When saving is retried.
    retry_at: Instant,
    /// Why the watched file was last refused: the tag of its document, and the broken rules.
    file_refused: Option<(Etag, Vec<Cow<'static, str>>)>,
    /// Endpoint health.
    keeper: Keeper,
    /// Probe outcomes and other health events.
    health_events: mpsc::Receiver<HealthEvent>,
    /// Keeps the channel of health events open.
    _open: mpsc::Sender<HealthEvent>,
    /// Runs blocking work.
    run_blocking: Handle,
    /// Sample of recent answers.
    sample: Sample,
    meters: Arc<Meters>,
}

/// The initial state of the task.
pub(super) struct Initial {
    pub(super) store: Arc<dyn Store>,
    pub(super) published: Arc<Published>,
    pub(super) active: Active,
    pub(super) kept: Kept,
    /// Number of the last audit entry.
    pub(super) audited: u64,
    pub(super) keeper: Keeper,
}

/// The state shared between the task and its handles.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) active: watch::Receiver<Arc<Active>>,
    pub(super) unsaved: watch::Receiver<Arc<Unsaved>>,
    pub(super) health_events: mpsc::Sender<HealthEvent>,
    pub(super) store: Arc<dyn Store>,
    pub(super) sample: Sample,
}

impl Task {
    pub(super) fn new(initial: Initial, options: &Options, meters: Arc<Meters>) -> (Self, Shared) {
        let Initial { store, published, active, kept, audited, keeper } = initial;
        let (open, health_events) = mpsc::channel(MAX_EVENTS);
        let mut deadlines = Deadlines::default();
        deadlines.follow(&active.overrides, now(), Instant::now());
        let task = Self {
            store,
            published,
            active: watch::Sender::new(Arc::new(active)),
            kept,
            audited,
            commit_outcome_unknown: false,
            backlog: Backlog::default(),
            unsaved: watch::Sender::new(Arc::default()),
            degraded: Arc::clone(&options.degraded),
            deadlines,
            wall_clock: WallClock::default(),
            retry_at: Instant::now(),
            file_refused: None,
            keeper,
            health_events,
            _open: open.clone(),
            run_blocking: Handle::current(),
            sample: options.sample.clone(),
            meters,
        };
        let shared = Shared {
            active: task.active.subscribe(),
            unsaved: task.unsaved.subscribe(),
            health_events: open,
            store: Arc::clone(&task.store),
            sample: task.sample.clone(),
        };
        (task, shared)
    }

    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut mailbox = Mailbox { ticks, events: Vec::with_capacity(MAX_EVENTS) };
        loop {
            match self.while_handling_events(&mut mailbox, timeout(EXPIRY, queue.recv())).await {
                Ok(Some(Job::Change(change, reply_tx))) => {
                    let _running = self.degraded.running(&*change.request);
                    let (before, change) = (self.base(), Arc::from(change));
                    let done = self.change(&mut mailbox, &change).await;
                    let _ = reply_tx.send(done);
                    self.drop_in_background(before);
                    // Dropping a document with a hundred thousand services takes time.
                    self.run_blocking.spawn_blocking(move || drop(change));
                }
                Ok(Some(Job::Databases(databases, reply_tx))) => {
                    let _running = self.degraded.running("geo databases");
                    let before = self.base();
                    let latencies = Arc::clone(&before.table.topology().latencies);
                    let done = self.compile(&mut mailbox, &before, databases.into(), latencies).await;
                    let _ = reply_tx.send(done);
                    self.drop_in_background(before);
                }
                Ok(Some(Job::Latencies(latencies, reply_tx))) => {
                    let _running = self.degraded.running("latency orders");
                    let before = self.base();
                    let databases = Arc::clone(&before.databases);
                    let done = self.compile(&mut mailbox, &before, databases, latencies).await;
                    let _ = reply_tx.send(done);
                    self.drop_in_background(before);
                }
                Ok(Some(Job::Latest(reply_tx))) => {
                    let before = self.base();
                    let reloaded = self.reload_from_store(&mut mailbox).await;
                    let _ = reply_tx.send(reloaded.and_then(|unservable| unservable.map_or(Ok(()), Err)));
                    self.drop_in_background(before);
                }
                Ok(Some(Job::Pause(reply_tx, resumed))) => {
                    if self.pause(&mut mailbox, reply_tx, resumed).await == Resumption::Refuse {
                        return self.refuse_all(&mut mailbox, queue).await;
                    }
                }
                Ok(Some(Job::Note(change, resource, reply_tx))) => {
                    let mut entry = Entry::of(&change, 0, now());
                    let Resource { before, after } = resource;
                    (entry.revision, entry.before, entry.after) = (self.base().revision, before, after);
                    log_change(&change, Some(entry.revision), None);
                    self.add_audit_entry(&mut mailbox, entry).await;
                    let _ = reply_tx.send(());
                }
                Ok(None) => return,
                Err(_) => {}
            }
            self.resolve_commit_outcome(&mut mailbox).await;
            self.expire(&mut mailbox).await;
        }
    }

    /// Saves what is not saved, then makes no change until `resumed`. Health events are still handled.
    async fn pause(
        &mut self,
        mailbox: &mut Mailbox,
        reply_tx: oneshot::Sender<Result<(), String>>,
        resumed: oneshot::Receiver<Resumption>,
    ) -> Resumption {
        let saved = self.save(mailbox).await.map_err(|cause| {
            let unsaved = self.unsaved.borrow().summary();
            unsaved.unwrap_or_else(|| cause.to_string())
        });
        let is_paused = saved.is_ok();
        // Whoever asked may have stopped waiting.
        if reply_tx.send(saved).is_err() || !is_paused {
            return Resumption::Reload;
        }
        let resumption = self.while_handling_events(mailbox, resumed).await.unwrap_or(Resumption::Reload);
        if resumption == Resumption::Reload {
            self.commit_outcome_unknown = true;
        }
        resumption
    }

    /// Refuses all jobs, but handles health events: queries may still be answered.
    async fn refuse_all(&mut self, mailbox: &mut Mailbox, mut queue: mpsc::Receiver<Job>) {
        let refusal = || Refusal::Unavailable(RESTARTED.to_owned());
        while let Some(job) = self.while_handling_events(mailbox, queue.recv()).await {
            match job {
                Job::Change(_, reply_tx) => drop(reply_tx.send(Err(refusal()))),
                Job::Databases(_, reply_tx) | Job::Latencies(_, reply_tx) => drop(reply_tx.send(Err(refusal()))),
                Job::Latest(reply_tx) => drop(reply_tx.send(Err(StartError::Internal))),
                Job::Note(_, _, reply_tx) => drop(reply_tx.send(())),
                Job::Pause(reply_tx, _) => drop(reply_tx.send(Err(RESTARTED.to_owned()))),
            }
        }
    }

    /// Awaits `work` while handling health events, which must not wait for a compile or a disk. The active state may
    /// have changed when `work` ends.
    async fn while_handling_events<T>(&mut self, mailbox: &mut Mailbox, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            select! {
                done = &mut work => return done,
                _ = self.health_events.recv_many(&mut mailbox.events, MAX_EVENTS) => self.apply_events(&mut mailbox.events),
                _ = mailbox.ticks.tick() => self.tick(),
            }
        }
    }

    /// Runs `work` on a blocking thread while handling health events. A panic there is an internal error and ends
    /// nothing else.
    async fn run_blocking<T: Send + 'static>(
        &mut self,
        mailbox: &mut Mailbox,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let working = self.run_blocking.spawn_blocking(work);
        self.while_handling_events(mailbox, working).await.map_err(internal_error)
    }

    fn base(&self) -> Arc<Active> {
        Arc::clone(&self.active.borrow())
    }

    async fn change(&mut self, mailbox: &mut Mailbox, change: &Arc<Change>) -> Result<Applied, Refusal> {
        let (now, began) = (now(), Instant::now());
        if !matches!(change.edit, Edit::Override { .. }) && !self.backlog.is_empty() {
            // The audit log and a restart see changes in the order they were made.
            self.save(mailbox).await?;
        }
        let base = self.base();
        let mut prepared = {
            let (base, states, change) = (Arc::clone(&base), self.keeper.states(), Arc::clone(change));
            let sample = self.sample.clone();
            // Clone the edit on the blocking thread: no verdict should wait for it.
            let work = move || {
                let scopes = change.who.scopes();
                let effort = Effort { depth: Depth::Rules, budget: change.budget };
                prepare(&base, &states, change.edit.clone(), now, effort, &sample, &scopes)
            };
            self.run_blocking(mailbox, work).await??
        };
        if prepared.is_new_document {
            record_build(&self.meters, began.elapsed(), &change.request);
        }
        if change.who == Who::File {
            // The author of the file also owns the rules in it.
            prepared.done.breaks.retain(|broken| broken.rule != safety::LOOSENED);
        }
        if !prepared.done.breaks.is_empty() && change.override_rules.is_none() {
            if self.is_new_refusal(change, &prepared) {
                self.note_refused(mailbox, change, &prepared, now).await;
            }
            return Err(Refusal::Unsafe(prepared.done.breaks));
        }
        if change.who == Who::File {
            self.file_refused = None;
        }
        if let Edit::Override { .. } = change.edit {
            return self.force(mailbox, change, &base, prepared, now).await;
        }
        self.commit(mailbox, change, &base, prepared, now).await
    }

    /// Commits a candidate, prepared from `base`, with its audit entry, and activates it.
    async fn commit(
        &mut self,
        mailbox: &mut Mailbox,
        change: &Change,
        base: &Active,
        candidate: Candidate,
        now: Time,
    ) -> Result<Applied, Refusal> {
        let Candidate { mut next, is_new_document, before, after, mut done } = candidate;
        let mut entry = Entry::of(change, self.audited + 1, now);
        let mut kept = self.kept.clone();
        let mut commit = Commit::new();
        if is_new_document {
            next.revision = kept.latest() + 1;
            done.revision = next.revision;
            let header = header(change, next.revision, now);
            let document = next.document.clone();
            let packed = self.run_blocking(mailbox, move || revisions::pack(header, &document)).await?;
            kept.add(next.revision, packed.len());
            let key = revisions::key(next.revision);
            commit = commit.expect(key.as_str(), Expectation::Absent).put(key, packed);
            commit = commit.put(revisions::CURRENT, revisions::pack_current(next.revision));
        }
        if let Some(packed) = self.text(mailbox, change, is_new_document, base.revision).await? {
            kept.add_text(next.revision, packed.len());
            commit = commit.put(revisions::text::key(next.revision), packed);
        }
        commit = kept.forget().into_iter().fold(commit, Commit::delete);
        if let Edit::Thaw(thaw) = &change.edit {
            commit = match thaw {
                Some(thaw) => commit.put_until(thaw::KEY, thaw.pack(), Time::from_millis(thaw.until)),
                None => commit.delete(thaw::KEY),
            };
        }
        (entry.revision, entry.before, entry.after) = (next.revision, audit::abridged(before), audit::abridged(after));
        entry.broke = done.breaks.iter().map(ToString::to_string).collect();
        if let Err(cause) = self.commit_to_store(mailbox, audit::with(commit, &entry), COMMIT_TIMEOUT).await {
            self.note_commit_error(&cause);
            return Err(cause.into());
        }
        self.audited += 1;
        self.kept = kept;
        done.generation = self.activate(base, next)?;
        log_change(change, Some(done.revision), Some(done.generation));
        Ok(done)
    }

    /// The TOML text of the document that `change` activates, packed for the store; `None` if there is none, or it is
    /// stored already.
    async fn text(
        &mut self,
        mailbox: &mut Mailbox,
        change: &Change,
        is_new_document: bool,
        active: u64,
    ) -> Result<Option<Arc<[u8]>>, Refusal> {
        let Some(text) = change.edit.text().cloned() else { return Ok(None) };
        // The document is the active one, perhaps with other comments. A restore keeps the active comments.
        if !is_new_document && !matches!(change.edit, Edit::Document { .. }) {
            return Ok(None);
        }
        let packed = self.run_blocking(mailbox, move || revisions::text::pack(&text)).await?;
        let stored = self.store.read(&revisions::text::key(active)).await?;
        Ok(packed.filter(|packed| is_new_document || stored.is_none_or(|stored| *stored.value != **packed)))
    }

    /// Whether this refusal of `change` is new: a watched file is retried again and again.
    fn is_new_refusal(&mut self, change: &Change, candidate: &Candidate) -> bool {
        if change.who != Who::File {
            return true;
        }
        let rules = candidate.done.breaks.iter().map(|broken| broken.rule.clone()).collect();
        let refused = Some((candidate.next.document.digest(), rules));
        let is_new_refusal = self.file_refused != refused;
        self.file_refused = refused;
        is_new_refusal
    }

    /// Adds an audit entry for a change that the safety rules refused.
    async fn note_refused(&mut self, mailbox: &mut Mailbox, change: &Change, candidate: &Candidate, now: Time) {
        let mut entry = Entry::of(change, 0, now);
        entry.outcome = Outcome::Refused;
        entry.revision = candidate.next.revision;
        entry.before = audit::abridged(candidate.before.clone());
        entry.after = audit::abridged(candidate.after.clone());
        entry.broke = candidate.done.breaks.iter().map(ToString::to_string).collect();
        self.add_audit_entry(mailbox, entry).await;
    }

    /// Recompiles the document of `base`, the active state, with these databases and latencies.
    async fn compile(
        &mut self,
        mailbox: &mut Mailbox,
        base: &Arc<Active>,
        databases: Arc<[Arc<Database>]>,
        latencies: Arc<Latencies>,
    ) -> Result<Applied, Refusal> {
        let began = Instant::now();
        let what = if Arc::ptr_eq(&databases, &base.databases) { "latencies" } else { "databases" };
        let work = {
            let (base, states) = (Arc::clone(base), self.keeper.states());
            move || {
                let (budget, with) = (&mut { Budget::UNLIMITED }, (&*databases, &latencies));
                let all = &base.overrides;
                let built = candidate::compiled(budget, &base.document, with, &base.table, &states, all);
                let (table, warnings) = built.map_err(Refusal::Invalid)?;
                Ok::<_, Refusal>((Active { databases, table: Arc::new(table), ..(*base).clone() }, warnings))
            }
        };
        let (next, warnings) = self.run_blocking(mailbox, work).await??;
        record_build(&self.meters, began.elapsed(), what);
        let done = Applied { warnings, ..Applied::unchanged(&next) };
        let generation = self.activate(base, next)?;
        Ok(Applied { generation, ..done })
    }

    /// Logs jumps of the wall clock.
    fn check_wall_clock(&mut self) {
        let before = Instant::now();
        let (jumped, by) = match self.wall_clock.look(Reading { before, wall: now(), after: Instant::now() }) {
            Some(Jump::Ahead(by)) => ("ahead", by),
            Some(Jump::Back(by)) => ("back", by),
            None => return,
        };
        self.meters.clock_jumped(jumped == "back");
        warn!(
            jumped,
            by_seconds = by.as_secs(),
            "the wall clock has jumped, or the machine was suspended: check its time service. Overrides keep their remaining \
             time; frozen windows and token expiry use the wall clock"
        );
    }

    /// Ends expired overrides: at once in the active state, and in the store together with an audit entry. If the store
    /// fails, saving is retried.
    async fn expire(&mut self, mailbox: &mut Mailbox) {
        let (now, at, base) = (now(), Instant::now(), self.base());
        if base.overrides.values().any(|it| self.deadlines.has_passed(it, now, at)) {
            let all = (*base.overrides).clone().into_iter();
            let (expired, active): (BTreeMap<_, _>, BTreeMap<_, _>) =
                all.partition(|(_, it)| self.deadlines.has_passed(it, now, at));
            expired.keys().for_each(|id| info!("override" = &**id, "override expired"));
            // A failure is logged already. An expired override must not stay in force because a disk is full.
            let _ = self.activate(&base, Active { overrides: Arc::new(active), ..(*base).clone() });
            self.save_expiries(expired.values(), base.revision, now);
        }
        if !self.backlog.is_empty() {
            self.save_when_due(mailbox).await;
        }
    }

    /// Queues the ends of expired overrides to be saved.
    pub(super) fn save_expiries<'o>(&mut self, expired: impl Iterator<Item = &'o Override>, revision: u64, now: Time) {
        for it in expired {
            self.backlog.add_override(&it.id, None, true, overrides::expired(it, revision, now));
        }
    }
}

/// Health events and ticks, handled while other work runs.
struct Mailbox {
    ticks: Interval,
    /// Buffer for a batch of events.
    events: Vec<HealthEvent>,
}

fn header(change: &Change, revision: u64, now: Time) -> Header {
    let restored = if let Edit::Restored { revision, .. } = change.edit { Some(revision) } else { None };
    Header {
        revision,
        author: change.who.id().to_owned(),
        author_name: change.who.name().to_owned(),
        millis: now.millis(),
        message: change.message.clone(),
        restored,
        commit: change.commit.clone(),
        octets: 0,
    }
}

/// Logs a change: what, who and why, and the result.
fn log_change(change: &Change, revision: Option<u64>, generation: Option<u64>) {
    let (request, who, from) = (&*change.request, change.who.name(), change.from.map(display));
    let id = if let Edit::Override { id, .. } = &change.edit { Some(&**id) } else { None };
    let reason = Some(&*change.message).filter(|message| !message.is_empty());
    info!(request, who, from, "override" = id, revision, generation, reason, "changed");
}

/// Records how long building a table took (reading, compiling, comparing). `what` caused the build.
pub(super) fn record_build(meters: &Meters, took: Duration, what: &str) {
    meters.built(took);
    debug!(what, ms = took.as_secs_f64() * 1e3, "built a table");
}

/// Runs `work` on a blocking thread. A panic there is an internal error and ends nothing else.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(internal_error)
}

fn internal_error(failed: tokio::task::JoinError) -> Refusal {
    error!(why = %failed, "internal error: a change failed");
    Refusal::Internal
}
