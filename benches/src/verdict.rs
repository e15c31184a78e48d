//! From the last failing outcome to the published table, in a large site.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gslb_core::health::{Failure, Health, Outcome, Saved};
use gslb_core::live::overrides::{Override, apply_to};
use gslb_core::moment::Moment;
use gslb_core::table::Published;

use crate::histogram::Histogram;
use crate::sites;

/// Shapes of the site: pools, and endpoints of each.
pub const SHAPES: [(usize, usize); 2] = [(1_000, 10), (10_000, 1)];

/// Times of `verdicts` that take an endpoint down; each endpoint recovers before the next one fails.
#[must_use]
pub fn measure(services: usize, pools: usize, endpoints: usize, verdicts: u32) -> Histogram {
    let databases = [Arc::new(geoip::bundled())];
    let table = crate::table(&sites::probed(services, pools, endpoints), sites::ZONE, &databases);
    let mut health = Health::new(&table.topology().site, &Saved::default(), Moment::default(), 0);
    let published = Published::new(table);
    let targets = health.targets().len() as u32;
    let mut observe = |target: u32, passes: bool| {
        let result = if passes { Ok(()) } else { Err(Failure::Timeout) };
        let outcome = Outcome::new(result, Duration::from_millis(1), "no result within 500ms");
        let begun = Instant::now();
        let effects = health.observe(target, &outcome, Moment::default(), 0);
        let table = published.load();
        let changes = apply_to(std::iter::empty::<&Override>(), &table.topology().site, &effects.changes);
        let next = table.with_changes(&changes);
        drop(table);
        let is_newer = published.publish(next);
        let took = begun.elapsed();
        assert!(is_newer.is_ok() && changes.len() == 1, "an outcome on the way to a change is in the table");
        took
    };
    let mut histogram = Histogram::default();
    for verdict in 0..verdicts {
        // Far from the one before, as endpoints fail.
        let target = (u64::from(verdict) * 7_919 % u64::from(targets)) as u32;
        observe(target, false);
        histogram.add(observe(target, false));
        observe(target, true);
        observe(target, true);
    }
    histogram
}
