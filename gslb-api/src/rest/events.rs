//! Events: changes of the store as they happen, resumable from any recent event.

use std::collections::VecDeque;

use axum::extract::State;
use axum::http::{Extensions, HeaderMap};
use axum::response::Response;
use axum::response::sse::Event;
use futures_util::stream;
use gslb_core::health::SavedStatus;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use utoipa_axum::routes;

use super::answer::AcceptsEvents;
use super::parameters::Parameters;
use super::problem::Problem;
use super::routes::{Access, Routes};
use super::state::RestState;
use super::streaming::{self, Until};
use crate::revisions::{self, CURRENT};
use crate::store::{Change, Changes, Entry, Order, Revision, Store, Time, Watch, WatchEvent, limits};
use crate::types::{ChangeEvent, EventStatus, LastEvent, NoParameters, ResetEvent, StateChange, Status, Timestamp};
use crate::{health, status};

/// The route of events.
pub(super) fn routes() -> Routes {
    Routes::new("events").add(Access::Viewer, routes!(read))
}

/// Most events from before a restart that a reader gets.
const KEPT: usize = 50_000;

/// A reader's position in the events.
struct Reader {
    watch: Watch,
    /// Events older than those of the watch.
    kept: VecDeque<Event>,
    ended: bool,
    /// The key of the reader's token, if it has one.
    token: Option<String>,
    /// The store's revision when the reader connected, for a reader that must start over.
    now: Revision,
}

/// Follow changes as they happen, as server-sent events
#[utoipa::path(get, path = "/events", params(LastEvent), responses(
    (status = 200, description = "Events", content_type = "text/event-stream", body = String),
))]
async fn read(
    State(RestState { api, streams, .. }): State<RestState>,
    _: AcceptsEvents,
    _: Parameters<NoParameters>,
    headers: HeaderMap,
    extensions: Extensions,
) -> Result<Response, Problem> {
    let store = api.control.store();
    let now = store.revision().await.map_err(|error| Problem::unavailable(error.to_string()))?;
    let after = match headers.get("last-event-id") {
        None => now,
        Some(id) => {
            let id = id.to_str().ok().and_then(|id| id.trim().parse().ok());
            Revision::new(id.ok_or_else(|| Problem::bad_request("Last-Event-ID is the id of an event: a number."))?)
        }
    };
    let permit = streaming::permit(&streams, &extensions, "read events")?;
    // After the store's revision, so that no revocation is missed.
    let until = Until::of(&api, &extensions).await?;
    let token = until.token().map(str::to_owned);
    let mut watch = store.watch("", after);
    // A reader that requests everything gets all that is kept.
    let kept = if after == Revision::ZERO { kept(&**store, watch.rewind()).await? } else { VecDeque::new() };
    let reader = Reader { watch, kept, ended: false, token, now };
    Ok(streaming::respond(permit, until, stream::unfold(reader, next)))
}

/// The next event; `None` at the end of the stream.
async fn next(mut reader: Reader) -> Option<(Event, Reader)> {
    if reader.ended {
        return None;
    }
    if let Some(event) = reader.kept.pop_front() {
        return Some((event, reader));
    }
    loop {
        match reader.watch.next().await {
            WatchEvent::Changed(changes) => {
                // A reader whose token has ended gets nothing more, including the change that ended it.
                let gone = |change: &Change| matches!(change, Change::Deleted { .. });
                if changes.changes.iter().any(|change| gone(change) && reader.token.as_deref() == Some(change.key())) {
                    return None;
                }
                if let Some(event) = to_event(&changes, reader.watch.at()) {
                    return Some((event, reader));
                }
            }
            WatchEvent::Compacted => {
                reader.ended = true;
                let data = json(&ResetEvent { revision: reader.now.number() });
                let event = Event::default().event("reset").id(reader.now.to_string()).data(data);
                return Some((event, reader));
            }
            WatchEvent::Closed => return None,
        }
    }
}

/// A commit as an event; `None` if it has nothing for readers.
fn to_event(changes: &Changes, at: Time) -> Option<Event> {
    let list: Vec<StateChange> = changes.changes.iter().filter_map(change).collect();
    (!list.is_empty()).then(|| event(changes.revision, at, list))
}

fn event(revision: Revision, at: Time, changes: Vec<StateChange>) -> Event {
    let data = json(&ChangeEvent { time: Timestamp(at), changes });
    Event::default().event("change").id(revision.to_string()).data(data)
}

