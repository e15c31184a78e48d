//! Our authoritative data: a catalog of zones with every RRset already in wire form.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod build;
pub mod catalog;
mod draft;
pub mod extent;
mod fingerprint;
pub mod names;
mod nodes;
pub mod set;
