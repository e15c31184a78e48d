//! The task, and the handle by which everyone else asks it.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use geoip::Database;
use gslb_core::table::Published;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::timeout;
use tracing::{error, warn};

use super::candidate::{self, Candidate, Depth, prepare};
use super::{Change, Done, Edit, InForce, Refusal, Who};
use crate::audit::{self, Entry, Outcome};
use crate::overrides;
use crate::revisions::{self, Header, Kept};
use crate::store::{Commit, Expectation, Store, Time};

/// Changes that wait for the task; who comes later waits for a place.
const QUEUE: usize = 128;
/// How long what is to be foreseen waits for its turn.
const PATIENCE: Duration = Duration::from_secs(30);
/// How often keys whose time has passed are removed.
const EXPIRY: Duration = Duration::from_millis(500);

/// What the task is asked for.
pub(super) enum Job {
    Change(Box<Change>, oneshot::Sender<Result<Done, Refusal>>),
    Databases(Vec<Arc<Database>>, oneshot::Sender<Result<Done, Refusal>>),
    Note(Box<Change>, Option<Value>, oneshot::Sender<()>),
}

/// Asks the control task, and knows what is in force. Clones ask the same one.
#[derive(Clone)]
pub struct Control {
    jobs: mpsc::Sender<Job>,
    in_force: watch::Receiver<Arc<InForce>>,
    store: Arc<dyn Store>,
    /// Changes that are foreseen at once: each takes a core and a table's worth of memory.
    foreseeing: Arc<Semaphore>,
    is_file: bool,
}

/// What the task owns.
pub(super) struct Task {
    pub(super) store: Arc<dyn Store>,
    pub(super) published: Arc<Published>,
    pub(super) in_force: watch::Sender<Arc<InForce>>,
    pub(super) kept: Kept,
    /// The last entry of the audit.
    pub(super) audited: u64,
}

impl Control {
    /// Starts `task`.
    pub(super) fn start(task: Task, is_file: bool) -> Self {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (in_force, store) = (task.in_force.subscribe(), Arc::clone(&task.store));
        tokio::spawn(task.run(queue));
        Self { jobs, in_force, store, foreseeing: Arc::new(Semaphore::new(1)), is_file }
    }

