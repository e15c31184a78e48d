//! DNS listeners over UDP and TCP, and what they count.

pub mod durations;
pub mod pulse;
pub mod tcp;
pub mod totals;
pub mod udp;
