//! Client location: addresses, the index over geo databases and prefixes, regions, and distances.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod address;
pub mod column;
pub(crate) mod direction;
pub(crate) mod halves;
pub mod hashed_prefix;
pub mod index;
pub(crate) mod intervals;
pub mod numeric;
pub(crate) mod pairs;
pub mod prefixes;
pub mod region;
pub(crate) mod starts;
