//! From probe outcomes to answers: failover, flapping, restarts, mass failures, and the TTL before an expected change.

#[path = "../support/mod.rs"]
mod support;

mod carried_over;
mod live;
mod mass_failure;
mod no_route;
mod several;
mod transitions;
mod ttl;
