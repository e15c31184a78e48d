//! The API as the server holds it: started, told of new files, stopped.

use std::sync::Arc;

use geoip::Database;
use gslb_core::table::Published;
use tokio::sync::{mpsc, watch};
use tracing::{error, warn};

use crate::change::{Active, Applied, Change, Condition, Edit, Refusal, Who};
use crate::control::{self, Control, Origin, Running, StartError, Unsaved, Unservable};
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

/// An API that has started, and what it answers from.
pub struct Started {
    /// The API.
    pub api: Api,
    /// The table in force, which the API alone replaces.
    pub published: Arc<Published>,
    /// The number of the document's revision.
    pub revision: u64,
    /// Where the document came from.
    pub origin: Origin,
    /// Documents that should be in force rather than this one, the first of all first, and why they cannot be served.
    /// Not empty means that something older is served, which somebody should look after.
    pub unservable: Vec<Unservable>,
    /// Why the watched file is not in force, where it was refused.
    pub refused: Option<Refusal>,
}

impl Api {
    /// Reads the document in force from `store`, or takes the one of `options` into it, compiles it and starts the
    /// task that is the only publisher. To be called within a runtime, which runs that task.
    ///
    /// A document that could be served once may be beyond it now, as where a database does not know a region any more.
    /// Then the latest revision that can be served is: an older answer is better than none. A file that differs from what
    /// was in force is a change, which the safety rules may refuse; a restart is no way round them.
    ///
    /// # Errors
    /// [`StartError`]: nothing could be served then.
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
        // It may be long, and nobody needs it any more.
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

    /// Puts `document` in force, which the watched file has now. The safety rules hold for it too. A document that is
    /// in force already changes nothing.
    ///
    /// # Errors
    /// [`Refusal`]: what was in force stays.
    pub async fn replace_document(&self, document: impl Into<Written>) -> Result<Applied, Refusal> {
        let Written { document, text, commit } = document.into();
        let active = self.control.active();
        let is_same = *active.document == document;
        let unchanged = || Applied { etag: Some(Etag::of_revision(active.revision)), ..Applied::unchanged(&active) };
        if is_same && self.has_text(active.revision, text.as_deref()).await {
            return Ok(unchanged());
        }
        let edit = Edit::Document { document: document.into(), text, condition: Condition::Any };
        let done = self.control.change(Change { commit, ..Change::new(Who::File, "file", edit) }).await;
        match done {
            // What it says is in force. Its comments are stored at the next reading.
            Err(cause) if is_same => {
                warn!(why = %cause, "the text of the document, with its comments, cannot be stored for now");
                Ok(unchanged())
            }
            done => done,
        }
    }

    /// Whether the store has this text of a revision. What cannot be stored or read is no reason to write it again.
    async fn has_text(&self, revision: u64, text: Option<&str>) -> bool {
        let Some(text) = text.filter(|text| text.len() <= revisions::text::LONGEST) else { return true };
        let held = revisions::text::read(&**self.control.store(), revision).await;
        held.is_ok_and(|held| held.as_deref() == Some(text))
    }

    /// Compiles the document in force with other geo databases, and publishes what comes of it.
    ///
    /// # Errors
    /// [`Refusal`]: what was in force stays.
    pub async fn replace_databases(&self, databases: Vec<Arc<Database>>) -> Result<Applied, Refusal> {
        self.control.replace_databases(databases).await
    }

    /// Puts the latest revision in the store in force, where an older one is: it may be possible to serve it by now.
    ///
    /// # Errors
    /// Why it cannot be served: what was in force stays.
    pub async fn retry_latest(&self) -> Result<(), StartError> {
        self.control.retry_latest().await
    }

    /// Where outcomes of probes go: the table follows at once. It is bounded, so who sends into it waits for a place.
    pub fn health_events(&self) -> mpsc::Sender<HealthEvent> {
        self.control.health_events()
    }

    /// What is in force, whenever it is something else; probes follow the document with it.
    pub fn follow(&self) -> watch::Receiver<Arc<Active>> {
        self.control.follow()
    }

    /// What health rests on now.
    ///
    /// # Errors
    /// [`Refusal::Internal`] where nothing is published any more.
    pub async fn evidence(&self) -> Result<Evidence, Refusal> {
        evidence::evidence(&self.control).await
    }

    /// What this node is called, which is the name of its vantage.
    pub fn node(&self) -> &str {
        self.measured.node()
    }

    /// How often statuses have turned since the start.
    pub fn status_changes(&self) -> StatusChanges {
        self.journal.changes()
    }

    /// What is measured of the control side.
    pub fn meters(&self) -> &Meters {
        &self.meters
    }

    /// What is in force now.
    pub fn active(&self) -> Arc<Active> {
        self.control.active()
    }

    /// What the server does without now.
    pub fn degraded(&self) -> Vec<(Concern, String)> {
        self.options.degraded.reasons(self.active().revision)
    }

    /// The overrides whose last change is not saved.
    pub fn unsaved(&self) -> Arc<Unsaved> {
        self.control.unsaved()
    }

    /// For how long a reload has been under way; zero where none is.
    pub fn reload_time(&self) -> std::time::Duration {
        self.options.degraded.reload_time()
    }

    /// Those who watch answers, whom whoever answers tells of them.
    pub fn tail(&self) -> Tail {
        self.options.tail.clone()
    }

    /// Ends the streams of events and answers, so that a graceful shutdown of the server comes to its end.
    pub fn stop(&self) {
        if let Some(told) = self.unsaved().summary() {
            error!("stopping: {told}");
        }
        self.stopping.send_replace(true);
    }
}
