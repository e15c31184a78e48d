//! DNS listeners over UDP and TCP, and their counters.

pub mod durations;
pub mod proxy;
pub mod pulse;
pub mod tcp;
pub mod totals;
pub mod udp;
