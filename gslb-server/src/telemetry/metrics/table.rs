//! The published table: its generation and size.

use std::sync::Arc;

use gslb_core::table::Published;

use super::{Collector, Family};

/// Size and generation of the published table.
pub fn collector(published: Arc<Published>) -> Collector {
    Collector::new("table", move || {
        let table = Arc::clone(&published.load());
        let topology = table.topology();
        let mut leaves =
            Family::gauge("gslb_table_leaves", "Networks that the table distinguishes, by address family.");
        leaves.add(&[("family", "ipv4")], topology.index.v4.starts.len() as f64);
        leaves.add(&[("family", "ipv6")], topology.index.v6.starts.len() as f64);
        let memory = "Octets of the parts of the table that grow with the document and the databases.";
        let generation = "Generation of the published routing table.";
        vec![
            Family::gauge("gslb_table_generation", generation).of(table.generation() as f64),
            leaves,
            Family::gauge("gslb_table_memory_bytes", memory).of(table.memory() as f64),
            Family::gauge("gslb_table_names", "Names in the table.").of(topology.catalog.names() as f64),
            Family::gauge("gslb_table_services", "Services in the table.").of(topology.services.len() as f64),
        ]
    })
}
