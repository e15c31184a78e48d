//! Time to compile the example site over the bundled database, and to publish a verdict in a large site.

#![allow(missing_docs, reason = "criterion's macros make functions without")]

use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use gslb_benches::{sites, table};
use gslb_core::diff::compare;
use gslb_core::live::pool::{Change, EndpointState};
use gslb_core::site::model::PoolId;
use gslb_core::table::Published;

fn tables(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("tables");
    group.sample_size(10);
    let databases = [Arc::new(geoip::bundled())];
    group.bench_function("unpack the bundled database", |bencher| bencher.iter(geoip::bundled));
    let four_regions = sites::large(1, 4, 1);
    group.bench_function("compile it for four regions", |bencher| {
        bencher.iter(|| table(&four_regions, sites::ZONE, &databases));
    });
    let published = Published::new(table(&sites::large(100_000, 1_000, 10), sites::ZONE, &databases));
    group.bench_function("publish a verdict, 100,000 services, 10,000 endpoints", |bencher| {
        let mut up = true;
        let mut change = || {
            up = !up;
            [Change { pool: PoolId(500), endpoint: 3, state: EndpointState::new(up, 1) }]
        };
        bencher.iter_batched(
            &mut change,
            |changes| published.publish(published.load().with_changes(&changes)),
            BatchSize::SmallInput,
        );
    });
    let old = table(&sites::large(10_000, 1_000, 2), sites::ZONE, &databases);
    let down = [0, 1].map(|endpoint| Change { pool: PoolId(500), endpoint, state: EndpointState::new(false, 1) });
    let new = old.with_changes(&down);
    group.bench_function("compare two tables of 10,000 services, a pool down in one", |bencher| {
        bencher.iter(|| compare(&old, &new, &[]));
    });
    group.finish();
}

criterion_group!(benches, tables);
criterion_main!(benches);
