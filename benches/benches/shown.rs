//! The cost of capturing answers for a worker: time of a batch of 64 answers without readers, and with all of them
//! captured.

#![allow(missing_docs, reason = "criterion's macros make functions without")]

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use gslb::capture::tap::{RING_ANSWERS, Switch, Tap, TapReader, pair};
use gslb_api::traffic::tail::Tail;
use gslb_benches::{Querier, query, sites, table};
use gslb_core::respond::MAX_BATCH;
use gslb_core::table::RoutingTable;

/// Batches that fit a ring, with room to spare.
const BATCHES: u64 = RING_ANSWERS as u64 / MAX_BATCH as u64 / 4;

/// Time for `batches` batches. Captured answers are taken out of the ring outside of the measured time; in a server,
/// another thread does that.
fn time(table: &RoutingTable, (tap, shown): &mut (Tap, TapReader), query: &[u8], batches: u64) -> Duration {
    let (mut querier, mut sum) = (Querier::default(), Duration::ZERO);
    for first in (0..batches).step_by(BATCHES as usize) {
        let begun = Instant::now();
        for _ in first..(first + BATCHES).min(batches) {
            let queries = std::iter::repeat_n(black_box(query), MAX_BATCH);
            black_box(querier.ask_batch_shown(table, tap, queries));
        }
        sum += begun.elapsed();
        while shown.take().is_some() {}
    }
    assert_eq!(shown.counts.lost_to_dnstap.get(), 0, "what is lost costs less");
    sum
}

fn shown(criterion: &mut Criterion) {
    let table = table(&sites::example(), sites::ZONE, &[Arc::new(geoip::bundled())]);
    for kind in ["static", "steered-v4", "nxdomain"] {
        let query = query(kind);
        let mut group = criterion.benchmark_group(kind);
        group.throughput(Throughput::Elements(MAX_BATCH as u64));
        for (name, share) in [("unwatched", None), ("shown", Some(1.0))] {
            let mut tap = pair(Arc::new(Switch::new(share, Tail::default())), 1);
            group.bench_function(name, |bencher| {
                bencher.iter_custom(|batches| time(&table, &mut tap, &query, batches));
            });
        }
        group.finish();
    }
}

criterion_group!(benches, shown);
criterion_main!(benches);
