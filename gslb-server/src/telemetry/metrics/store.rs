//! The store: where it is, whether it can write, and how long that takes.

use gslb_api::Api;

use super::{Collector, Family};

/// The store of `api`.
pub fn collector(api: Api) -> Collector {
    Collector::new("store", move || {
        let meters = api.meters();
        let commits = meters.commits();
        let help = "Time for which the store was asked for a commit, until it was durable or failed.";
        let mut times = Family::histogram("gslb_store_commit_duration_seconds", help);
        times.add_ranges(&[], commits.ranges(), commits.count, commits.sum);
        let revision = "Revision of the store, which every commit raises.";
        let available = "1 unless the store could not do the last commit.";
        vec![
            times,
            Family::gauge("gslb_store_revision", revision).of(meters.store_revision() as f64),
            Family::gauge("gslb_store_available", available).of(f64::from(u8::from(meters.store_is_available()))),
        ]
    })
}
