//! DNS listeners over UDP and TCP, and their counters.

pub(crate) mod batch_clock;
pub mod cookies;
pub mod durations;
pub mod protection;
pub mod proxy;
pub mod pulse;
pub mod tcp;
pub mod totals;
pub mod udp;
