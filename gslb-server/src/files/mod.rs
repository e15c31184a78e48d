//! Files on disk: read with limits, watched, and reloaded.

pub mod reader;
pub mod reload;
mod stall;
pub mod watch;
