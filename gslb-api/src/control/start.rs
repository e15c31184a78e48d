//! The start: from the store or the given document to the first table.

use std::sync::Arc;
use std::time::Instant;

use geoip::Database;
use gslb_core::live::overrides::apply;
use gslb_core::table::{Published, RoutingTable};
use serde_json::Value;
use tracing::error;

use super::Origin;
use super::first_table::{self, CompileInputs, Servable};
use super::task::{Initial, Task};
use super::{Control, StartError, Unservable};
use crate::audit::{self, Entry};
use crate::change::{Active, Change, Edit, Who};
use crate::clock::now;
use crate::document::Document;
use crate::health::{self, Journal, Keeper, SavedOrders};
use crate::meters::Meters;
use crate::options::{Options, Source};
use crate::overrides;
use crate::revisions::{self, Header, Kept};
use crate::store::{Commit, Expectation, Store};
use crate::thaw;
use crate::written::Written;

/// The running control task, and where its first table came from.
pub(crate) struct Running {
    pub(crate) control: Control,
    pub(crate) journal: Arc<Journal>,
    pub(crate) published: Arc<Published>,
    pub(crate) origin: Origin,
    pub(crate) unservable: Vec<Unservable>,
    /// The latency orders accepted earlier.
    pub(crate) orders: SavedOrders,
}

/// See [`Api::start`](crate::Api::start).
pub(crate) async fn start(
    store: Arc<dyn Store>,
    databases: Vec<Arc<Database>>,
    options: &Options,
    meters: &Arc<Meters>,
) -> Result<Running, StartError> {
    let (over, all) = overrides::partition_expired(overrides::read(&*store).await?, now());
    let mut kept = Kept::of(&*store).await?;
    let mut audited = audit::last(&*store).await?;
    let (wanted, or_else, mut origin) = wanted(&*store, &options.source, &mut kept).await?;
    let databases: Arc<[Arc<Database>]> = databases.into();
    let orders = health::read_orders(&*store, &options.node).await?;
    let began = Instant::now();
    let inputs = CompileInputs { databases: &databases, latencies: &orders.latencies };
    let mut chosen = first_table::choose(wanted, inputs, &kept, &*store).await;
    if let (Err(_), Some(document)) = (&chosen, or_else) {
        chosen = first_table::choose(Ok((None, document)), inputs, &Kept::default(), &*store).await;
        if origin == Origin::Stored {
            origin = Origin::Given;
        }
    }
    let (servable, unservable) = chosen?;
    super::task::record_build(meters, began.elapsed(), "start");
    let Servable { revision, document, topology } = servable;
    let revision = match revision {
        Some(revision) => revision,
        None => {
            audited += 1;
            let given = options.source.given();
            first_revision(&*store, &mut kept, &document, given, audited, origin == Origin::File).await?
        }
    };
    audited = super::node::note(&*store, options, audited, revision).await;
    if !unservable.is_empty() {
        error!(
            revision,
            "serving revision {revision}, not the wanted one; new changes are based on it, and the next start tries the \
             wanted one first"
        );
    }
    let (journal, stored) = (Arc::new(Journal::default()), health::read(&*store).await?);
    let keeper = Keeper::new(&topology.site, &stored.saved, Arc::clone(&journal), now().millis());
    let states = apply(all.values(), &topology.site, &keeper.states());
    let table = RoutingTable::new(topology, &states);
    let published = Arc::new(Published::counting(table.clone(), options.workers));
    meters.published(now());
    let thaw = thaw::read(&*store).await?;
    let (overrides, table) = (Arc::new(all), Arc::new(table));
    let active = Active { revision, document, overrides, thaw, databases, table };
    let initial =
        Initial { store: Arc::clone(&store), published: Arc::clone(&published), active, kept, audited, keeper };
    let (mut task, shared) = Task::new(initial, options, Arc::clone(meters));
    tokio::spawn(Arc::clone(&journal).run(store, shared.active.clone(), stored.keys));
    task.save_expiries(over.values(), revision, now());
    let control = Control::start(task, shared, origin == Origin::File)?;
    Ok(Running { control, journal, published, origin, unservable, orders })
}

/// The document to serve, a fallback, and the origin.
type Wanted = (Result<(Option<u64>, Document), Unservable>, Option<Document>, Origin);

/// The document to serve. One in the store comes first even if the source is a file: the file is then a change like any
/// other, which the safety rules may refuse. The file is the fallback if nothing in the store can be served.
async fn wanted(store: &dyn Store, source: &Source, kept: &mut Kept) -> Result<Wanted, StartError> {
    let stored = match revisions::current(store).await? {
        Some(number) => {
            kept.note_given(number);
            Some(first_table::stored(store, number).await.map(|document| (Some(number), document)))
        }
        None => None,
    };
    Ok(match (source, stored) {
        (Source::Store { first }, Some(stored)) => {
            (stored, first.as_ref().map(|first| first.document.clone()), Origin::Stored)
        }
        (Source::Store { first }, None) => {
            let first = first.as_ref().map(|first| first.document.clone()).unwrap_or_default();
            (Ok((None, first)), None, Origin::Given)
        }
        (Source::File { document }, Some(stored)) => {
            (stored, document.as_ref().map(|written| written.document.clone()), Origin::File)
        }
        (Source::File { document: Some(written) }, None) => (Ok((None, written.document.clone())), None, Origin::File),
        (Source::File { document: None }, None) => return Err(StartError::Internal),
    })
}

/// Stores the first document, or the one in the file, as a revision.
async fn first_revision(
    store: &dyn Store,
    kept: &mut Kept,
    document: &Document,
    given: Option<&Written>,
    audited: u64,
    is_file: bool,
) -> Result<u64, StartError> {
    let (revision, now) = (kept.latest() + 1, now());
    let who = if is_file { Who::File } else { Who::Server };
    let (author, author_name) = (who.id().to_owned(), who.name().to_owned());
    let message = "the document given at the start".to_owned();
    let commit = given.and_then(|given| given.commit.clone());
    let header =
        Header { revision, author, author_name, millis: now.millis(), message, restored: None, commit, octets: 0 };
    let packed = revisions::pack(header, document);
    kept.add(revision, packed.len());
    let mut entry = Entry::of(&Change::new(who, "start", Edit::document(Value::Null)), audited, now);
    (entry.revision, entry.after) = (revision, Some(serde_json::json!({ "revision": revision })));
    let key = revisions::key(revision);
    let commit = Commit::new()
        .expect(key.as_str(), Expectation::Absent)
        .put(key, packed)
        .put(revisions::CURRENT, revisions::pack_current(revision));
    let commit = match given.and_then(|given| revisions::text::pack(given.text.as_deref()?)) {
        Some(packed) => {
            kept.add_text(revision, packed.len());
            commit.put(revisions::text::key(revision), packed)
        }
        None => commit,
    };
    let commit = kept.forget().into_iter().fold(commit, Commit::delete);
    store.commit(audit::with(commit, &entry)).await?;
    Ok(revision)
}
