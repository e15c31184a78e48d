//! The handle by which everyone asks the control task.

use std::sync::Arc;
use std::time::Duration;

use geoip::Database;
use gslb_core::latency::Latencies;
use gslb_core::table::RoutingTable;
use serde_json::Value;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::timeout;

use super::StartError;
use super::backlog::Unsaved;
use super::candidate::{self, Depth, Effort, prepare};
use super::task::{Job, Resource, Task, blocking};
use crate::auth::Scopes;
use crate::change::{Active, Applied, Change, Edit, Refusal, Who};
use crate::clock::now;
use crate::health::{HealthEvent, Keeper};
use crate::store::Store;
use crate::traffic::sample::Sample;

/// Changes that wait for the task; who comes later waits for a place.
const QUEUE: usize = 128;
/// How long what is to be foreseen waits for its turn.
const PATIENCE: Duration = Duration::from_secs(30);

/// Asks the control task, and knows what is in force. Clones ask the same one.
#[derive(Clone)]
pub struct Control {
    jobs: mpsc::Sender<Job>,
    words: mpsc::Sender<HealthEvent>,
    active: watch::Receiver<Arc<Active>>,
    unsaved: watch::Receiver<Arc<Unsaved>>,
    store: Arc<dyn Store>,
    /// Changes that are foreseen at once: each takes a core and a table's worth of memory.
    dry_runs: Arc<Semaphore>,
    sample: Sample,
    is_file: bool,
}

