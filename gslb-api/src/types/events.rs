//! Events: changes, as they happen.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Override, Status, Timestamp};

/// The data of an event named `change`: what one commit to the store changed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChangeEvent {
    /// When.
    pub time: Timestamp,
    /// What changed.
    pub changes: Vec<StateChange>,
}

/// A change of the server's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum StateChange {
    /// Another revision of the document is in force.
    Document {
        /// Its number.
        revision: Option<u64>,
    },
    /// A mass failure began or ended.
    MassFailure {
        /// The mass failure; null if it is over.
        mass_failure: Option<MassFailureRecord>,
    },
    /// The status of an endpoint changed.
    Status {
        /// Its pool.
        pool: String,
        /// Its name.
        endpoint: String,
        /// Its status; null if it was removed.
        status: Option<EventStatus>,
    },
    /// An override was set or ended.
    Override {
        /// Its id.
        id: String,
        /// The override; null if it has ended.
        r#override: Option<Override>,
    },
}

/// A mass failure as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MassFailureRecord {
    /// Since when, in milliseconds since 1970-01-01 00:00 UTC.
    pub since: u64,
    /// Hosts that fail.
    pub failing: usize,
    /// All hosts.
    pub hosts: usize,
    /// Places that fail.
    pub failing_places: usize,
    /// All places.
    pub places: usize,
}

/// The status of an endpoint as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EventStatus {
    /// Up or down.
    pub status: Status,
    /// Since when.
    pub since: Timestamp,
    /// Why.
    pub why: String,
    /// Since when it has recovered and waits for `gslb resume`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub recovered: Option<Timestamp>,
}

/// The data of an event named `reset`: earlier events than this revision of the store are no longer kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResetEvent {
    /// The revision of the store.
    pub revision: u64,
}
