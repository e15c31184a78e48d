//! The handle to the control task.

use std::sync::Arc;
use std::time::Duration;

use geoip::Database;
use gslb_core::budget::Budget;
use gslb_core::latency::Latencies;
use gslb_core::live::overrides;
use gslb_core::live::states::initial_states;
use gslb_core::table::RoutingTable;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot, watch};
use tokio::time::timeout;

use super::StartError;
use super::backlog::Unsaved;
use super::candidate::{self, Depth, Effort, prepare};
use super::task::{Job, Resource, Resumption, Shared, Task, blocking};
use crate::auth::Scopes;
use crate::change::{Active, Applied, Change, Edit, Refusal, Who};
use crate::clock::now;
use crate::document::Document;
use crate::health::{HealthEvent, Keeper};
use crate::store::Store;
use crate::traffic::sample::Sample;

/// Capacity of the change queue. A sender waits while it is full.
const QUEUE: usize = 128;
/// How long a dry run waits for others.
const DRY_RUN_TIMEOUT: Duration = Duration::from_secs(30);

/// A handle to the control task, with read access to the active state. Clones share the task.
#[derive(Clone)]
pub struct Control {
    jobs: mpsc::Sender<Job>,
    shared: Shared,
    /// Limits concurrent dry runs: each takes a core and a table's worth of memory.
    dry_runs: Arc<Semaphore>,
    is_file: bool,
}

impl Control {
    /// Starts `task` on its own thread, so that no request delays a verdict. Blocking work runs on the runtime of the
    /// caller.
    ///
    /// # Errors
    /// [`StartError::Thread`].
    pub(super) fn start(task: Task, shared: Shared, is_file: bool) -> Result<Self, StartError> {
        let (jobs, queue) = mpsc::channel(QUEUE);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(StartError::Thread)?;
        let run = move || runtime.block_on(task.run(queue));
        std::thread::Builder::new().name("publisher".to_owned()).spawn(run).map_err(StartError::Thread)?;
        Ok(Self { jobs, shared, dry_runs: Arc::new(Semaphore::new(1)), is_file })
    }

    /// The active state.
    pub fn active(&self) -> Arc<Active> {
        Arc::clone(&self.shared.active.borrow())
    }

    /// The overrides whose last change is not saved.
    pub fn unsaved(&self) -> Arc<Unsaved> {
        Arc::clone(&self.shared.unsaved.borrow())
    }

    /// Follows the active state.
    pub fn follow(&self) -> watch::Receiver<Arc<Active>> {
        self.shared.active.clone()
    }

    /// The queue for probe outcomes and other health events. It is bounded: a sender waits while it is full.
    pub fn health_events(&self) -> mpsc::Sender<HealthEvent> {
        self.shared.health_events.clone()
    }

