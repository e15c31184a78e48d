//! Events: what changes in the store, told as it happens, and told again from where a reader was.

use axum::Router;
use axum::extract::{Request, State};
use axum::response::Response;
use axum::response::sse::Event;
use axum::routing::get;
use futures_util::stream;
use serde_json::{Value, json};

use super::problem::Problem;
use super::streaming::{self, Until};
use super::{answer, query};
use crate::Api;
use crate::revisions::CURRENT;
use crate::store::{Change, Changes, Revision, Time, Watch, Watched};
use crate::{health, moment};

/// The route of events.
pub(super) fn routes() -> Router<Api> {
    Router::new().route("/events", get(events))
}

/// A reader's place in the events.
struct Reader {
    watch: Watch,
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
    let reader = Reader { watch: store.watch("", after), ended: false, token, now };
    Ok(streaming::respond(place, until, stream::unfold(reader, next)))
}

/// The next event; none once the stream has ended.
async fn next(mut reader: Reader) -> Option<(Event, Reader)> {
    if reader.ended {
        return None;
    }
    loop {
        match reader.watch.next().await {
            Watched::Changed(changes) => {
                // Who may not ask any more is told nothing more, nor what came with that.
                let gone = |change: &Change| matches!(change, Change::Deleted { .. });
                if changes.changes.iter().any(|change| gone(change) && reader.token.as_deref() == Some(change.key())) {
                    return None;
                }
                if let Some(event) = told(&changes) {
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
fn told(changes: &Changes) -> Option<Event> {
    let list: Vec<Value> = changes.changes.iter().filter_map(change).collect();
    if list.is_empty() {
        return None;
    }
    let id = changes.revision.to_string();
    let data = json!({ "changes": list }).to_string();
    Some(Event::default().event("change").id(id).data(data))
}

/// What happened to a resource. Tokens are not for every reader, and the audit tells of what is told here anyway.
fn change(change: &Change) -> Option<Value> {
    let value = |change: &Change| match change {
        Change::Put { held, .. } => serde_json::from_slice::<Value>(&held.value).unwrap_or_default(),
        Change::Deleted { .. } => Value::Null,
    };
    let key: &str = change.key();
    if key == CURRENT {
        return Some(json!({ "kind": "document", "revision": value(change).get("revision") }));
    }
    if key == health::MASS_FAILURE {
        return Some(json!({ "kind": "mass-failure", "mass_failure": value(change) }));
    }
    if let Some(name) = key.strip_prefix(health::PREFIX) {
        return Some(of_status(name, change));
    }
    let id = key.strip_prefix(crate::overrides::PREFIX)?;
    let held = match change {
        Change::Put { .. } => serde_json::from_value(value(change)).ok().map(|held| crate::overrides::to_json(&held)),
        Change::Deleted { .. } => None,
    };
    Some(json!({ "kind": "override", "id": id, "override": held }))
}

/// The status of the endpoint `name`, which is that of its pool and its own; nothing where it is gone.
fn of_status(name: &str, change: &Change) -> Value {
    let (pool, endpoint) = name.split_once('/').unwrap_or((name, ""));
    let record = match change {
        Change::Put { held, .. } => serde_json::from_slice::<health::Record>(&held.value).ok(),
        Change::Deleted { .. } => None,
    };
    let status = record.map(|record| {
        let since = moment::show(Time::from_millis(record.status.since));
        json!({ "status": if record.status.up { "up" } else { "down" }, "since": since, "why": record.status.why })
    });
    json!({ "kind": "status", "pool": pool, "endpoint": endpoint, "status": status })
}
