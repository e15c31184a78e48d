//! Liveness: the state of every pool, prepared for answers, and the overrides that force it.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

pub mod chunked;
pub mod demand;
pub mod fallback;
pub mod overrides;
pub mod pool;
pub mod pools;
pub mod states;
