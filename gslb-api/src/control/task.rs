//! The task itself: one change after the other, and verdicts at any time.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use geoip::Database;
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
use crate::overrides::{self, Deadlines, Override};
use crate::revisions::{self, Header, Kept};
use crate::safety;
use crate::store::{Commit, Expectation, Store, Time};
use crate::thaw;
use crate::traffic::sample::Sample;

/// How often times that pass by themselves are looked at.
const TICK: Duration = Duration::from_millis(100);
/// How often keys whose time has passed are removed.
const EXPIRY: Duration = Duration::from_millis(500);

/// How long a commit of a document is waited for.
const PATIENCE: Duration = Duration::from_secs(60);

/// What the task is asked for, one after the other.
pub(super) enum Job {
    Change(Box<Change>, oneshot::Sender<Result<Applied, Refusal>>),
    Databases(Vec<Arc<Database>>, oneshot::Sender<Result<Applied, Refusal>>),
    Latencies(Arc<Latencies>, oneshot::Sender<Result<Applied, Refusal>>),
    Latest(oneshot::Sender<Result<(), StartError>>),
    Note(Box<Change>, Resource, oneshot::Sender<()>),
}

/// A resource that something else has changed, for the audit.
#[derive(Debug, Default)]
pub(crate) struct Resource {
    /// What it was.
    pub(crate) before: Option<Value>,
    /// What it is.
    pub(crate) after: Option<Value>,
}

/// What the task owns.
pub(super) struct Task {
    pub(super) store: Arc<dyn Store>,
    pub(super) published: Arc<Published>,
    pub(super) active: watch::Sender<Arc<Active>>,
    pub(super) kept: Kept,
    /// The last entry of the audit.
    pub(super) audited: u64,
    /// True where nobody knows whether the last commit was done.
    pub(super) commit_outcome_unknown: bool,
    /// Changes that are in force and not in the store.
    pub(super) backlog: Backlog,
    /// What is told of them.
    pub(super) unsaved: watch::Sender<Arc<Unsaved>>,
    /// Where else that is told, and what is running.
    pub(super) degraded: Arc<Degraded>,
    /// When overrides end.
    pub(super) deadlines: Deadlines,
    pub(super) wall_clock: WallClock,
    /// When saving is tried again.
    pub(super) again: Instant,
    /// What the watched file was refused for last: the tag of its document, and the rules.
    pub(super) file_refused: Option<(Etag, Vec<Cow<'static, str>>)>,
    /// What is known of endpoints.
    pub(super) keeper: Keeper,
    /// Outcomes of probes, and what is asked about them.
    pub(super) words: mpsc::Receiver<HealthEvent>,
    /// Keeps the channel of words open.
    pub(super) _open: mpsc::Sender<HealthEvent>,
    /// Where what takes long is done.
    pub(super) run_blocking: Handle,
    /// What was answered lately.
    pub(super) sample: Sample,
    pub(super) meters: Arc<Meters>,
}

impl Task {
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut mailbox = Mailbox { ticks, words: Vec::with_capacity(MAX_EVENTS) };
        loop {
            match self.while_handling_events(&mut mailbox, timeout(EXPIRY, queue.recv())).await {
                Ok(Some(Job::Change(change, reply_tx))) => {
                    let _running = self.degraded.running(&*change.request);
                    let (before, change) = (self.base(), Arc::from(change));
                    let done = self.change(&mut mailbox, &change).await;
                    let _ = reply_tx.send(done);
                    self.drop_in_background(before);
                    // It may be a document of a hundred thousand services.
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
                    let _running = self.degraded.running("an order of latencies");
                    let before = self.base();
                    let databases = Arc::clone(&before.databases);
                    let done = self.compile(&mut mailbox, &before, databases, latencies).await;
                    let _ = reply_tx.send(done);
                    self.drop_in_background(before);
                }
                Ok(Some(Job::Latest(reply_tx))) => {
                    let before = self.base();
                    let taken = self.take_in(&mut mailbox).await;
                    let _ = reply_tx.send(taken.and_then(|not_served| not_served.map_or(Ok(()), Err)));
                    self.drop_in_background(before);
                }
                Ok(Some(Job::Note(change, resource, reply_tx))) => {
                    let mut entry = Entry::of(&change, 0, now());
                    let Resource { before, after } = resource;
                    (entry.revision, entry.before, entry.after) = (self.base().revision, before, after);
                    tell(&change, Some(entry.revision), None);
                    self.note(&mut mailbox, entry).await;
                    let _ = reply_tx.send(());
                }
                Ok(None) => return,
                Err(_) => {}
            }
            self.settle(&mut mailbox).await;
            self.expire(&mut mailbox).await;
        }
    }