impl Control {
    /// Starts `task`, on a thread of its own: nothing that a request needs may keep a verdict waiting. The runtime within
    /// which this is called does what takes long.
    ///
    /// # Errors
    /// [`StartError::Thread`].
    pub(super) fn start(task: Task, words: mpsc::Sender<HealthEvent>, is_file: bool) -> Result<Self, StartError> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let unsaved = task.unsaved.subscribe();
        let (active, store, sample) = (task.active.subscribe(), Arc::clone(&task.store), task.sample.clone());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(StartError::Thread)?;
        let run = move || runtime.block_on(task.run(queue));
        std::thread::Builder::new().name("publisher".to_owned()).spawn(run).map_err(StartError::Thread)?;
        Ok(Self { jobs, words, active, unsaved, store, dry_runs: Arc::new(Semaphore::new(1)), sample, is_file })
    }

    /// What is in force now.
    pub fn active(&self) -> Arc<Active> {
        Arc::clone(&self.active.borrow())
    }

    /// The overrides whose last change is not saved.
    pub fn unsaved(&self) -> Arc<Unsaved> {
        Arc::clone(&self.unsaved.borrow())
    }

    /// What is in force, whenever it is something else.
    pub fn follow(&self) -> watch::Receiver<Arc<Active>> {
        self.active.clone()
    }

    /// Where outcomes of probes go. It is bounded: who sends into it waits for a place.
    pub fn health_events(&self) -> mpsc::Sender<HealthEvent> {
        self.words.clone()
    }

    /// What `look` finds in what is known of endpoints, together with the table that it led to. Called by the task that
    /// publishes, so it must be quick.
    ///
    /// # Errors
    /// [`Refusal::Internal`] where the task has ended.
    pub async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Keeper, &Arc<Active>) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let (reply_tx, answer) = oneshot::channel();
        let look = Box::new(move |keeper: &Keeper, active: &Arc<Active>| {
            let _ = reply_tx.send(look(keeper, active));
        });
        self.words.send(HealthEvent::Look(look)).await.map_err(|_| Refusal::Internal)?;
        answer.await.map_err(|_| Refusal::Internal)
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// What was answered lately.
    pub(crate) fn sample(&self) -> &Sample {
        &self.sample
    }

    /// True where the document is a watched file.
    pub fn is_file(&self) -> bool {
        self.is_file
    }

    /// Does a change. Who stops awaiting does not stop it.
    ///
    /// # Errors
    /// [`Refusal`]: what was in force stays.
    pub async fn change(&self, change: Change) -> Result<Applied, Refusal> {
        self.may_edit(&change)?;
        let (reply_tx, answer) = oneshot::channel();
        self.jobs.send(Job::Change(Box::new(change), reply_tx)).await.map_err(|_| Refusal::Internal)?;
        answer.await.unwrap_or(Err(Refusal::Internal))
    }

    /// Waits until nothing else is foreseen, which takes a core and a table's worth of memory. The work holds the place,
    /// not who waits for it: they may go, it stays.
    ///
    /// # Errors
    /// [`Refusal::Busy`], and [`Refusal::Internal`] where nothing is done any more.
    pub(crate) async fn acquire_dry_run_permit(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let place = timeout(PATIENCE, Arc::clone(&self.dry_runs).acquire_owned()).await;
        place.map_err(|_| Refusal::Busy)?.map_err(|_| Refusal::Internal)
    }

    /// Works out what a change would come to, and does not do it.
    ///
    /// # Errors
    /// [`Refusal`], as for [`change`](Self::change), but for broken safety rules, which are told in [`Applied::breaks`].
    pub async fn dry_run(&self, change: Change) -> Result<Applied, Refusal> {
        self.may_edit(&change)?;
        let scopes = change.who.scopes();
        self.work_out(change, scopes).await
    }

    /// The same, also for a document that could not be changed here: a plan is for whoever will change the file.
    ///
    /// # Errors
    /// As for [`dry_run`](Self::foresee).
    pub async fn plan(&self, change: Change) -> Result<Applied, Refusal> {
        self.work_out(change, Scopes::default()).await
    }

    /// Works out what a change comes to that stays within `scopes`.
    async fn work_out(&self, change: Change, scopes: Scopes) -> Result<Applied, Refusal> {
        let place = self.acquire_dry_run_permit().await?;
        let (base, states) = self.look(|keeper, base| (Arc::clone(base), keeper.states())).await?;
        let sample = self.sample.clone();
        let candidate = blocking(move || {
            let _place = place;
            let effort = Effort { depth: Depth::Moves, budget: change.budget };
            prepare(&base, &states, change.edit, now(), effort, &sample, &scopes)
        });
        Ok(candidate.await??.done)
    }

    /// The table of a document that may not be in force, and what is in force.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] where it cannot be served with the databases of today.
    pub async fn table_of(&self, document: Value) -> Result<Arc<RoutingTable>, Refusal> {
        let place = self.acquire_dry_run_permit().await?;
        let base = self.active();
        let built = blocking(move || {
            let _place = place;
            let latencies = &base.table.topology().latencies;
            candidate::compiled(&document, &base.databases, latencies, None, &base.overrides)
        });
        let built = built.await?;
        built.map(|(table, _)| Arc::new(table)).map_err(Refusal::Invalid)
    }

    /// Notes in the audit what was done without this task.
    pub(crate) async fn note(&self, change: Change, resource: Resource) {
        let (reply_tx, answer) = oneshot::channel();
        if self.jobs.send(Job::Note(Box::new(change), resource, reply_tx)).await.is_ok() {
            let _ = answer.await;
        }
    }

    /// See [`Api::replace_databases`](crate::Api::replace_databases).
    pub(crate) async fn replace_databases(&self, databases: Vec<Arc<Database>>) -> Result<Applied, Refusal> {
        let (reply_tx, answer) = oneshot::channel();
        self.jobs.send(Job::Databases(databases, reply_tx)).await.map_err(|_| Refusal::Internal)?;
        answer.await.unwrap_or(Err(Refusal::Internal))
    }

    /// See [`Api::retry_latest`](crate::Api::retry_latest).
    pub(crate) async fn retry_latest(&self) -> Result<(), StartError> {
        let (reply_tx, answer) = oneshot::channel();
        self.jobs.send(Job::Latest(reply_tx)).await.map_err(|_| StartError::Internal)?;
        answer.await.unwrap_or(Err(StartError::Internal))
    }

    /// Compiles what is in force with other latencies, and publishes what comes of it.
    ///
    /// # Errors
    /// [`Refusal`]: what was in force stays.
    pub(crate) async fn replace_latencies(&self, latencies: Arc<Latencies>) -> Result<Applied, Refusal> {
        let (reply_tx, answer) = oneshot::channel();
        self.jobs.send(Job::Latencies(latencies, reply_tx)).await.map_err(|_| Refusal::Internal)?;
        answer.await.unwrap_or(Err(Refusal::Internal))
    }

    /// Whether a change of this kind is possible at all.
    fn may_edit(&self, change: &Change) -> Result<(), Refusal> {
        let of_document = !matches!(change.edit, Edit::Override { .. } | Edit::Thaw(_));
        if self.is_file && of_document && change.who != Who::File { Err(Refusal::IsFile) } else { Ok(()) }
    }
}
