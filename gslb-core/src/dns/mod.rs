//! DNS itself: names, rdata, messages on the wire, and zone files.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod name;
pub mod rdata;
pub mod wire;
pub mod zonefile;
