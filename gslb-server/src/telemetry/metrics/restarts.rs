//! Metrics of restarts without a gap.

use std::sync::Arc;

use gslb_api::restart::{RestartCounts, Restarts};

use super::{Collector, Family};

/// Restarts by their results. A successor continues the counts of its predecessor.
pub fn collector(restarts: Arc<Restarts>) -> Collector {
    Collector::new("restarts", move || {
        let RestartCounts { succeeded, not_started, failed, timed_out, refused } = restarts.counts();
        let mut counts = Family::counter("gslb_restarts_total", "Restarts without a gap, by result.");
        for (result, count) in [
            ("succeeded", succeeded),
            ("not-started", not_started),
            ("failed", failed),
            ("timed-out", timed_out),
            ("refused", refused),
        ] {
            counts.add(&[("result", result)], count as f64);
        }
        vec![counts]
    })
}
