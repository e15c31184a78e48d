//! The API as the server holds it: started, told of new files, stopped.

use std::sync::Arc;

use geoip::Database;
use gslb_core::table::Published;
use serde_json::Value;
use tokio::sync::{Semaphore, mpsc, watch};

use crate::control::{self, Change, Control, Done, Edit, InForce, Refusal, StartError, Who};
use crate::document::Etag;
use crate::health::{Journal, Measured, StatusChanges, Word, rounds};
use crate::options::Options;
use crate::rest::rate::Buckets;
use crate::store::Store;

/// A running API. Clones are handles of the same one.
#[derive(Clone)]
pub struct Api {
    pub(crate) control: Control,
    pub(crate) journal: Arc<Journal>,
    pub(crate) measured: Arc<Measured>,
    pub(crate) options: Arc<Options>,
    pub(crate) buckets: Arc<Buckets>,
    pub(crate) streams: Arc<Semaphore>,
    /// Places for bodies that are whole documents.
    pub(crate) documents: Arc<Semaphore>,
    /// True once it is stopping: streams end then.
    pub(crate) stopping: watch::Sender<bool>,
}

/// Where the document in force at the start came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The store was empty and has taken what was given.
    Given,
    /// The store had it, and what was given was not looked at.
    Stored,
    /// The watched file has it.
    File,
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
}

impl Api {
    /// Reads the document in force from `store`, or takes the one of `options` into it, compiles it and starts the
    /// task that is the only publisher. To be called within a runtime, which runs that task.
    ///
    /// # Errors
    /// [`StartError`]: nothing could be served then.
    pub async fn start(
        store: Arc<dyn Store>,
        databases: Vec<Arc<Database>>,
        options: Options,
    ) -> Result<Started, StartError> {
        let (control, journal, published, origin) = control::start(store, databases, &options).await?;
        let measured = Arc::new(Measured::new(&options.node));
        let revision = control.in_force().revision;
        let streams = Arc::new(Semaphore::new(options.limits.streams));
        let documents = Arc::new(Semaphore::new(options.limits.documents));
        let buckets = Arc::new(Buckets::new(options.limits.requests_per_second, options.limits.burst));
        let (stopping, options) = (watch::Sender::new(false), Arc::new(options));
        tokio::spawn(rounds(Arc::clone(&measured), control.clone(), stopping.subscribe()));
        let api = Self { control, journal, measured, options, buckets, streams, documents, stopping };
        Ok(Started { api, published, revision, origin })
    }

    /// Puts `document` in force, which the watched file has now. The safety rules hold for it too. A document that is
    /// in force already changes nothing.
    ///
    /// # Errors
    /// [`Refusal`]: what was in force stays.
    pub async fn replace_document(&self, document: Value) -> Result<Done, Refusal> {
        let in_force = self.control.in_force();
        if *in_force.document == document {
            let etag = Some(Etag::of_revision(in_force.revision));
            return Ok(Done { etag, ..Done::unchanged(&in_force) });
        }
        self.control.change(Change::new(Who::File, "file", Edit::document(document))).await
    }

    /// Compiles the document in force with other geo databases, and publishes what comes of it.
    ///
    /// # Errors
    /// [`Refusal`]: what was in force stays.
    pub async fn replace_databases(&self, databases: Vec<Arc<Database>>) -> Result<Done, Refusal> {
        self.control.replace_databases(databases).await
    }

    /// Where outcomes of probes go: the table follows at once. It is bounded, so who sends into it waits for a place.
    pub fn words(&self) -> mpsc::Sender<Word> {
        self.control.words()
    }

    /// What is in force, whenever it is something else; probes follow the document with it.
    pub fn follow(&self) -> watch::Receiver<Arc<InForce>> {
        self.control.follow()
    }

    /// How often statuses have turned since the start.
    pub fn status_changes(&self) -> StatusChanges {
        self.journal.changes()
    }

    /// Ends the streams of events, so that a graceful shutdown of the server comes to its end.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }
}
