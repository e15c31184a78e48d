//! The process: CPU time, memory, file descriptors and version.

use prometheus::Registry;
use prometheus::process_collector::ProcessCollector;

use super::{Collector, Family};

/// Adds the standard `process_*` metrics.
pub(super) fn register(registry: &Registry) {
    // Registering fails only for duplicates, and there is no other.
    let _ = registry.register(Box::new(ProcessCollector::for_self()));
}

/// The version.
pub fn collector() -> Collector {
    Collector::new("build", || {
        let mut info = Family::gauge("gslb_build_info", "Version of the running program; always 1.");
        info.add(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
        vec![info]
    })
}
