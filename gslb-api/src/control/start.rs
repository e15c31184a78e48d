//! The start: from what the store holds, or is given, to the first table.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use geoip::Database;
use gslb_core::document::{no_files, read_json};
use gslb_core::table::{Published, RoutingTable, compile};
use serde_json::{Map, Value};
use tokio::sync::watch;

use super::task::{Task, now, with_audit};
use super::{Change, Control, Edit, InForce, StartError, Who};
use crate::api::Origin;
use crate::audit::{self, Entry};
use crate::meters::Meters;
use crate::options::{Options, Source};
use crate::overrides::{self, Override};
use crate::revisions::{self, Header, Kept};
use crate::store::{Commit, Expectation, Store};

/// See [`Api::start`](crate::Api::start).
pub(crate) async fn start(
    store: Arc<dyn Store>,
    databases: Vec<Arc<Database>>,
    options: &Options,
    meters: &Arc<Meters>,
) -> Result<(Control, Arc<Published>, Origin), StartError> {
    store.expire(now()).await?;
    let mut kept = Kept::of(&*store).await?;
    let mut audited = audit::list(&*store, None, 1).await?.0.first().map_or(0, |entry| entry.number);
    let stored = stored(&*store).await?;
    let is_file = matches!(options.source, Source::File { .. });
    let (document, revision, origin) = match (&options.source, stored) {
        (Source::Store { .. }, Some((revision, document))) => (document, Some(revision), Origin::Stored),
        (Source::Store { first }, None) => {
            (first.clone().unwrap_or_else(|| Value::Object(Map::new())), None, Origin::Given)
        }
        (Source::File { document }, Some((revision, stored))) if *document == stored => {
            (stored, Some(revision), Origin::File)
        }
        (Source::File { document }, _) => (document.clone(), None, Origin::File),
    };
    let all = overrides::read(&*store).await?;
    let databases: Arc<[Arc<Database>]> = databases.into();
    let began = Instant::now();
    let (document, databases, all, table) = compiled(document, databases, all).await?;
    meters.built(began.elapsed());
    let revision = match revision {
        Some(revision) => revision,
        None => {
            audited += 1;
            first_revision(&*store, &mut kept, &document, audited, is_file).await?
        }
    };
    let published = Arc::new(Published::counting(table.clone(), options.workers));
    let (document, overrides, table) = (Arc::new(document), Arc::new(all), Arc::new(table));
    let in_force = watch::Sender::new(Arc::new(InForce { revision, document, overrides, databases, table }));
    meters.published(now());
    let (sample, meters) = (options.sample.clone(), Arc::clone(meters));
    let task = Task { store, published: Arc::clone(&published), in_force, kept, audited, sample, meters };
    Ok((Control::start(task, is_file), published, origin))
}

/// The document that the store says is in force.
async fn stored(store: &dyn Store) -> Result<Option<(u64, Value)>, StartError> {
    let Some(held) = store.read(revisions::CURRENT).await? else { return Ok(None) };
    let revision = revisions::unpack_current(&held.value)?;
    let (_, document) = revisions::read(store, revision).await?.ok_or(StartError::Missing(revision))?;
    Ok(Some((revision, document)))
}

/// What goes to the thread that compiles, and comes back with the table.
type Compiled = (Value, Arc<[Arc<Database>]>, BTreeMap<String, Override>, RoutingTable);

async fn compiled(
    document: Value,
    databases: Arc<[Arc<Database>]>,
    all: BTreeMap<String, Override>,
) -> Result<Compiled, StartError> {
    let work = move || {
        let read = read_json("document", &document, &mut no_files);
        let Some(site) = read.site else { return Err(StartError::Wrong(read.problems)) };
        let compiled = compile::compile(site, &databases, None);
        let Some(table) = compiled.table else { return Err(StartError::Wrong(compiled.problems)) };
        let table = overrides::on_new(table, &all);
        Ok((document, databases, all, table))
    };
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(StartError::Fault))
}

/// Puts the first document, or the one that the file has now, into the store as a revision.
async fn first_revision(
    store: &dyn Store,
    kept: &mut Kept,
    document: &Value,
    audited: u64,
    is_file: bool,
) -> Result<u64, StartError> {
    let (revision, now) = (kept.latest() + 1, now());
    let who = if is_file { Who::File } else { Who::Server };
    let (author, author_name) = (who.id().to_owned(), who.name().to_owned());
    let message = "the document given at the start".to_owned();
    let header = Header { revision, author, author_name, millis: now.millis(), message, restored: None, octets: 0 };
    let packed = revisions::pack(header, document);
    kept.add(revision, packed.len());
    let mut entry = Entry::of(&Change::new(who, "start", Edit::document(Value::Null)), audited, now);
    (entry.revision, entry.after) = (revision, Some(serde_json::json!({ "revision": revision })));
    let key = revisions::key(revision);
    let commit = Commit::new()
        .expect(key.as_str(), Expectation::Absent)
        .put(key, packed)
        .put(revisions::CURRENT, revisions::pack_current(revision));
    let commit = kept.forget().into_iter().fold(commit, Commit::delete);
    store.commit(with_audit(commit, &entry)).await?;
    Ok(revision)
}
