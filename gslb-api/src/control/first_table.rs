//! The first table: from the wanted document, or else from the latest revision that can still be served.

use std::sync::Arc;

use geoip::Database;
use gslb_core::budget::Budget;
use gslb_core::latency::Latencies;
use gslb_core::table::Topology;
use tracing::error;

use super::candidate::topology_within;
use super::{StartError, task};
use crate::document::Document;
use crate::revisions::{self, Kept};
use crate::store::Store;

/// Inputs for compiling a document.
#[derive(Debug, Clone, Copy)]
pub(super) struct CompileInputs<'a> {
    /// All geo databases.
    pub(super) databases: &'a Arc<[Arc<Database>]>,
    /// The latency orders accepted earlier.
    pub(super) latencies: &'a Arc<Latencies>,
}

/// A document that can be served.
pub(super) struct Servable {
    /// Its revision; `None` if it is not in the store yet.
    pub(super) revision: Option<u64>,
    pub(super) document: Document,
    pub(super) topology: Topology,
}

/// A document that was wanted but cannot be served.
#[derive(Debug)]
pub struct Unservable {
    /// Its revision; `None` if it came from a file or the options.
    pub revision: Option<u64>,
    /// The reason.
    pub why: StartError,
}

/// The document of `wanted`, or else of the latest revision before it that can be served, and all that were passed over
/// for it, the first that was tried first. Each of them is logged.
///
/// # Errors
/// Why the wanted document cannot be served, if no other can be.
pub(super) async fn choose(
    wanted: Result<(Option<u64>, Document), Unservable>,
    inputs: CompileInputs<'_>,
    kept: &Kept,
    store: &dyn Store,
) -> Result<(Servable, Vec<Unservable>), StartError> {
    let newest = match &wanted {
        // The key that names the current revision is damaged: any revision may be the latest.
        Err(Unservable { why: StartError::Missing(_), .. }) => u64::MAX,
        Ok((revision, _)) | Err(Unservable { revision, .. }) => revision.unwrap_or(u64::MAX),
    };
    let mut tried = Vec::new();
    let mut candidate = wanted;
    let mut earlier = kept.before(newest);
    loop {
        let outcome = match candidate {
            Ok((revision, document)) => {
                // A stored revision was active before, so it may take any memory.
                let budget = revision.map_or_else(|| Budget::of_file(document.text().len()), |_| Budget::UNLIMITED);
                let result = serve(document, inputs, budget).await;
                result.map_err(|why| Unservable { revision, why }).map(|it| (revision, it))
            }
            Err(unservable) => Err(unservable),
        };
        match outcome {
            Ok((revision, (document, topology))) => return Ok((Servable { revision, document, topology }, tried)),
            Err(unservable) => tried.push(unservable),
        }
        let Some(number) = earlier.next() else { break };
        if let Some(Unservable { revision, why }) = tried.last() {
            let which = revision.map_or_else(|| "the document".to_owned(), |number| format!("revision {number}"));
            error!(why = %why, "{which} cannot be served; trying revision {number}");
        }
        candidate = stored(store, number).await.map(|document| (Some(number), document));
    }
    // Report the wanted document; errors of the earlier revisions would not help.
    Err(tried.into_iter().next().map_or(StartError::Internal, |first| first.why))
}

/// Reads the document of revision `number`.
pub(super) async fn stored(store: &dyn Store, number: u64) -> Result<Document, Unservable> {
    let unservable = |why| Unservable { revision: Some(number), why };
    let read = revisions::read(store, number).await.map_err(|error| unservable(error.into()))?;
    read.map(|(_, document)| document).ok_or_else(|| unservable(StartError::Missing(number)))
}

/// Compiles a document and returns it with its topology.
async fn serve(
    document: Document,
    inputs: CompileInputs<'_>,
    mut budget: Budget,
) -> Result<(Document, Topology), StartError> {
    let (databases, latencies) = (Arc::clone(inputs.databases), Arc::clone(inputs.latencies));
    let work = move || {
        let built = topology_within(&mut budget, &document, &databases, &latencies, None);
        built.map(|(topology, _)| (document, topology)).map_err(StartError::Invalid)
    };
    task::blocking(work).await.unwrap_or(Err(StartError::Internal))
}
