//! The API as the server uses it: start, reload, stop.

use std::sync::Arc;

use geoip::Database;
use gslb_core::budget::Budget;
use gslb_core::table::Published;
use tokio::sync::{mpsc, oneshot, watch};
use tracing::{error, warn};

use crate::change::{Active, Applied, Change, Condition, Edit, Refusal, Who};
use crate::control::{self, Control, Origin, RESTARTED, Resumption, Running, StartError, Unsaved, Unservable};
use crate::degraded::Concern;
use crate::document::Etag;
use crate::evidence::{self, Evidence};
use crate::health::{HealthEvent, Journal, Saver, StatusChanges};
use crate::latency::{Measured, rounds};
use crate::meters::{MeteredStore, Meters};
use crate::options::{Options, Source};
use crate::revisions;
use crate::store::Store;
use crate::store_watch::watch_store;
use crate::traffic::tail::Tail;
use crate::written::Written;

/// A running API. Clones are handles of the same one.
#[derive(Clone)]
pub struct Api {
    pub(crate) control: Control,
    pub(crate) journal: Arc<Journal>,
    pub(crate) measured: Arc<Measured>,
    pub(crate) options: Arc<Options>,
    pub(crate) meters: Arc<Meters>,
    /// True once it is stopping: streams end then.
    pub(crate) stopping: watch::Sender<bool>,
}

/// A started API and its first table.
pub struct Started {
    /// The API.
    pub api: Api,
    /// The active table. Only the API replaces it.
    pub published: Arc<Published>,
    /// Revision number of the document.
    pub revision: u64,
    /// Where the document came from.
    pub origin: Origin,
    /// Documents that were preferred but cannot be served, the most preferred first, and why. If not empty, an older document
    /// is served, and an operator should act.
    pub unservable: Vec<Unservable>,
    /// Why the watched file was refused, if it was.
    pub refused: Option<Refusal>,
}

/// The store while another process may have it. Dropping it leaves the store to nobody.
pub struct Released {
    store: Arc<dyn Store>,
    resume: oneshot::Sender<Resumption>,
}

impl Released {
    /// Takes the store back: waiting changes are made, on top of what the other process has committed.
    pub async fn reclaim(self) {
        if let Err(unavailable) = self.store.reclaim().await {
            error!(why = %unavailable, "the store cannot be opened again: nothing is saved until it can");
        }
        let _ = self.resume.send(Resumption::Reload);
    }

    /// Leaves the store to the other process: waiting and further changes are refused.
    pub fn give_up(self) {
        let _ = self.resume.send(Resumption::Refuse);
        self.store.give_up(RESTARTED);
    }
}

impl Api {
    /// Reads the current document from `store`, or stores the one in `options`, compiles it and starts the control task, the
    /// only publisher. Call it within a runtime.
    ///
    /// A document that was fine may no longer be servable, for example because a database no longer has a region. Then the
    /// latest servable revision is used: an older answer is better than none. A file that differs from the stored document is
    /// a change, which the safety rules may refuse: a restart does not bypass them.
    ///
    /// # Errors
    /// [`StartError`] if nothing can be served.
    pub async fn start(
        store: Arc<dyn Store>,
        databases: Vec<Arc<Database>>,
        mut options: Options,
    ) -> Result<Started, StartError> {
        let meters = Arc::new(Meters::default());
        if let Ok(revision) = store.revision().await {
            meters.store_is_at(revision.number());
        }
        let store: Arc<dyn Store> = Arc::new(MeteredStore::new(store, Arc::clone(&meters)));
        let watched = (Arc::clone(&store), Arc::clone(&options.degraded));
        let begun = control::start(Arc::clone(&store), databases, &options, &meters).await?;
        // It may be large and is no longer needed.
        let source = std::mem::replace(&mut options.source, Source::Store { first: None });
        let Running { control, journal, published, origin, unservable, orders } = begun;
        let book = orders.book(&control.active().table.topology().site);
        let measured = Arc::new(Measured::new(&options.node, book));
        let (stopping, options) = (watch::Sender::new(false), Arc::new(options));
        tokio::spawn(rounds(Arc::clone(&measured), control.clone(), Saver::new(store, orders), stopping.subscribe()));
        tokio::spawn(watch_store(watched.0, watched.1, stopping.subscribe()));
        let api = Self { control, journal, measured, options, meters, stopping };
        let refused = match source {
            Source::File { document: Some(document) } => api.replace_document(document).await.err(),
            Source::File { document: None } | Source::Store { .. } => None,
        };
        let revision = api.control.active().revision;
        Ok(Started { api, published, revision, origin, unservable, refused })
    }

