//! Looks every few seconds whether the store can be written, so that this shows before somebody needs it.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::time::{sleep, timeout};
use tracing::{error, info};

use crate::degraded::{Concern, Degraded};
use crate::store::Store;

/// Time from one look to the next, and for which one is waited for.
const EVERY: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(10);

/// Looks until `stopping` is true, and tells `degraded` what is wrong.
pub(crate) async fn watch_store(store: Arc<dyn Store>, degraded: Arc<Degraded>, mut stopping: watch::Receiver<bool>) {
    let mut known: Option<String> = None;
    loop {
        let wrong = match timeout(PATIENCE, store.check()).await {
            Ok(Ok(())) => None,
            Ok(Err(unavailable)) => Some(unavailable.reason),
            Err(_) => Some(format!("it has not answered for {} s: its disk hangs", PATIENCE.as_secs())),
        };
        if wrong != known {
            match &wrong {
                Some(why) => {
                    error!(why, "the store cannot be used: documents are refused, overrides are not saved");
                    degraded.set(Concern::Store, why);
                }
                None => {
                    info!("the store can be used again");
                    degraded.clear(Concern::Store);
                }
            }
            known = wrong;
        }
        tokio::select! {
            () = sleep(EVERY) => {}
            _ = stopping.wait_for(|stopping| *stopping) => return,
        }
    }
}
