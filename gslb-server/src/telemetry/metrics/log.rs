//! What became of the lines of the log.

use super::{Collector, Family};
use crate::telemetry::logging::Dropped;

/// The lines of a log.
pub fn collector(dropped: Dropped) -> Collector {
    let help = "Lines of the log that were dropped, as nobody took them in time.";
    Collector::new("log", move || {
        vec![Family::counter("gslb_log_lines_dropped_total", help).of(dropped.count() as f64)]
    })
}
