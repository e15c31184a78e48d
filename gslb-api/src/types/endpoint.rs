//! The status of an endpoint, with its evidence.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Status, Timestamp};

/// An endpoint.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct EndpointStatus {
    /// Its pool.
    pub pool: String,
    /// Its name.
    pub endpoint: String,
    /// Its data center.
    pub data_center: Option<String>,
    /// Its address, or its name.
    pub target: String,
    /// Its status.
    pub status: Status,
    /// Where the status comes from.
    pub source: StatusSource,
    /// Since when it has this status.
    pub since: Option<Timestamp>,
    /// Why.
    pub why: String,
    /// Its weight.
    pub weight: u32,
    /// The id of the override that decides about it.
    pub r#override: Option<String>,
    /// The id of the override that decides about its weight.
    pub weight_override: Option<String>,
    /// The evidence for the status; absent if there is none.
    #[serde(flatten)]
    pub evidence: Option<Evidence>,
}

/// Where a status comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StatusSource {
    /// An override forces it.
    Forced,
    /// Probes, or observations.
    Verdict,
    /// The verdict of an earlier run of the server.
    Saved,
    /// Nothing is known yet.
    Initial,
}

impl StatusSource {
    /// As it is written in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Forced => "forced",
            Self::Verdict => "verdict",
            Self::Saved => "saved",
            Self::Initial => "initial",
        }
    }
}

/// What a status is based on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Evidence {
    /// What the status would be without overrides.
    #[schema(required = false)]
    pub unforced: UnforcedStatus,
    /// The reason that it does not change.
    pub held: Option<Held>,
    /// The outcomes in a row that count towards another status.
    pub progress: Option<Progress>,
    /// The latest outcomes, oldest first: one in a list of endpoints, all that are kept for one endpoint.
    #[schema(required = false)]
    pub outcomes: Vec<ProbeOutcome>,
    /// Why it cannot be probed.
    pub unable: Option<String>,
    /// How long the last probe took, in milliseconds.
    pub ms: Option<f64>,
    /// How long its connection took, in milliseconds.
    pub connect_ms: Option<f64>,
    /// The same as `connect_ms`.
    pub latency_ms: Option<f64>,
    /// When its certificate expires.
    pub certificate_expires: Option<Timestamp>,
    /// How often its status changed lately.
    #[schema(required = false)]
    pub flaps: usize,
    /// The longest TTL of answers with it, because of that.
    pub ttl_limit: Option<u32>,
    /// What each probe found, if the pool has several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub probes: Vec<ProbeStatus>,
}

/// A status that no override has a part in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct UnforcedStatus {
    /// The status.
    pub status: Status,
    /// Where it comes from.
    pub source: StatusSource,
}

/// The reason that a status does not change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "by", rename_all = "kebab-case")]
pub enum Held {
    /// `hold_down` of the pool.
    HoldDown {
        /// Until when.
        until: Option<Timestamp>,
    },
    /// `resume = "manual"` of the pool: it waits for `gslb resume`.
    Manual {
        /// Since when it has recovered.
        since: Option<Timestamp>,
    },
    /// A mass failure.
    MassFailure,
}

impl Held {
    /// As it is written in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::HoldDown { .. } => "hold-down",
            Self::Manual { .. } => "manual",
            Self::MassFailure => "mass-failure",
        }
    }
}

/// Equal outcomes in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// The outcome.
    pub result: ProbeResult,
    /// How many there are.
    pub count: u32,
    /// How many are needed.
    pub needed: u32,
}

/// The outcome of a probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProbeResult {
    /// It passed.
    Pass,
    /// It failed.
    Fail,
    /// It could not be made.
    Unable,
}

/// One probe that was made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProbeOutcome {
    /// When.
    pub time: Timestamp,
    /// The outcome.
    pub result: ProbeResult,
    /// The kind of failure, such as `timeout`.
    pub failure: Option<String>,
    /// How long it took, in milliseconds.
    pub ms: f64,
    /// How long its connection took, in milliseconds.
    pub connect_ms: Option<f64>,
    /// The observation.
    pub evidence: String,
}

/// What one of several probes found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProbeStatus {
    /// Its name.
    pub probe: String,
    /// The resulting status; null until it is known.
    #[schema(required = true)]
    pub status: Option<Status>,
    /// Why.
    pub why: String,
    /// The outcomes in a row that count towards another status.
    #[schema(required = false)]
    pub progress: Progress,
    /// Its last outcome.
    pub last: Option<ProbeOutcome>,
    /// Why it cannot be made.
    pub unable: Option<String>,
    /// How long it took last, in milliseconds.
    pub ms: Option<f64>,
    /// How long its connection took, in milliseconds.
    pub connect_ms: Option<f64>,
    /// When the certificate expires that it saw.
    pub certificate_expires: Option<Timestamp>,
}
