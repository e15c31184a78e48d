//! What is the answer? The model, the zones, the routing table, the decision and the wire format, without I/O, clock or logging.

pub mod budget;
pub mod count;
pub mod document;
pub mod explain;
pub mod hash;
pub mod health;
pub mod latency;
pub mod model;
pub mod name;
pub mod plan;
pub mod problem;
pub mod rdata;
pub mod respond;
pub mod steer;
pub mod table;
pub mod wire;
pub mod zone;
pub mod zonefile;
