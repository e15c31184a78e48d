//! The API as the server holds it: started, told of new files, stopped.

use std::sync::Arc;

use geoip::Database;
use gslb_core::table::Published;
use serde_json::Value;
use tokio::sync::{Semaphore, watch};

use crate::control::{self, Change, Control, Done, Edit, Refusal, StartError, Who};
use crate::document::Etag;
use crate::options::Options;
use crate::rest::places::Places;
use crate::rest::rate::Buckets;
use crate::rest::rendered::Rendered;
use crate::store::Store;

/// A running API. Clones are handles of the same one.
#[derive(Clone)]
pub struct Api {
    pub(crate) control: Control,
    pub(crate) options: Arc<Options>,
    pub(crate) buckets: Arc<Buckets>,
    pub(crate) streams: Arc<Semaphore>,
    /// Places for bodies that are whole documents.
    pub(crate) documents: Arc<Places>,
    pub(crate) rendered: Arc<Rendered>,
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
        let (control, published, origin) = control::start(store, databases, &options).await?;
        let revision = control.in_force().revision;
        let streams = Arc::new(Semaphore::new(options.limits.streams));
        let documents = Arc::new(Places::new(options.limits.documents));
        let buckets = Arc::new(Buckets::new(options.limits.requests_per_second, options.limits.burst));
        let (stopping, options) = (watch::Sender::new(false), Arc::new(options));
        Ok(Started {
            api: Self { control, options, buckets, streams, documents, rendered: Arc::default(), stopping },
            published,
            revision,
            origin,
        })
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

    /// Ends the streams of events, so that a graceful shutdown of the server comes to its end.
    pub fn stop(&self) {
        self.stopping.send_replace(true);
    }
}
