//! DNS: names, rdata, wire format and zone files.

#![cfg_attr(not(test), deny(clippy::indexing_slicing))]

pub mod name;
pub mod rdata;
pub mod wire;
pub mod zonefile;