    /// Awaits `work`, and puts verdicts in force meanwhile: they wait for no candidate and no disk. `work` has nothing of
    /// the task, so what it was begun with may be older than what is in force when it ends.
    pub(super) async fn while_handling_events<T>(&mut self, mailbox: &mut Mailbox, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            select! {
                done = &mut work => return done,
                _ = self.words.recv_many(&mut mailbox.words, MAX_EVENTS) => self.apply_event(&mut mailbox.words),
                _ = mailbox.ticks.tick() => self.tick(),
            }
        }
    }

    /// The same for `work` on a thread that may take its time. A panic there is a fault, and ends nothing else.
    pub(super) async fn run_blocking<T: Send + 'static>(
        &mut self,
        mailbox: &mut Mailbox,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let working = self.run_blocking.spawn_blocking(work);
        self.while_handling_events(mailbox, working).await.map_err(fault)
    }

    pub(super) fn base(&self) -> Arc<Active> {
        Arc::clone(&self.active.borrow())
    }

    async fn change(&mut self, mailbox: &mut Mailbox, change: &Arc<Change>) -> Result<Applied, Refusal> {
        let (now, began) = (now(), Instant::now());
        if !matches!(change.edit, Edit::Override { .. }) && !self.backlog.is_empty() {
            // The audit and what a restart finds have the order in which things were done.
            self.save(mailbox).await?;
        }
        let base = self.base();
        let mut prepared = {
            let (base, states, change) = (Arc::clone(&base), self.keeper.states(), Arc::clone(change));
            let sample = self.sample.clone();
            // Copied there, not here: no verdict is to wait for it.
            let work = move || {
                let scopes = change.who.scopes();
                let effort = Effort { depth: Depth::Rules, budget: change.budget };
                prepare(&base, &states, change.edit.clone(), now, effort, &sample, &scopes)
            };
            self.run_blocking(mailbox, work).await??
        };
        if prepared.is_new_document {
            built(&self.meters, began.elapsed(), &change.request);
        }
        if change.who == Who::File {
            // Who writes the file makes the rules; nobody else could loosen them there.
            prepared.done.breaks.retain(|broken| broken.rule != safety::LOOSENED);
        }
        if !prepared.done.breaks.is_empty() && change.override_rules.is_none() {
            if self.is_news(change, &prepared) {
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

    /// Commits a candidate, which was made of `base`, with its audit; then puts it in force.
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
            let document = Arc::clone(&next.document);
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
        if let Err(cause) = self.store(mailbox, audit::with(commit, &entry), PATIENCE).await {
            self.failed(&cause);
            return Err(cause.into());
        }
        self.audited += 1;
        self.kept = kept;
        done.generation = self.activate(base, next)?;
        tell(change, Some(done.revision), Some(done.generation));
        Ok(done)
    }

    /// The text of the document that `change` puts in force, to be stored; none where there is none, or the store has it.
    async fn text(
        &mut self,
        mailbox: &mut Mailbox,
        change: &Change,
        is_new_document: bool,
        active: u64,
    ) -> Result<Option<Arc<[u8]>>, Refusal> {
        let Some(text) = change.edit.text().cloned() else { return Ok(None) };
        // Only comments may differ from what is in force. What is restored says what is in force with its own.
        if !is_new_document && !matches!(change.edit, Edit::Document { .. }) {
            return Ok(None);
        }
        let packed = self.run_blocking(mailbox, move || revisions::text::pack(&text)).await?;
        let held = self.store.read(&revisions::text::key(active)).await?;
        Ok(packed.filter(|packed| is_new_document || held.is_none_or(|held| *held.value != **packed)))
    }

    /// Whether the refusal of `change` has not been noted yet: a file is tried again and again by itself.
    fn is_news(&mut self, change: &Change, candidate: &Candidate) -> bool {
        if change.who != Who::File {
            return true;
        }
        let rules = candidate.done.breaks.iter().map(|broken| broken.rule.clone()).collect();
        let refused = Some((Etag::of(&candidate.next.document), rules));
        let is_news = self.file_refused != refused;
        self.file_refused = refused;
        is_news
    }

    /// Notes in the audit that the safety rules refused a change.
    async fn note_refused(&mut self, mailbox: &mut Mailbox, change: &Change, candidate: &Candidate, now: Time) {
        let mut entry = Entry::of(change, 0, now);
        entry.outcome = Outcome::Refused;
        entry.revision = candidate.next.revision;
        entry.before = audit::abridged(candidate.before.clone());
        entry.after = audit::abridged(candidate.after.clone());
        entry.broke = candidate.done.breaks.iter().map(ToString::to_string).collect();
        self.note(mailbox, entry).await;
    }

    /// Compiles the document of `base`, which is in force, with these databases and latencies.
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
                let previous = Some((&*base.table, &states));
                let built = candidate::compiled(&base.document, &databases, &latencies, previous, &base.overrides);
                let (table, warnings) = built.map_err(Refusal::Invalid)?;
                Ok::<_, Refusal>((Active { databases, table: Arc::new(table), ..(*base).clone() }, warnings))
            }
        };
        let (next, warnings) = self.run_blocking(mailbox, work).await??;
        built(&self.meters, began.elapsed(), what);
        let done = Applied { warnings, ..Applied::unchanged(&next) };
        let generation = self.activate(base, next)?;
        Ok(Applied { generation, ..done })
    }

    /// Says when the wall clock has jumped.
    pub(super) fn look_at_the_clock(&mut self) {
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
            "the wall clock has jumped, or the machine was suspended: check its time service. Overrides keep the time that \
             they had left; frozen windows and the ends of tokens go by the wall clock"
        );
    }

    /// Ends overrides whose time has passed: at once in what is in force, and in the store together with an entry of the
    /// audit. What the store cannot do yet is tried again.
    async fn expire(&mut self, mailbox: &mut Mailbox) {
        let (now, at, base) = (now(), Instant::now(), self.base());
        if base.overrides.values().any(|held| self.deadlines.has_passed(held, now, at)) {
            let all = (*base.overrides).clone().into_iter();
            let (over, left): (BTreeMap<_, _>, BTreeMap<_, _>) =
                all.partition(|(_, held)| self.deadlines.has_passed(held, now, at));
            over.keys().for_each(|id| info!("override" = &**id, "an override has ended: its time has passed"));
            // A refusal has been told already. What has expired must not stay in force because a disk is full.
            let _ = self.activate(&base, Active { overrides: Arc::new(left), ..(*base).clone() });
            self.end_in_store(over.values(), base.revision, now);
        }
        if !self.backlog.is_empty() {
            self.save_when_due(mailbox).await;
        }
    }

    /// Has the end of overrides whose time has passed saved.
    pub(super) fn end_in_store<'o>(&mut self, over: impl Iterator<Item = &'o Override>, revision: u64, now: Time) {
        for held in over {
            self.backlog.add_override(&held.id, None, true, overrides::expired(held, revision, now));
        }
    }
}

/// What is heard while something else is done.
pub(super) struct Mailbox {
    ticks: Interval,
    /// Room for words that came together.
    words: Vec<HealthEvent>,
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

/// Tells the log of a change: what, who and why, and what came of it.
pub(super) fn tell(change: &Change, revision: Option<u64>, generation: Option<u64>) {
    let (request, who, from) = (&*change.request, change.who.name(), change.from.map(display));
    let id = if let Edit::Override { id, .. } = &change.edit { Some(&**id) } else { None };
    let reason = Some(&*change.message).filter(|message| !message.is_empty());
    info!(request, who, from, "override" = id, revision, generation, reason, "changed");
}

/// Notes that a table was built: read, compiled and compared where that was needed. `what` says what made it necessary.
pub(super) fn built(meters: &Meters, took: Duration, what: &str) {
    meters.built(took);
    debug!(what, ms = took.as_secs_f64() * 1e3, "a table was built");
}

/// Runs `work` on a thread that may take its time. A panic there is a fault, and ends nothing else.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(fault)
}

fn fault(failed: tokio::task::JoinError) -> Refusal {
    error!(why = %failed, "internal error: a change failed");
    Refusal::Internal
}
