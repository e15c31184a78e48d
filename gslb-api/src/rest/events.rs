//! Events: what changes in the store, told as it happens, and told again from where a reader was.

use std::collections::VecDeque;

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::response::sse::Event;
use axum::routing::get;
use futures_util::stream;
use gslb_core::health::SavedStatus;
use serde_json::{Value, json};

use super::problem::Problem;
use super::streaming::{self, Until};
use super::{answer, query};
use crate::Api;
use crate::revisions::{self, CURRENT};
use crate::store::{Change, Changes, Entry, Order, Revision, Store, Time, Watch, Watched, limits};
use crate::{clock, health, status};

/// The route of events.
pub(super) fn routes() -> Router<Api> {
    Router::new().route("/events", get(events))
}

/// Events from before a restart that a reader may get.
const KEPT: usize = 50_000;

/// A reader's place in the events.
struct Reader {
    watch: Watch,
    /// Events from before those that the watch knows.
    kept: VecDeque<Event>,
    ended: bool,
    /// The key of the token that let the reader in, where one did.
    token: Option<String>,
    /// Where the store was when the reader came, for one that must begin anew.
    now: Revision,
}

async fn events(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["text/event-stream"])?;
    let _: query::Nothing = query::of(request.uri())?;
    let store = api.control.store();
    let now = store.revision().await.map_err(|error| Problem::unavailable(error.to_string()))?;
    let after = match request.headers().get("last-event-id") {
        None => now,
        Some(id) => {
            let id = id.to_str().ok().and_then(|id| id.trim().parse().ok());
            Revision::new(id.ok_or_else(|| Problem::bad_request("Last-Event-ID is the id of an event: a number."))?)
        }
    };
    let place = streaming::place(&api.streams, request.extensions(), "read events")?;
    // After the store's revision, so that no revocation falls between that and the watch.
    let until = Until::of(&api, request.extensions()).await?;
    let token = until.token().map(str::to_owned);
    let mut watch = store.watch("", after);
    // Whoever asks for everything gets what is kept, however little that is.
    let kept = if after == Revision::ZERO { kept(&**store, watch.rewind()).await? } else { VecDeque::new() };
    let reader = Reader { watch, kept, ended: false, token, now };
    Ok(streaming::respond(place, until, stream::unfold(reader, next)))
}

/// The next event; none once the stream has ended.
async fn next(mut reader: Reader) -> Option<(Event, Reader)> {
    if reader.ended {
        return None;
    }
    if let Some(event) = reader.kept.pop_front() {
        return Some((event, reader));
    }
    loop {
        match reader.watch.next().await {
            Watched::Changed(changes) => {
                // Who may not ask any more is told nothing more, nor what came with that.
                let gone = |change: &Change| matches!(change, Change::Deleted { .. });
                if changes.changes.iter().any(|change| gone(change) && reader.token.as_deref() == Some(change.key())) {
                    return None;
                }
                if let Some(event) = told(&changes, reader.watch.at()) {
                    return Some((event, reader));
                }
            }
            Watched::Compacted => {
                reader.ended = true;
                let data = json!({ "revision": reader.now.number() }).to_string();
                let event = Event::default().event("reset").id(reader.now.to_string()).data(data);
                return Some((event, reader));
            }
            Watched::Closed => return None,
        }
    }
}

/// A commit as an event; none where it has nothing for readers.
fn told(changes: &Changes, at: Time) -> Option<Event> {
    let list: Vec<Value> = changes.changes.iter().filter_map(change).collect();
    (!list.is_empty()).then(|| event(changes.revision, at, &list))
}

fn event(revision: Revision, at: Time, changes: &[Value]) -> Event {
    let data = json!({ "time": clock::show(at), "changes": changes }).to_string();
    Event::default().event("change").id(revision.to_string()).data(data)
}

