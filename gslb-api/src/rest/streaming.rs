//! How long a stream goes on: until the server stops, or the token that let its reader in is revoked or expires.

use std::future::pending;
use std::time::Duration;

use axum::http::{Extensions, StatusCode};
use tokio::select;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::caller::Caller;
use super::problem::Problem;
use crate::Api;
use crate::access;
use crate::control::{Who, now};
use crate::store::{Change, Time, Watch, Watched};

/// How often a stream shows that it is alive.
pub(super) const ALIVE: Duration = Duration::from_secs(15);

/// What ends a stream.
pub(super) struct Until {
    stopping: watch::Receiver<bool>,
    /// The token that let the reader in, where one did: its key, and who tells what becomes of that.
    token: Option<(String, Watch)>,
    expires: Option<Instant>,
}

impl Until {
    /// For a stream that a request asks for.
    ///
    /// # Errors
    /// 401 where its token has been revoked meanwhile, 503 where the store does not answer.
    pub(super) async fn of(api: &Api, extensions: &Extensions) -> Result<Self, Problem> {
        let stopping = api.stopping.subscribe();
        let who = extensions.get::<Caller>().map(|caller| caller.who.clone());
        let Some(Who::Token { id, .. }) = who else { return Ok(Self { stopping, token: None, expires: None }) };
        let store = api.control.store();
        // Before the token is looked for, so that no revocation falls between that and the watch.
        let now = store.revision().await.map_err(|error| Problem::unavailable(error.to_string()))?;
        let key = access::key(&id);
        let watch = store.watch(&key, now);
        let expires = expiry(api, &id).await?;
        Ok(Self { stopping, token: Some((key, watch)), expires })
    }

    /// Waits until the stream is over. It may be waited for again where it was not.
    pub(super) async fn over(&mut self) {
        let Self { stopping, token, expires } = self;
        select! {
            _ = stopping.wait_for(|stopping| *stopping) => {}
            () = expired(*expires) => {}
            () = revoked(token.as_mut()) => {}
        }
    }
}

/// When the token expires; none where it never does.
///
/// # Errors
/// 401 where it has been revoked.
pub(super) async fn expiry(api: &Api, id: &str) -> Result<Option<Instant>, Problem> {
    let Some(holder) = access::find(&**api.control.store(), id).await? else {
        return Err(Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", "The token has been revoked."));
    };
    let left = |expires: Time| Duration::from_millis(expires.millis().saturating_sub(now().millis()));
    Ok(holder.expires.and_then(|expires| Instant::now().checked_add(left(expires))))
}

/// Waits until `expires`; for ever where that never comes.
pub(super) async fn expired(expires: Option<Instant>) {
    match expires {
        Some(expires) => sleep_until(expires).await,
        None => pending().await,
    }
}

/// Waits until the token is revoked, or nobody can tell any more.
async fn revoked(token: Option<&mut (String, Watch)>) {
    let Some((key, watch)) = token else { return pending().await };
    loop {
        match watch.next().await {
            Watched::Changed(changes) => {
                let is_gone = |change: &Change| matches!(change, Change::Deleted { .. }) && **change.key() == **key;
                if changes.changes.iter().any(is_gone) {
                    return;
                }
            }
            Watched::Compacted | Watched::Closed => return,
        }
    }
}
