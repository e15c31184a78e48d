//! Selects the endpoints for a client: its location gives a plan, liveness gives the candidates, a draw picks among
//! them.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod classes;
pub mod decide;
pub mod direct;
pub mod draw;
pub mod endpoints;
pub(crate) mod latency_sources;
pub mod outcome;
pub mod plan;
pub mod resolve;
pub mod search;
pub mod shares;
pub mod shortcut;
pub mod trace;
pub mod view;