/// `data` as JSON. Writing into memory cannot fail.
fn json(data: &impl serde::Serialize) -> String {
    serde_json::to_string(data).unwrap_or_default()
}

/// The events that can be rebuilt from the store's keys after `revision`: the last one of each endpoint, override and
/// document, in order. Only these remain from before a restart.
async fn kept(store: &dyn Store, revision: Revision) -> Result<VecDeque<Event>, Problem> {
    let mut found: Vec<(Revision, Time, StateChange)> = Vec::new();
    for prefix in [CURRENT, health::PREFIX, crate::overrides::PREFIX] {
        let mut after: Option<String> = None;
        loop {
            let page = store.range(prefix, after.as_deref(), limits::PAGE_ENTRIES, Order::Ascending).await;
            let page = page.map_err(|error| Problem::unavailable(error.to_string()))?;
            after = page.entries.last().map(|entry| entry.key.to_string());
            for Entry { key, versioned } in page.entries {
                if versioned.revision > revision {
                    continue;
                }
                let (at, when) = (time_of(store, &key, &versioned.value).await, versioned.revision);
                // The older status is not kept, so repeats cannot be recognized.
                found.extend(change_of(&key, Some(&versioned.value), true).map(|change| (when, at, change)));
            }
            if !page.more || found.len() > KEPT {
                break;
            }
        }
    }
    found.sort_by_key(|(revision, _, _)| *revision);
    Ok(found.into_iter().map(|(revision, at, change)| event(revision, at, vec![change])).collect())
}

/// The members of stored records with their creation time.
#[derive(Default, Deserialize)]
struct Moments {
    revision: Option<u64>,
    recovered: Option<u64>,
    since: Option<u64>,
    created: Option<u64>,
}

/// When the value of a key was created.
async fn time_of(store: &dyn Store, key: &str, value: &[u8]) -> Time {
    let row: Moments = serde_json::from_slice(value).unwrap_or_default();
    let millis = match row.revision.filter(|_| key == CURRENT) {
        Some(revision) => {
            let header = revisions::read(store, revision).await.ok().flatten().map(|(header, _)| header);
            header.map(|header| header.millis)
        }
        None => row.recovered.or(row.since).or(row.created),
    };
    Time::from_millis(millis.unwrap_or_default())
}

/// What happened to a resource. Tokens are not shown to every reader, and audit entries would repeat these events.
fn change(change: &Change) -> Option<StateChange> {
    let value = match change {
        Change::Put { versioned, .. } => Some(&*versioned.value),
        Change::Deleted { .. } => None,
    };
    change_of(change.key(), value, false)
}

/// The change of a key that has `octets`, or is deleted. A repeated status is not a change, unless it `counts`.
fn change_of(key: &str, octets: Option<&[u8]>, counts: bool) -> Option<StateChange> {
    if key == CURRENT {
        return Some(StateChange::Document { revision: read_as::<Moments>(octets).and_then(|row| row.revision) });
    }
    if key == health::MASS_FAILURE {
        return Some(StateChange::MassFailure { mass_failure: read_as(octets) });
    }
    if let Some(name) = key.strip_prefix(health::PREFIX) {
        let record: Option<health::Record> = read_as(octets);
        let repeats = record.as_ref().is_some_and(|record| record.repeats);
        return (counts || !repeats).then(|| of_status(name, record));
    }
    let id = key.strip_prefix(crate::overrides::PREFIX)?;
    let row: Option<crate::overrides::Override> = read_as(octets);
    Some(StateChange::Override { id: id.to_owned(), r#override: row.as_ref().map(Into::into) })
}

/// The value in `octets`; `None` if there is none of this type.
fn read_as<T: DeserializeOwned>(octets: Option<&[u8]>) -> Option<T> {
    octets.and_then(|octets| serde_json::from_slice(octets).ok())
}

/// The status of the endpoint `name`, by pool and endpoint; `None` if it is deleted.
fn of_status(name: &str, record: Option<health::Record>) -> StateChange {
    let (pool, endpoint) = name.split_once('/').unwrap_or((name, ""));
    let status = record.map(|record| {
        let SavedStatus { up, since, why, recovered } = record.status;
        EventStatus {
            status: if up { Status::Up } else { Status::Down },
            since: Timestamp::from_millis(since),
            why: if recovered.is_some() { status::recovered(pool, endpoint, &why) } else { why },
            recovered: recovered.map(Timestamp::from_millis),
        }
    });
    StateChange::Status { pool: pool.to_owned(), endpoint: endpoint.to_owned(), status }
}
