//! The sockets, the process and its configuration, from outside. Answers do not matter here: a table without zones
//! refuses every query, which is an answer too.

mod config;
mod dns_over_tls;
mod http;
mod limits;
mod process;
mod query;
mod tcp;
mod tls;
mod udp;

use std::sync::Arc;

use gslb_core::site::model::Site;
use gslb_core::table::{Published, RoutingTable, compile};

/// A table without zones, published.
fn published() -> Arc<Published> {
    let compiled = compile::compile(Site::default(), &[], &Default::default(), None);
    let topology = compiled.topology.expect("it is valid");
    Arc::new(Published::new(RoutingTable::initial(topology)))
}
