//! Answers by region, from the sample.

use std::sync::Arc;

use super::{Collector, Family};
use crate::capture::sample::Sample;

/// Answers in `sample`.
pub fn collector(sample: Arc<Sample>) -> Collector {
    Collector::new("sample", move || {
        let totals = sample.totals();
        let help = "Answers that services decided, by region of the client and data center; from the sample.";
        let mut regions = Family::counter("gslb_region_answers_total", help);
        for (region, data_center, count) in totals.regions.all() {
            regions.add(&[("data_center", data_center), ("region", region)], count as f64);
        }
        let queries = "Answers of services that the sample represents.";
        let lost = "Sampled answers that could not be kept for ten minutes.";
        vec![
            regions,
            Family::counter("gslb_sample_queries_total", queries).of(totals.answers as f64),
            Family::counter("gslb_sample_lost_total", lost).of(totals.lost as f64),
        ]
    })
}
