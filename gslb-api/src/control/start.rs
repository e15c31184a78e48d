//! The start: from what the store holds, or is given, to the first table.

use std::sync::Arc;

use geoip::Database;
use gslb_core::table::Published;
use serde_json::{Map, Value};
use tokio::sync::watch;
use tracing::error;

use super::first_table::{self, Served, Surroundings};
use super::task::{Task, now, with_audit};
use super::{Change, Control, Edit, InForce, PassedOver, StartError, Who};
use crate::api::Origin;
use crate::audit::{self, Entry};
use crate::options::{Options, Source};
use crate::overrides;
use crate::revisions::{self, Header, Kept};
use crate::store::{Commit, Expectation, Store};

/// A task that runs, and how it came to its first table.
pub(crate) struct Begun {
    pub(crate) control: Control,
    pub(crate) published: Arc<Published>,
    pub(crate) origin: Origin,
    pub(crate) passed_over: Vec<PassedOver>,
}

/// See [`Api::start`](crate::Api::start).
pub(crate) async fn start(
    store: Arc<dyn Store>,
    databases: Vec<Arc<Database>>,
    options: &Options,
) -> Result<Begun, StartError> {
    store.expire(now()).await?;
    let mut kept = Kept::of(&*store).await?;
    let mut audited = audit::list(&*store, None, 1).await?.0.first().map_or(0, |entry| entry.number);
    let (wanted, origin) = wanted(&*store, &options.source, &mut kept).await?;
    let overrides = Arc::new(overrides::read(&*store).await?);
    let around = Arc::new(Surroundings { databases: databases.into(), overrides });
    let (served, passed_over) = first_table::choose(wanted, &around, &kept, &*store).await?;
    let Served { revision, document, table } = served;
    let revision = match revision {
        Some(revision) => revision,
        None => {
            audited += 1;
            first_revision(&*store, &mut kept, &document, audited, origin == Origin::File).await?
        }
    };
    if !passed_over.is_empty() {
        error!(
            "revision {revision} is served, which is not the one that should be in force; what is written from now on \
             goes on top of it, and a later start tries the other first"
        );
    }
    let published = Arc::new(Published::new(table.clone()));
    let (databases, overrides) = (Arc::clone(&around.databases), Arc::clone(&around.overrides));
    let in_force = InForce { revision, document, overrides, databases, table: Arc::new(table) };
    let in_force = watch::Sender::new(Arc::new(in_force));
    let task = Task { store, published: Arc::clone(&published), in_force, kept, audited };
    let control = Control::start(task, origin == Origin::File);
    Ok(Begun { control, published, origin, passed_over })
}

/// The document that should be in force, and where it comes from.
async fn wanted(
    store: &dyn Store,
    source: &Source,
    kept: &mut Kept,
) -> Result<(Result<(Option<u64>, Value), PassedOver>, Origin), StartError> {
    let current =
        store.read(revisions::CURRENT).await?.map(|held| revisions::unpack_current(&held.value)).transpose()?;
    let stored = match current {
        Some(number) => {
            kept.note_given(number);
            Some(first_table::stored(store, number).await.map(|document| (Some(number), document)))
        }
        None => None,
    };
    Ok(match (source, stored) {
        (Source::Store { .. }, Some(stored)) => (stored, Origin::Stored),
        (Source::Store { first }, None) => {
            (Ok((None, first.clone().unwrap_or_else(|| Value::Object(Map::new())))), Origin::Given)
        }
        (Source::File { document }, Some(Ok(stored))) if *document == stored.1 => (Ok(stored), Origin::File),
        (Source::File { document }, _) => (Ok((None, document.clone())), Origin::File),
    })
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
