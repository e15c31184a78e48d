//! Statuses in the store: one key per endpoint, so that a restart answers as before.

use std::collections::HashSet;

use gslb_core::health::{Saved, SavedKey, SavedStatus};
use serde::{Deserialize, Serialize};
use tracing::warn;

use crate::store::{Order, Store, Unavailable, limits};

/// Key prefix of statuses.
pub const PREFIX: &str = "health/";
/// Key of the suspected mass failure.
pub const MASS_FAILURE: &str = "mass-failure";
/// Key of the time of the last probe outcome, from which the next start computes the age of statuses.
pub(crate) const SEEN: &str = "health-seen";

/// A status as stored.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The endpoint.
    #[serde(flatten)]
    pub key: SavedKey,
    /// Its status.
    #[serde(flatten)]
    pub status: SavedStatus,
    /// True if the status itself is unchanged, so this is no event: only its reason or the endpoint's settings have changed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub repeats: bool,
}

impl Record {
    /// The record to save over `stored`, the endpoint's current row; `None` if they are equal.
    pub(super) fn to_save_over(&self, stored: Option<&[u8]>) -> Option<Record> {
        let stored = stored.and_then(|octets| serde_json::from_slice::<Record>(octets).ok());
        let event = |status: &SavedStatus| (status.up, status.since, status.recovered);
        let repeats = stored.as_ref().is_some_and(|stored| event(&stored.status) == event(&self.status));
        let is_same = stored.is_some_and(|stored| stored.key == self.key && stored.status == self.status);
        (!is_same).then(|| Record { repeats, ..self.clone() })
    }
}

/// The status in a row of the store.
///
/// # Errors
/// If the row is damaged, or belongs to another key.
pub(crate) fn unpack(key: &str, value: &[u8]) -> Result<Record, Unreadable> {
    let record: Record = serde_json::from_slice(value)?;
    if self::key(&record.key.pool, &record.key.endpoint) == key { Ok(record) } else { Err(Unreadable::Misplaced) }
}

/// Why a status row cannot be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error(transparent)]
    Damaged(#[from] serde_json::Error),
    #[error("its key does not match its content")]
    Misplaced,
}

/// The key of an endpoint's status. Names contain no slash.
pub fn key(pool: &str, endpoint: &str) -> String {
    format!("{PREFIX}{pool}/{endpoint}")
}

/// The statuses read at the start.
#[derive(Debug, Default)]
pub(crate) struct SavedStatuses {
    /// The statuses.
    pub saved: Saved,
    /// Their keys in the store.
    pub keys: HashSet<String>,
}

/// All statuses in `store`. Damaged ones are logged and ignored: the next verdict replaces them.
///
/// # Errors
/// If the store cannot be read.
pub(crate) async fn read(store: &dyn Store) -> Result<SavedStatuses, Unavailable> {
    let mut found = SavedStatuses::default();
    if let Some(seen) = store.read(SEEN).await? {
        found.saved.seen = serde_json::from_slice(&seen.value).unwrap_or_default();
    }
    let mut after: Option<String> = None;
    loop {
        let page = store.range(PREFIX, after.as_deref(), limits::PAGE_ENTRIES, Order::Ascending).await?;
        for entry in &page.entries {
            found.keys.insert(entry.key.to_string());
            match unpack(&entry.key, &entry.versioned.value) {
                Ok(record) => drop(found.saved.statuses.insert(record.key, record.status)),
                Err(error) => warn!(key = %entry.key, why = %error, "ignoring a damaged status"),
            }
        }
        after = page.entries.last().map(|entry| entry.key.to_string());
        if !page.more || after.is_none() {
            return Ok(found);
        }
    }
}
