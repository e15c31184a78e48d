//! The control plane: state store, access control, control task and REST API.

#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

mod api;
pub mod audit;
pub mod auth;
pub mod change;
pub(crate) mod clock;
pub mod control;
pub mod damaged_rows;
pub mod degraded;
pub mod document;
mod drill;
pub mod evidence;
pub mod fallback_store;
pub mod health;
pub mod latency;
mod log;
mod members;
pub mod meters;
mod options;
pub mod overrides;
mod path_segment;
mod readable;
pub mod rest;
pub mod restart;
pub mod revisions;
pub mod safety;
mod section;
mod status;
pub mod store;
mod store_watch;
pub mod thaw;
pub mod traffic;
pub mod types;
mod written;

pub use api::{Api, Released, Started};
pub use control::Origin;
pub use log::LogSwitch;
pub use options::{Limits, Options, Source};
pub use path_segment::escape;
pub use rest::{ACCEPT_MASS_FAILURE, is_allowed_host, router, unambiguous};
pub use types::LogLevel;
pub use written::Written;