    /// What is in force now.
    pub fn in_force(&self) -> Arc<InForce> {
        Arc::clone(&self.in_force.borrow())
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// True where the document is a watched file.
    pub fn is_file(&self) -> bool {
        self.is_file
    }

    /// Does a change. Who stops awaiting does not stop it.
    ///
    /// # Errors
    /// [`Refusal`]: what was in force stays.
    pub async fn change(&self, change: Change) -> Result<Done, Refusal> {
        self.may_edit(&change)?;
        let (asker, answer) = oneshot::channel();
        self.jobs.send(Job::Change(Box::new(change), asker)).await.map_err(|_| Refusal::Fault)?;
        answer.await.unwrap_or(Err(Refusal::Fault))
    }

    /// Works out what a change would come to, and does not do it.
    ///
    /// # Errors
    /// [`Refusal`], as for [`change`](Self::change), but for broken safety rules, which are told in [`Done::breaks`].
    pub async fn foresee(&self, change: Change) -> Result<Done, Refusal> {
        self.may_edit(&change)?;
        self.plan(change).await
    }

    /// The same, also for a document that could not be changed here: a plan is for whoever will change the file.
    ///
    /// # Errors
    /// As for [`foresee`](Self::foresee).
    pub async fn plan(&self, change: Change) -> Result<Done, Refusal> {
        let place = self.place().await?;
        let base = self.in_force();
        let candidate = blocking(move || {
            let _place = place;
            prepare(&base, change.edit, now(), Depth::Moves)
        });
        Ok(candidate.await??.done)
    }

    /// The table of a document that may not be in force, and what is in force.
    ///
    /// # Errors
    /// [`Refusal::Wrong`] where it cannot be served with the databases of today.
    pub async fn table_of(&self, document: Value) -> Result<Arc<gslb_core::table::RoutingTable>, Refusal> {
        let place = self.place().await?;
        let base = self.in_force();
        let built = blocking(move || {
            let _place = place;
            candidate::compiled(&document, &base.databases, None, &base.overrides)
        });
        built.await?.map(|(table, _)| Arc::new(table)).map_err(Refusal::Wrong)
    }

    /// Waits until nothing else is foreseen. The work holds the place, not who waits for it: they may go, it stays.
    async fn place(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let place = timeout(PATIENCE, Arc::clone(&self.foreseeing).acquire_owned()).await;
        place.map_err(|_| Refusal::Busy)?.map_err(|_| Refusal::Fault)
    }

    /// Notes in the audit what was done without this task, and what the resource is since.
    pub(crate) async fn note(&self, change: Change, after: Option<Value>) {
        let (asker, answer) = oneshot::channel();
        if self.jobs.send(Job::Note(Box::new(change), after, asker)).await.is_ok() {
            let _ = answer.await;
        }
    }

    /// See [`Api::replace_databases`](crate::Api::replace_databases).
    pub(crate) async fn replace_databases(&self, databases: Vec<Arc<Database>>) -> Result<Done, Refusal> {
        let (asker, answer) = oneshot::channel();
        self.jobs.send(Job::Databases(databases, asker)).await.map_err(|_| Refusal::Fault)?;
        answer.await.unwrap_or(Err(Refusal::Fault))
    }

    /// Whether a change of this kind is possible at all.
    fn may_edit(&self, change: &Change) -> Result<(), Refusal> {
        let of_document = !matches!(change.edit, Edit::Override { .. });
        if self.is_file && of_document && change.who != Who::File { Err(Refusal::IsFile) } else { Ok(()) }
    }
}

impl Task {
    async fn run(mut self, mut queue: mpsc::Receiver<Job>) {
        loop {
            match timeout(EXPIRY, queue.recv()).await {
                Ok(Some(Job::Change(change, asker))) => {
                    let done = self.change(*change).await;
                    let _ = asker.send(done);
                }
                Ok(Some(Job::Databases(databases, asker))) => {
                    let done = self.databases(databases).await;
                    let _ = asker.send(done);
                }
                Ok(Some(Job::Note(change, after, asker))) => {
                    let mut entry = Entry::of(&change, self.audited + 1, now());
                    (entry.revision, entry.after) = (self.base().revision, after);
                    self.note(entry).await;
                    let _ = asker.send(());
                }
                Ok(None) => return,
                Err(_) => {}
            }
            self.expire().await;
            self.published.sweep();
        }
    }

    fn base(&self) -> Arc<InForce> {
        Arc::clone(&self.in_force.borrow())
    }

    async fn change(&mut self, change: Change) -> Result<Done, Refusal> {
        let (base, now, edit) = (self.base(), now(), change.edit.clone());
        let prepared = blocking(move || prepare(&base, edit, now, Depth::Rules)).await??;
        if !prepared.done.breaks.is_empty() && change.override_rules.is_none() {
            self.note_refused(&change, &prepared, now).await;
            return Err(Refusal::Unsafe(prepared.done.breaks));
        }
        self.commit(&change, prepared, now).await
    }

    /// Commits a candidate with its audit, then puts it in force.
    async fn commit(&mut self, change: &Change, candidate: Candidate, now: Time) -> Result<Done, Refusal> {
        let Candidate { mut next, is_new_document, before, after, mut done } = candidate;
        let mut entry = Entry::of(change, self.audited + 1, now);
        let mut kept = self.kept.clone();
        let mut commit = Commit::new();
        if is_new_document {
            next.revision = kept.latest() + 1;
            done.revision = next.revision;
            let header = header(change, next.revision, now);
            let packed = revisions::pack(header, &next.document);
            kept.add(next.revision, packed.len());
            let key = revisions::key(next.revision);
            commit = commit.expect(key.as_str(), Expectation::Absent).put(key, packed);
            commit = commit.put(revisions::CURRENT, revisions::pack_current(next.revision));
            commit = kept.forget().into_iter().fold(commit, Commit::delete);
        }
        if let Edit::Override { id, body, .. } = &change.edit {
            commit = overrides::write(commit, id, body.as_deref());
        }
        (entry.revision, entry.before, entry.after) = (next.revision, audit::told(before), audit::told(after));
        entry.broke = done.breaks.iter().map(ToString::to_string).collect();
        self.store.commit(with_audit(commit, &entry)).await?;
        self.audited += 1;
        self.kept = kept;
        self.put_in_force(next)?;
        Ok(done)
    }