    /// Runs `look` on endpoint health and the matching active state. It runs on the publisher task, so it must be
    /// quick.
    ///
    /// # Errors
    /// [`Refusal::Internal`] if the task has ended.
    pub async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Keeper, &Arc<Active>) -> T + Send + 'static,
    ) -> Result<T, Refusal> {
        let (reply_tx, answer) = oneshot::channel();
        let look = Box::new(move |keeper: &Keeper, active: &Arc<Active>| {
            let _ = reply_tx.send(look(keeper, active));
        });
        self.shared.health_events.send(HealthEvent::Look(look)).await.map_err(|_| Refusal::Internal)?;
        answer.await.map_err(|_| Refusal::Internal)
    }

    /// The store.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.shared.store
    }

    /// The sample of recent answers.
    pub(crate) fn sample(&self) -> &Sample {
        &self.shared.sample
    }

    /// True if the document comes from a watched file.
    pub fn is_file(&self) -> bool {
        self.is_file
    }

    /// Applies a change. Dropping the future does not cancel it.
    ///
    /// # Errors
    /// [`Refusal`]: the active state stays as it was.
    pub async fn change(&self, change: Change) -> Result<Applied, Refusal> {
        self.check_editable(&change)?;
        let (reply_tx, answer) = oneshot::channel();
        self.jobs.send(Job::Change(Box::new(change), reply_tx)).await.map_err(|_| Refusal::Internal)?;
        answer.await.unwrap_or(Err(Refusal::Internal))
    }

    /// Waits until no other dry run is at work. The work itself must keep the permit: it goes on even if its caller
    /// stops waiting.
    ///
    /// # Errors
    /// [`Refusal::Busy`], and [`Refusal::Internal`] if the task has ended.
    pub(crate) async fn acquire_dry_run_permit(&self) -> Result<OwnedSemaphorePermit, Refusal> {
        let permit = timeout(DRY_RUN_TIMEOUT, Arc::clone(&self.dry_runs).acquire_owned()).await;
        permit.map_err(|_| Refusal::Busy)?.map_err(|_| Refusal::Internal)
    }

    /// Computes the effect of a change without applying it.
    ///
    /// # Errors
    /// [`Refusal`], as for [`change`](Self::change), except for broken safety rules: those are in [`Applied::breaks`].
    pub async fn dry_run(&self, change: Change) -> Result<Applied, Refusal> {
        self.check_editable(&change)?;
        let scopes = change.who.scopes();
        self.compute(change, scopes).await
    }

    /// Like [`dry_run`](Self::dry_run), but also works if the document comes from a file: the plan is for the author of
    /// the file.
    ///
    /// # Errors
    /// As for [`dry_run`](Self::dry_run).
    pub async fn plan(&self, change: Change) -> Result<Applied, Refusal> {
        self.compute(change, Scopes::default()).await
    }

    /// Computes the effect of a change that must stay within `scopes`.
    async fn compute(&self, change: Change, scopes: Scopes) -> Result<Applied, Refusal> {
        let permit = self.acquire_dry_run_permit().await?;
        let (base, states) = self.look(|keeper, base| (Arc::clone(base), keeper.states())).await?;
        let sample = self.shared.sample.clone();
        let candidate = blocking(move || {
            let _permit = permit;
            let effort = Effort { depth: Depth::Moves, budget: change.budget };
            prepare(&base, &states, change.edit, now(), effort, &sample, &scopes)
        });
        Ok(candidate.await??.done)
    }

    /// Compiles a document, which need not be the active one, with the active databases and overrides.
    ///
    /// # Errors
    /// [`Refusal::Invalid`] if it cannot be served with the current databases.
    pub async fn table_of(&self, document: Document) -> Result<Arc<RoutingTable>, Refusal> {
        let permit = self.acquire_dry_run_permit().await?;
        let base = self.active();
        let built = blocking(move || {
            let _permit = permit;
            let (budget, latencies) = (&mut { Budget::UNLIMITED }, &base.table.topology().latencies);
            let (topology, _) = candidate::topology_within(budget, &document, &base.databases, latencies, None)?;
            let states = overrides::apply(base.overrides.values(), &topology.site, &initial_states(&topology.site));
            Ok(Arc::new(RoutingTable::new(topology, &states)))
        });
        built.await?.map_err(Refusal::Invalid)
    }

    /// Lets the running change finish and saves everything; then no change is made until the sender says how to go on.
    /// Changes wait.
    ///
    /// # Errors
    /// What cannot be saved: the task is not paused then.
    pub(crate) async fn pause(&self) -> Result<oneshot::Sender<Resumption>, String> {
        let ended = || Refusal::Internal.to_string();
        let ((reply_tx, answer), (resume, resumed)) = (oneshot::channel(), oneshot::channel());
        self.jobs.send(Job::Pause(reply_tx, resumed)).await.map_err(|_| ended())?;
        answer.await.unwrap_or_else(|_| Err(ended()))?;
        Ok(resume)
    }

    /// Adds an audit entry for something that was done outside this task.
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

    /// Recompiles the active document with new latencies and publishes the table.
    ///
    /// # Errors
    /// [`Refusal`]: the active state stays as it was.
    pub(crate) async fn replace_latencies(&self, latencies: Arc<Latencies>) -> Result<Applied, Refusal> {
        let (reply_tx, answer) = oneshot::channel();
        self.jobs.send(Job::Latencies(latencies, reply_tx)).await.map_err(|_| Refusal::Internal)?;
        answer.await.unwrap_or(Err(Refusal::Internal))
    }

    /// Refuses changes of a document that comes from a watched file.
    fn check_editable(&self, change: &Change) -> Result<(), Refusal> {
        let is_document = !matches!(change.edit, Edit::Override { .. } | Edit::Thaw(_));
        if self.is_file && is_document && change.who != Who::File { Err(Refusal::IsFile) } else { Ok(()) }
    }
}
