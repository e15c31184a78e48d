//! The table in force: how large it is, and how long ago it was made.

use std::sync::Arc;

use gslb_core::table::Published;

use super::{Collector, Family};

/// What is asked for the number of the table in force.
pub type Generation = Arc<dyn Fn() -> Option<u64> + Send + Sync>;

/// What `published` answers from; `generation` is the number of it.
pub fn collector(published: Arc<Published>, generation: Generation) -> Collector {
    Collector::new("table", move || {
        let mut families = Vec::new();
        if let Some(generation) = generation() {
            let help = "Number of the routing table in force.";
            families.push(Family::gauge("gslb_table_generation", help).of(generation as f64));
        }
        let table = Arc::clone(&published.load());
        let topology = table.topology();
        let mut leaves = Family::gauge("gslb_table_leaves", "Networks that the table tells apart, by address family.");
        leaves.add(&[("family", "ipv4")], topology.index.v4.starts.len() as f64);
        leaves.add(&[("family", "ipv6")], topology.index.v6.starts.len() as f64);
        let memory = "Octets of the table, as far as they grow with the document and the databases.";
        families.extend([
            leaves,
            Family::gauge("gslb_table_memory_bytes", memory).of(table.memory() as f64),
            Family::gauge("gslb_table_names", "Names in the table.").of(topology.catalog.names() as f64),
            Family::gauge("gslb_table_services", "Services in the table.").of(topology.services.len() as f64),
        ]);
        families
    })
}
