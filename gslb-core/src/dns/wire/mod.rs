//! DNS wire format: queries are parsed without copying, and responses are written in place.
//!
//! Nothing here allocates, and no octet of a datagram is used as an index or length without a check.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod cookie;
pub mod edns;
pub mod message;
pub mod number;
pub mod proxy;
pub mod qname;
pub mod query;
pub mod subnet;
