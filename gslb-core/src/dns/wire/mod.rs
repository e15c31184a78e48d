//! Octets to meaning and back: queries read without copying, responses written in place.
//!
//! Nothing here allocates, and no octet of a datagram is used as an index or a length before it is checked.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod edns;
pub mod message;
pub mod number;
pub mod qname;
pub mod query;
pub mod subnet;
