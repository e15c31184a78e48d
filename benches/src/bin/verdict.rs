//! Time from the last failing outcome to the published table: p50, p99 and the longest, per shape of a large site.

use gslb_benches::verdict::{SHAPES, measure};

/// Of the site.
const SERVICES: usize = 100_000;
/// Of each shape.
const VERDICTS: u32 = 5_000;

fn main() {
    for (pools, endpoints) in SHAPES {
        let times = measure(SERVICES, pools, endpoints, VERDICTS);
        let [p50, p99, most] = [0.5, 0.99, 1.0].map(|share| times.quantile(share));
        println!("{SERVICES} services, {pools} pools of {endpoints}: p50 {p50:?}, p99 {p99:?}, most {most:?}");
    }
}
