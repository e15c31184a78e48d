//! Which endpoints a client gets: where it is, what its plan is, which candidates are up, what the draw says.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod address;
pub mod classes;
pub mod column;
pub mod decide;
pub(crate) mod direction;
pub mod draw;
mod halves;
pub mod hashed_prefix;
pub mod index;
mod intervals;
mod latency;
pub mod outcome;
mod pairs;
pub mod plan;
pub mod prefixes;
pub mod region;
pub mod resolve;
pub mod search;
pub mod shares;
pub mod trace;
pub mod view;
