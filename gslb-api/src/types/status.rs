//! Statuses of endpoints, pools, data centers and services: what is up, since when and why.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{ByName, EndpointStatus, Force, PageSize, Thaw, Timestamp};
use crate::degraded::Concern;

/// Whether an endpoint, a pool or a data center takes clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It does.
    Up,
    /// Up, but without clients while others can take them.
    Drained,
    /// It does not.
    Down,
}

impl Status {
    /// As it is written in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Drained => "drained",
            Self::Down => "down",
        }
    }
}

/// A status of something that may be up in part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum State {
    /// All of it is up.
    Up,
    /// Some of it is not up.
    Degraded,
    /// Up, but without clients while others can take them.
    Drained,
    /// It is down.
    Down,
}

impl State {
    /// As it is written in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Degraded => "degraded",
            Self::Drained => "drained",
            Self::Down => "down",
        }
    }
}

impl From<Status> for State {
    fn from(status: Status) -> Self {
        match status {
            Status::Up => Self::Up,
            Status::Drained => Self::Drained,
            Status::Down => Self::Down,
        }
    }
}

/// A collection that has pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum StatusCollection {
    /// Endpoints.
    Endpoints,
    /// Pools.
    Pools,
    /// Services.
    Services,
}

impl StatusCollection {
    /// As it is written in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Endpoints => "endpoints",
            Self::Pools => "pools",
            Self::Services => "services",
        }
    }
}

/// Which statuses.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct StatusParameters {
    /// Only this collection; all of them by default.
    #[param(inline)]
    pub of: Option<StatusCollection>,
    /// Endpoints of this pool only, this pool, and the services that may answer from no other.
    pub pool: Option<String>,
    /// Endpoints and pools of this data center only, and the services that may answer from no other.
    pub data_center: Option<String>,
    /// Endpoints of the pools that this service may answer from only, and this service, whatever else it uses.
    pub service: Option<String>,
    /// Endpoints with this status only.
    #[param(inline)]
    pub status: Option<Status>,
    /// Most entries of each collection, 1 to 1000; 100 by default.
    #[serde(default)]
    #[param(value_type = Option<usize>, minimum = 1, maximum = 1000, default = 100)]
    pub limit: PageSize,
    /// With `of`: the last entry that the client has, for endpoints as POOL/ENDPOINT; those after it follow.
    pub after: Option<String>,
}

/// What is up: counts, and a page of each collection.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StatusPage {
    /// The time of the server.
    pub time: Timestamp,
    /// The revision of the document in force.
    pub revision: u64,
    /// The generation of the table that answers.
    pub generation: u64,
    /// The held mass failure; null if there is none.
    pub mass_failure: Option<MassFailure>,
    /// Degraded parts, and why; empty if there are none.
    pub degraded: Vec<Degradation>,
    /// How many overrides are in force.
    pub overrides: usize,
    /// The thaw; null if frozen windows hold.
    pub thaw: Option<Thaw>,
    /// All endpoints, pools, data centers and services, whatever the filter.
    pub counts: Counts,
    /// Every data center.
    #[schema(value_type = HashMap<String, DataCenterStatus>)]
    pub data_centers: ByName<DataCenterStatus>,
    /// A page of pools.
    #[schema(value_type = HashMap<String, PoolStatus>)]
    pub pools: ByName<PoolStatus>,
    /// A page of services.
    #[schema(value_type = HashMap<String, ServiceStatus>)]
    pub services: ByName<ServiceStatus>,
    /// A page of endpoints.
    pub endpoints: Vec<EndpointStatus>,
    /// Where each collection continues that does.
    pub next: NextPages,
}

/// A held mass failure: too many hosts fail at once, so statuses stay unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MassFailure {
    /// For how long.
    pub seconds: u64,
}

/// Something that the server works without.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Degradation {
    /// The degraded part.
    #[schema(value_type = Concern)]
    pub what: String,
    /// Why.
    pub why: String,
}

/// How many there are of everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// Endpoints.
    pub endpoints: Count,
    /// Pools.
    pub pools: Count,
    /// Data centers.
    pub data_centers: Count,
    /// Services.
    pub services: usize,
}

/// How many there are, and how many of them have each status: `up`, `drained` and `down` add up to `all`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Count {
    /// All of them.
    pub all: usize,
    /// Number that is up.
    pub up: usize,
    /// Number that is drained.
    pub drained: usize,
    /// Number that is down.
    pub down: usize,
}

/// A data center.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DataCenterStatus {
    /// Up while one of its pools is.
    pub status: Status,
    /// The same, and whether all of it is up.
    pub state: State,
    /// Its pools.
    pub pools: usize,
    /// Number that is up.
    pub pools_up: usize,
    /// Its endpoints.
    pub endpoints: usize,
    /// Number that is up, including drained ones.
    pub endpoints_up: usize,
    /// Number that is drained.
    pub endpoints_drained: usize,
    /// The override of the data center as a whole.
    pub r#override: Option<TargetOverride>,
}

/// A pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PoolStatus {
    /// Its status.
    pub status: Status,
    /// The override of the pool as a whole.
    pub r#override: Option<TargetOverride>,
    /// Its data center.
    pub data_center: Option<String>,
    /// Its endpoints.
    pub endpoints: usize,
    /// Number that is up, including drained ones.
    pub endpoints_up: usize,
    /// Number that is drained.
    pub endpoints_drained: usize,
    /// How many have to be up for the pool to be.
    pub min_up: u32,
}

/// The override of a target as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TargetOverride {
    /// Its id.
    pub id: String,
    /// The forced state.
    pub force: Force,
    /// Why.
    pub reason: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it ends; null if it holds until it is removed.
    pub expires: Option<Timestamp>,
    /// Whether it has drained or taken down for longer than planned, or without an end for more than a day.
    #[serde(default)]
    #[schema(required = true)]
    pub overdue: bool,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ServiceStatus {
    /// Up while all pools that it may answer from are up, down if none is.
    #[schema(value_type = State)]
    pub status: State,
    /// The pools that it may answer from.
    pub pools: usize,
    /// Number that is up.
    pub pools_up: usize,
    /// Its answer when all of them are down.
    pub when_all_down: String,
    /// Its further names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<String>,
}

/// Where collections continue.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct NextPages {
    /// Endpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub endpoints: Option<String>,
    /// Pools.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub pools: Option<String>,
    /// Services.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub services: Option<String>,
}

/// An endpoint that was returned to service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ResumedEndpoint {
    /// Its pool.
    pub pool: String,
    /// Its name.
    pub endpoint: String,
    /// Its status now.
    pub status: Status,
}

/// The mass failure after its failures were accepted: null.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MassFailureLifted {
    /// Null.
    #[schema(required = true)]
    pub mass_failure: Option<MassFailure>,
}
