//! From outcomes of probes to answers: failover, flapping, restarts, mass failures, and the TTL on the way to a change.

#[path = "../support/mod.rs"]
mod support;

mod blind;
mod doubt;
mod kept;
mod live;
mod several;
mod ttl;
mod turns;
