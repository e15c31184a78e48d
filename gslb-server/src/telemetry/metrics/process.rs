//! The process: its processor time, memory and file descriptors, and what program it is.

use prometheus::Registry;
use prometheus::process_collector::ProcessCollector;

use super::{Collector, Family};

/// Adds what the system knows of this process, under the names that all programs have for it.
pub(super) fn register(registry: &Registry) {
    // It is the only one.
    let _ = registry.register(Box::new(ProcessCollector::for_self()));
}

/// What program it is.
pub fn collector() -> Collector {
    Collector::new("build", || {
        let mut info = Family::gauge("gslb_build_info", "What is running; always 1.");
        info.add(&[("version", env!("CARGO_PKG_VERSION"))], 1.0);
        vec![info]
    })
}