/// What the store had at `revision`, as far as its keys still say so: the last event of each endpoint, override and document,
/// in the order in which they happened. That is what is left of events from before a restart.
async fn kept(store: &dyn Store, revision: Revision) -> Result<VecDeque<Event>, Problem> {
    let mut found: Vec<(Revision, Time, Value)> = Vec::new();
    for prefix in [CURRENT, health::PREFIX, crate::overrides::PREFIX] {
        let mut after: Option<String> = None;
        loop {
            let page = store.range(prefix, after.as_deref(), limits::PAGE_ENTRIES, Order::Ascending).await;
            let page = page.map_err(|error| Problem::unavailable(error.to_string()))?;
            after = page.entries.last().map(|entry| entry.key.to_string());
            for Entry { key, held } in page.entries {
                if held.revision > revision {
                    continue;
                }
                let (at, when) = (time_of(store, &key, &held.value).await, held.revision);
                // Whether it repeated an older status does not matter where that is not kept.
                found.extend(change_of(&key, Some(&held.value), true).map(|change| (when, at, change)));
            }
            if !page.more || found.len() > KEPT {
                break;
            }
        }
    }
    found.sort_by_key(|(revision, _, _)| *revision);
    Ok(found.into_iter().map(|(revision, at, change)| event(revision, at, &[change])).collect())
}

/// When what a key holds came to be.
async fn time_of(store: &dyn Store, key: &str, value: &[u8]) -> Time {
    let told = serde_json::from_slice::<Value>(value).unwrap_or_default();
    let number = |member: &str| told.get(member).and_then(Value::as_u64);
    let revision = number("revision").filter(|_| key == CURRENT);
    let millis = match revision {
        Some(revision) => {
            let header = revisions::read(store, revision).await.ok().flatten().map(|(header, _)| header);
            header.map(|header| header.millis)
        }
        None => number("recovered").or_else(|| number("since")).or_else(|| number("created")),
    };
    Time::from_millis(millis.unwrap_or_default())
}

/// What happened to a resource. Tokens are not for every reader, and the audit tells of what is told here anyway.
fn change(change: &Change) -> Option<Value> {
    let value = match change {
        Change::Put { held, .. } => Some(&*held.value),
        Change::Deleted { .. } => None,
    };
    change_of(change.key(), value, false)
}

/// The same of a key that holds `value`, or is gone. A status that repeats the one before it is none, unless it `counts`.
fn change_of(key: &str, octets: Option<&[u8]>, counts: bool) -> Option<Value> {
    let value = || octets.map_or(Value::Null, |octets| serde_json::from_slice(octets).unwrap_or_default());
    if key == CURRENT {
        return Some(json!({ "kind": "document", "revision": value().get("revision") }));
    }
    if key == health::MASS_FAILURE {
        return Some(json!({ "kind": "mass-failure", "mass_failure": value() }));
    }
    if let Some(name) = key.strip_prefix(health::PREFIX) {
        let record = octets.and_then(|octets| serde_json::from_slice::<health::Record>(octets).ok());
        let repeats = record.as_ref().is_some_and(|record| record.repeats);
        return (counts || !repeats).then(|| of_status(name, record));
    }
    let id = key.strip_prefix(crate::overrides::PREFIX)?;
    let held = octets.and_then(|octets| serde_json::from_slice(octets).ok());
    let held = held.map(|held| crate::overrides::to_json(&held));
    Some(json!({ "kind": "override", "id": id, "override": held }))
}

/// The status of the endpoint `name`, which is that of its pool and its own; nothing where it is gone.
fn of_status(name: &str, record: Option<health::Record>) -> Value {
    let (pool, endpoint) = name.split_once('/').unwrap_or((name, ""));
    let status = record.map(|record| {
        let SavedStatus { up, since, why, recovered } = record.status;
        let show = |at| clock::show(Time::from_millis(at));
        let why = if recovered.is_some() { status::recovered(pool, endpoint, &why) } else { why };
        let mut told = json!({ "status": if up { "up" } else { "down" }, "since": show(since), "why": why });
        if let Some(recovered) = recovered {
            told["recovered"] = show(recovered).into();
        }
        told
    });
    json!({ "kind": "status", "pool": pool, "endpoint": endpoint, "status": status })
}
