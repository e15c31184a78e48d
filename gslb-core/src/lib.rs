//! The core of gslb: site model, zones, routing table, steering decisions and DNS wire format, without I/O, clock or
//! logging.

#![cfg_attr(not(test), deny(clippy::disallowed_methods))]

pub mod budget;
pub mod count;
pub mod diff;
pub mod dns;
pub mod explain;
pub mod hash;
pub mod health;
pub mod latency;
pub mod limit;
pub mod live;
pub mod locate;
pub mod moment;
pub mod notation;
pub mod problem;
pub mod respond;
pub mod site;
pub mod steer;
pub mod table;
pub mod zone;
