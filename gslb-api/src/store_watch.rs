//! Checks every few seconds whether the store can be written, to report problems before a change needs it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{error, info};

use crate::degraded::{Concern, Degraded};
use crate::store::Store;

/// Time between checks, and timeout of one.
const EVERY: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(10);

/// Checks until `stopping` is true, and reports problems to `degraded`.
pub(crate) async fn watch_store(store: Arc<dyn Store>, degraded: Arc<Degraded>, mut stopping: watch::Receiver<bool>) {
    let mut known: Option<String> = None;
    loop {
        let fault = match timeout(PATIENCE, store.check()).await {
            Ok(Ok(())) => None,
            Ok(Err(unavailable)) => Some(unavailable.reason),
            Err(_) => Some(format!("no answer for {} s: its disk hangs", PATIENCE.as_secs())),
        };
        if fault != known {
            match &fault {
                Some(why) => {
                    error!(why, "the store is not usable: documents are refused, overrides are not saved");
                    degraded.set(Concern::Store, why);
                }
                None => {
                    info!("the store is usable again");
                    degraded.clear(Concern::Store);
                }
            }
            known = fault;
        }
        tokio::select! {
            () = sleep(EVERY) => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
    }
}
