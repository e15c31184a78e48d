//! The HTTP contract: every body, query and role of the REST API as a type. Handlers take and return these types, the OpenAPI
//! document is made of them, and the command line reads responses into them.
//!
//! A response may get new members in a later version, so readers ignore members that they do not know. A request may not have
//! unknown members: a misspelled name must not pass unnoticed.

mod alertmanager;
mod audit;
mod by_name;
mod change;
mod conditions;
mod document;
mod drill;
mod endpoint;
mod events;
mod explain;
mod json;
mod latency;
mod log;
mod moves;
mod observations;
mod overrides;
mod parameters;
mod problem;
mod request;
mod restart;
mod revisions;
mod role;
mod status;
mod tail;
pub(crate) mod text;
mod thaw;
mod time;
mod tokens;
mod top;

pub use alertmanager::{
    ActionLabel, Alert, AlertLabels, AlertOutcome, AlertParameters, AlertResult, AlertResults, AlertStatus,
    Notification,
};
pub use audit::{AuditEntry, AuditOutcome, AuditPage};
pub use by_name::ByName;
pub use change::{ChangeResult, Difference};
pub use conditions::{AnyWriteConditions, LastEvent, ReadConditions, WriteConditions};
pub use document::{Document, MergePatch, Policy, Resource};
pub use drill::{AddressType, AffectedClients, Drill, DrillRequest, Failing, LossAnswer, OneLeft, Witness};
pub use endpoint::{
    EndpointStatus, Evidence, Held, ProbeOutcome, ProbeResult, ProbeStatus, Progress, StatusSource, UnforcedStatus,
};
pub use events::{ChangeEvent, EventStatus, MassFailureRecord, ResetEvent, StateChange};
pub use explain::{ExplainRequest, Explanation, Network, QueryName, QueryType};
pub use json::Json;
pub use latency::{AcceptedLatencies, AreaKind, AreaLatency, DataCenterLatency, Latencies};
pub use log::{Log, LogLevel};
pub use moves::{
    Change, Clients, Comparison, DataCenterShare, Destination, Extent, Families, LeftWithout, Move, Movement,
    SampledMove, SampledMoves, ServiceChange,
};
pub use observations::{EndpointObservation, LatencyObservation, Observation, Observations, ObservationsTaken, Reason};
pub use overrides::{Force, Override, OverrideRequest, Targets};
pub use parameters::{ChangeParameters, NamedPage, NoParameters, Number, NumberedPage, PageSize};
pub use problem::{BrokenRule, Problem, ProblemDetail};
pub use request::{FromBody, Mistakes, read};
pub use restart::{RestartRequest, RestartTime, Restarted};
pub use revisions::{DiffParameters, GitCommit, Revision, RevisionDiff, RevisionPage, RevisionWithDocument};
pub use role::Role;
pub use status::{
    Count, Counts, DataCenterStatus, Degradation, MassFailure, MassFailureLifted, NextPages, PoolStatus,
    ResumedEndpoint, ServiceStatus, State, Status, StatusCollection, StatusPage, StatusParameters, TargetOverride,
};
pub use tail::{Answered, ClientFrom, Decision, DecisionKind, MissedAnswers, NamedEndpoint, TailParameters};
pub use text::Text;
pub use thaw::{Thaw, ThawRequest, ThawState, ThawTime};
pub use time::{Lifetime, Timestamp};
pub use tokens::{Caller, NewToken, ScopeList, Token, TokenRequest};
pub use top::{Ranked, Ranking, RankingKey, RankingParameters};
