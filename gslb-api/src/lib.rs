//! What may an operator ask or change? The state store, who may use it, the control task, and the REST API.

pub mod access;
mod api;
pub mod audit;
pub mod control;
pub mod degraded;
pub mod document;
mod drill;
pub mod health;
mod log;
mod members;
pub mod meters;
mod moment;
mod options;
pub mod overrides;
pub mod rest;
pub mod revisions;
pub mod safety;
pub mod sample;
mod status;
pub mod store;
mod store_watch;
pub mod tail;
pub mod thaw;
mod wall_clock;
mod written;

pub use api::{Api, Started};
pub use control::Origin;
pub use log::{LogLevel, LogSwitch};
pub use options::{Limits, Options, Source};
pub use rest::{LIFT_MASS_FAILURE, is_ours, router, unambiguous};
pub use written::Written;
