//! Streams of events: permits and lifetime.
//!
//! A stream ends when the server stops, or when its reader's token is revoked or expires. A task owns its source and
//! its place: a response is only polled while its reader reads, so a reader that stalls would keep its place too long.

use std::convert::Infallible;
use std::future::pending;
use std::pin::pin;
use std::time::Duration;

use axum::http::{Extensions, StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::{Stream, StreamExt as _, stream};
use tokio::select;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until};

use super::caller::Caller;
use super::permits::{Permit, Permits, Taken};
use super::problem::Problem;
use super::rate::ClientKey;
use crate::Api;
use crate::auth;
use crate::change::Who;
use crate::clock::now;
use crate::store::{Change, Time, Watch, WatchEvent};

/// Interval of keepalives.
const ALIVE: Duration = Duration::from_secs(15);
/// Events in flight to a reader; more wait at their source.
const AHEAD: usize = 1;

/// Reserves a place for the stream of the caller in `extensions`; `what` names the streams in the refusal.
///
/// # Errors
/// 503 if none is free.
pub(super) fn permit(permits: &Permits, extensions: &Extensions, what: &str) -> Result<Permit, Problem> {
    let client_key = extensions.get::<Caller>().map_or(ClientKey::Unknown, Caller::client_key);
    permits.take_now(client_key).map_err(|taken| {
        let detail = match taken {
            Taken::ByAll(most) => format!("{most} {what} already."),
            Taken::ByCaller(most) => format!("You already {what} {most} times, which is the limit per caller."),
        };
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "too-many-streams", detail).header(header::RETRY_AFTER, "5")
    })
}

/// Responds with `events` as they come. They and `permit` are dropped when they end, when `until` ends, or when the
/// client disconnects, whether or not it has read everything.
pub(super) fn respond(permit: Permit, until: Until, events: impl Stream<Item = Event> + Send + 'static) -> Response {
    let (sender, receiver) = mpsc::channel(AHEAD);
    tokio::spawn(async move {
        hand_on(until, events, &sender).await;
        drop(permit);
        // Last: a client that sees the end of the stream finds its place free.
        drop(sender);
    });
    let events = stream::unfold(receiver, async |mut receiver: mpsc::Receiver<Event>| {
        let event = receiver.recv().await?;
        Some((Ok::<_, Infallible>(event), receiver))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(ALIVE)).into_response()
}

/// Forwards `events` until the stream ends.
async fn hand_on(mut until: Until, events: impl Stream<Item = Event>, reader: &mpsc::Sender<Event>) {
    let all = async {
        let mut events = pin!(events);
        while let Some(event) = events.next().await {
            if reader.send(event).await.is_err() {
                return;
            }
        }
    };
    select! {
        biased;
        () = until.over() => {}
        () = reader.closed() => {}
        () = all => {}
    }
}

/// What ends a stream.
pub(super) struct Until {
    stopping: watch::Receiver<bool>,
    /// The key of the reader's token, if it has one, and a watch that reports its changes.
    token: Option<(String, Watch)>,
    expires: Option<Instant>,
}

impl Until {
    /// For the stream of a request.
    ///
    /// # Errors
    /// 401 if its token has since been revoked, 503 if the store does not answer.
    pub(super) async fn of(api: &Api, extensions: &Extensions) -> Result<Self, Problem> {
        let stopping = api.stopping.subscribe();
        let who = extensions.get::<Caller>().map(|caller| caller.who.clone());
        let Some(Who::Token { id, .. }) = who else { return Ok(Self { stopping, token: None, expires: None }) };
        let store = api.control.store();
        // Before the token is read, so that no revocation is missed.
        let now = store.revision().await.map_err(|error| Problem::unavailable(error.to_string()))?;
        let key = auth::key(&id);
        let watch = store.watch(&key, now);
        let expires = expiry(api, &id).await?;
        Ok(Self { stopping, token: Some((key, watch)), expires })
    }

    /// The key of the reader's token, if it has one.
    pub(super) fn token(&self) -> Option<&str> {
        self.token.as_ref().map(|(key, _)| &**key)
    }

    /// Waits until the stream must end.
    async fn over(&mut self) {
        let Self { stopping, token, expires } = self;
        select! {
            _ = stopping.wait_for(|stopping| *stopping) => {}
            () = expired(*expires) => {}
            () = revoked(token.as_mut()) => {}
        }
    }
}

/// When the token expires, if ever.
///
/// # Errors
/// 401 if it has been revoked.
async fn expiry(api: &Api, id: &str) -> Result<Option<Instant>, Problem> {
    let Some(holder) = auth::find(&**api.control.store(), id).await? else {
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "The token has been revoked."));
    };
    let left = |expires: Time| Duration::from_millis(expires.millis().saturating_sub(now().millis()));
    Ok(holder.expires.and_then(|expires| Instant::now().checked_add(left(expires))))
}

/// Waits until `expires`, forever if it is `None`.
async fn expired(expires: Option<Instant>) {
    match expires {
        Some(expires) => sleep_until(expires).await,
        None => pending().await,
    }
}

/// Waits until the token is revoked, or its watch ends.
async fn revoked(token: Option<&mut (String, Watch)>) {
    let Some((key, watch)) = token else { return pending().await };
    loop {
        match watch.next().await {
            WatchEvent::Changed(changes) => {
                let is_gone = |change: &Change| matches!(change, Change::Deleted { .. }) && **change.key() == **key;
                if changes.changes.iter().any(is_gone) {
                    return;
                }
            }
            WatchEvent::Compacted | WatchEvent::Closed => return,
        }
    }
}
