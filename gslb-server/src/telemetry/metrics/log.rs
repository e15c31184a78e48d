//! Dropped log lines.

use super::{Collector, Family};
use crate::telemetry::logging::Dropped;

/// Dropped log lines.
pub fn collector(dropped: Dropped) -> Collector {
    let help = "Log lines dropped because the output was blocked.";
    Collector::new("log", move || {
        vec![Family::counter("gslb_log_lines_dropped_total", help).of(dropped.count() as f64)]
    })
}
