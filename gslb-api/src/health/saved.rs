//! Statuses in the store: one key per endpoint, so that a restart answers as before.

use std::collections::HashSet;

use gslb_core::health::{Saved, SavedKey, SavedStatus};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::store::{Order, Store, Unavailable, limits};

/// Where statuses are kept.
pub const PREFIX: &str = "health/";
/// Where it stands whether the failures of too many endpoints at once are believed.
pub const MASS_FAILURE: &str = "mass-failure";
/// Where it stands when there were outcomes last, which is how old a status may be at the next start.
pub(crate) const SEEN: &str = "health-seen";

/// A status as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Whose.
    #[serde(flatten)]
    pub key: SavedKey,
    /// What.
    #[serde(flatten)]
    pub status: SavedStatus,
    /// True where the status was saved before, and is no event: only its reason or its endpoint's settings have changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeats: bool,
}

impl Record {
    /// How this is saved over `held`, what the store has of the endpoint; none where that says the same.
    pub(super) fn over(&self, held: Option<&[u8]>) -> Option<Record> {
        let held = held.and_then(|octets| serde_json::from_slice::<Record>(octets).ok());
        let news = |status: &SavedStatus| (status.up, status.since, status.recovered);
        let repeats = held.as_ref().is_some_and(|held| news(&held.status) == news(&self.status));
        let is_same = held.is_some_and(|held| held.key == self.key && held.status == self.status);
        (!is_same).then(|| Record { repeats, ..self.clone() })
    }
}

/// The status in a row of the store.
///
/// # Errors
/// Why it is none, or not the one of this key.
pub(crate) fn unpack(key: &str, value: &[u8]) -> Result<Record, Unreadable> {
    let record: Record = serde_json::from_slice(value)?;
    if self::key(&record.key.pool, &record.key.endpoint) == key { Ok(record) } else { Err(Unreadable::Misplaced) }
}

/// Why a row is no status.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error(transparent)]
    Damaged(#[from] serde_json::Error),
    #[error("it does not belong to this key")]
    Misplaced,
}

/// The key of an endpoint's status; names have no slash.
pub fn key(pool: &str, endpoint: &str) -> String {
    format!("{PREFIX}{pool}/{endpoint}")
}

/// What was read at a start.
#[derive(Debug, Default)]
pub(crate) struct Held {
    /// All statuses.
    pub saved: Saved,
    /// The keys that the store has.
    pub keys: HashSet<String>,
}

/// All statuses in `store`. One that cannot be read is told, and left aside: it will be known again by the next verdict.
///
/// # Errors
/// Where the store cannot be asked.
pub(crate) async fn read(store: &dyn Store) -> Result<Held, Unavailable> {
    let mut held = Held::default();
    if let Some(seen) = store.read(SEEN).await? {
        held.saved.seen = serde_json::from_slice(&seen.value).unwrap_or_default();
    }
    let mut after: Option<String> = None;
    loop {
        let page = store.range(PREFIX, after.as_deref(), limits::PAGE_ENTRIES, Order::Ascending).await?;
        for entry in &page.entries {
            held.keys.insert(entry.key.to_string());
            match unpack(&entry.key, &entry.versioned.value) {
                Ok(record) => drop(held.saved.statuses.insert(record.key, record.status)),
                Err(error) => warn!(key = %entry.key, why = %error, "a saved status cannot be read, and is left aside"),
            }
        }
        after = page.entries.last().map(|entry| entry.key.to_string());
        if !page.more || after.is_none() {
            return Ok(held);
        }
    }
}
