//! Metrics, log, dnstap and the health endpoints.

pub(crate) mod collector;
pub mod dnstap;
pub mod gather;
pub mod health_endpoints;
pub mod ledger;
pub mod logging;
pub mod metrics;
pub mod stall;
pub(crate) mod topologies;

pub use collector::Collector;