    /// Activates `document`, the new content of the watched file. The safety rules apply. A document that is already active
    /// changes nothing.
    ///
    /// # Errors
    /// [`Refusal`]: the active state stays as it was.
    pub async fn replace_document(&self, document: impl Into<Written>) -> Result<Applied, Refusal> {
        let Written { document, text, commit } = document.into();
        let active = self.control.active();
        let is_same = active.document.is_equal(&document);
        let unchanged = || Applied { etag: Some(Etag::of_revision(active.revision)), ..Applied::unchanged(&active) };
        if is_same && self.has_text(active.revision, text.as_deref()).await {
            return Ok(unchanged());
        }
        let budget = Budget::of_file(document.text().len());
        let edit = Edit::Document { document, text, condition: Condition::Any };
        let change = Change { commit, budget, ..Change::new(Who::File, "file", edit) };
        let done = self.control.change(change).await;
        match done {
            // The document is active already. Its comments are stored on the next reload.
            Err(cause) if is_same => {
                warn!(why = %cause, "failed to store the text of the document with its comments; will retry on the next reload");
                Ok(unchanged())
            }
            done => done,
        }
    }

    /// Whether the store has this text of a revision. Also true if it is too long to store.
    async fn has_text(&self, revision: u64, text: Option<&str>) -> bool {
        let Some(text) = text.filter(|text| text.len() <= revisions::text::LONGEST) else { return true };
        let stored_text = revisions::text::read(&**self.control.store(), revision).await;
        stored_text.is_ok_and(|stored_text| stored_text.as_deref() == Some(text))
    }

    /// Recompiles the active document with new geo databases and publishes the table.
    ///
    /// # Errors
    /// [`Refusal`]: the active state stays as it was.
    pub async fn replace_databases(&self, databases: Vec<Arc<Database>>) -> Result<Applied, Refusal> {
        self.control.replace_databases(databases).await
    }

    /// Retries the latest revision in the store if an older one is active: it may be servable now.
    ///
    /// # Errors
    /// Why it cannot be served. The active state stays as it was.
    pub async fn retry_latest(&self) -> Result<(), StartError> {
        self.control.retry_latest().await
    }

    /// The queue for probe outcomes and other health events. It is bounded: a sender waits while it is full.
    pub fn health_events(&self) -> mpsc::Sender<HealthEvent> {
        self.control.health_events()
    }

    /// Follows the active state; the prober uses this to follow the document.
    pub fn follow(&self) -> watch::Receiver<Arc<Active>> {
        self.control.follow()
    }

    /// A snapshot of health evidence.
    ///
    /// # Errors
    /// [`Refusal::Internal`] if the control task has ended.
    pub async fn evidence(&self) -> Result<Evidence, Refusal> {
        evidence::evidence(&self.control).await
    }

    /// Name of this node, and of its vantage.
    pub fn node(&self) -> &str {
        self.measured.node()
    }

    /// Status transition counts since the start.
    pub fn status_changes(&self) -> StatusChanges {
        self.journal.changes()
    }

    /// Metrics of the control plane.
    pub fn meters(&self) -> &Meters {
        &self.meters
    }

    /// The active state.
    pub fn active(&self) -> Arc<Active> {
        self.control.active()
    }

    /// What is degraded now, and why.
    pub fn degraded(&self) -> Vec<(Concern, String)> {
        self.options.degraded.reasons(self.active().revision)
    }

    /// The overrides whose last change is not saved.
    pub fn unsaved(&self) -> Arc<Unsaved> {
        self.control.unsaved()
    }

    /// Running time of the current reload; zero if there is none.
    pub fn reload_time(&self) -> std::time::Duration {
        self.options.degraded.reload_time()
    }

    /// The stream of answers.
    pub fn tail(&self) -> Tail {
        self.options.tail.clone()
    }

    /// Saves everything and releases the store to another process. Queries are answered and endpoints are judged as
    /// before; changes wait until the lease is reclaimed or given up. Dropping the future before it is ready releases
    /// nothing.
    ///
    /// # Errors
    /// What cannot be saved, in a sentence: nothing is released then.
    pub async fn release_store(&self) -> Result<Released, String> {
        let resume = self.control.pause().await?;
        let store = Arc::clone(self.control.store());
        let released = Released { store, resume };
        if !self.journal.save_now().await {
            return Err("statuses of endpoints cannot be saved".to_owned());
        }
        released.store.release().await.map_err(|unavailable| unavailable.to_string())?;
        Ok(released)
    }

    /// Ends the streams of events and answers, so that a graceful shutdown can complete.
    pub fn stop(&self) {
        if let Some(unsaved) = self.unsaved().summary() {
            error!("stopping: {unsaved}");
        }
        self.stopping.send_replace(true);
    }
}
