//! Statuses that survive a restart, keyed by pool, endpoint and target.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::site::model;

/// How long after the last outcomes a saved down status still counts as known. An older one lasts until the next
/// verdict, but does not make a name unavailable.
pub const SAVED_STATUS_FRESH_FOR: Duration = Duration::from_secs(3600);

/// The endpoint that a saved status belongs to. With another address it is another endpoint.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SavedKey {
    /// Name of its pool.
    pub pool: String,
    /// Its name.
    pub endpoint: String,
    /// Its address, or its CNAME target.
    pub target: String,
}

/// A status as it is saved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SavedStatus {
    /// True if it was up.
    pub up: bool,
    /// Since when, in milliseconds since 1970-01-01 00:00 UTC.
    pub since: u64,
    /// Why.
    pub why: String,
    /// Since when it has recovered and waits for an operator, in the same unit; `None` if it does not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovered: Option<u64>,
}

/// Everything that was saved.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Saved {
    /// The statuses.
    pub statuses: HashMap<SavedKey, SavedStatus>,
    /// When the last outcomes arrived, in milliseconds since 1970-01-01 00:00 UTC; 0 if unknown.
    pub seen: u64,
}

impl SavedKey {
    /// The key of an endpoint.
    pub fn of(pool: &str, endpoint: &str, target: &model::Target) -> SavedKey {
        SavedKey { pool: pool.to_owned(), endpoint: endpoint.to_owned(), target: target_text(target) }
    }
}

/// A target in its saved form.
pub(super) fn target_text(target: &model::Target) -> String {
    match target {
        model::Target::Address(address) => address.to_string(),
        model::Target::Cname(name) => name.to_lowercase().to_string(),
    }
}