    fn put_in_force(&self, next: InForce) -> Result<(), Refusal> {
        // The table is shared with what is in force, so the published one is a copy of its few pointers.
        self.published.publish((*next.table).clone()).map_err(|stale| {
            error!("not published: {stale}");
            Refusal::Fault
        })?;
        self.in_force.send_replace(Arc::new(next));
        Ok(())
    }

    /// Notes in the audit that the safety rules refused a change. Where the store cannot, the log has it.
    async fn note_refused(&mut self, change: &Change, candidate: &Candidate, now: Time) {
        let mut entry = Entry::of(change, self.audited + 1, now);
        entry.outcome = Outcome::Refused;
        entry.revision = candidate.next.revision;
        entry.before = audit::told(candidate.before.clone());
        entry.after = audit::told(candidate.after.clone());
        entry.broke = candidate.done.breaks.iter().map(ToString::to_string).collect();
        self.note(entry).await;
    }

    /// Keeps an entry of the audit that goes with no other commit.
    async fn note(&mut self, entry: Entry) {
        match self.store.commit(with_audit(Commit::new(), &entry)).await {
            Ok(_) => self.audited += 1,
            Err(cause) => warn!("{} by {}: {:?}; not in the audit: {cause}", entry.request, entry.who, entry.outcome),
        }
    }

    async fn databases(&mut self, databases: Vec<Arc<Database>>) -> Result<Done, Refusal> {
        let base = self.base();
        let databases: Arc<[Arc<Database>]> = databases.into();
        let next = blocking(move || {
            let built = candidate::compiled(&base.document, &databases, Some(&base.table), &base.overrides);
            let (table, warnings) = built.map_err(Refusal::Wrong)?;
            Ok::<_, Refusal>((InForce { databases, table: Arc::new(table), ..(*base).clone() }, warnings))
        });
        let (next, warnings) = next.await??;
        let done = Done { warnings, ..Done::unchanged(&next) };
        self.put_in_force(next)?;
        Ok(done)
    }

    /// Removes what has expired from the store, and with it the overrides from what is in force.
    async fn expire(&mut self) {
        let now = now();
        let base = self.base();
        if !base.overrides.values().any(|held| overrides::is_expired(held, now)) {
            return;
        }
        if let Err(cause) = self.store.expire(now).await {
            // What has expired must not stay in force because a disk is full.
            warn!("expired overrides end, but stay in the store: {cause}");
        }
        let mut left = (*base.overrides).clone();
        left.retain(|_, held| !overrides::is_expired(held, now));
        let next = blocking(move || {
            let table = Arc::new(overrides::in_force(&base.table, &left));
            InForce { overrides: Arc::new(left), table, ..(*base).clone() }
        });
        if let Ok(next) = next.await {
            // A refusal has been told already.
            let _ = self.put_in_force(next);
        }
    }
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
        octets: 0,
    }
}

/// `commit` that also keeps `entry`, and no more entries than are kept.
pub(super) fn with_audit(commit: Commit, entry: &Entry) -> Commit {
    let commit = commit.put(entry.key(), entry.pack());
    match entry.number.checked_sub(audit::MAX_ENTRIES) {
        Some(oldest) if oldest > 0 => commit.delete(audit::key(oldest)),
        _ => commit,
    }
}

/// The time of the wall clock.
pub(crate) fn now() -> Time {
    SystemTime::now().into()
}

/// Runs `work` on a thread that may take its time. A panic there is a fault, and ends nothing else.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Refusal> {
    tokio::task::spawn_blocking(work).await.map_err(|failed| {
        error!("a change failed by a fault in the program: {failed}");
        Refusal::Fault
    })
}
