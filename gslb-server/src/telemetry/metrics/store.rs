//! The store: its revision, availability and commit times.

use gslb_api::Api;

use super::{Collector, Family};

/// The store of `api`.
pub fn collector(api: Api) -> Collector {
    Collector::new("store", move || {
        let meters = api.meters();
        let commits = meters.commits();
        let help = "Time from a commit request until it was durable or failed.";
        let mut times = Family::histogram("gslb_store_commit_duration_seconds", help);
        times.add_ranges(&[], commits.ranges(), commits.count, commits.sum);
        let revision = "Revision of the store; every commit raises it.";
        let available = "1 unless the last commit to the store failed.";
        vec![
            times,
            Family::gauge("gslb_store_revision", revision).of(meters.store_revision() as f64),
            Family::gauge("gslb_store_available", available).of(f64::from(u8::from(meters.store_is_available()))),
        ]
    })
}
