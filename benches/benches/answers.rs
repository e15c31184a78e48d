//! Time per kind of answer, from a datagram to its response, without sockets.

#![allow(missing_docs, reason = "criterion's macros make functions without")]

use std::hint::black_box;
use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use gslb_benches::{KINDS, Querier, query, sites, table};

fn answers(criterion: &mut Criterion) {
    let table = table(&sites::example(), sites::ZONE, &[Arc::new(geoip::bundled())]);
    for kind in KINDS {
        let query = query(kind);
        let mut querier = Querier::default();
        criterion.bench_function(kind, |bencher| bencher.iter(|| querier.ask(&table, black_box(&query))));
    }
}

criterion_group!(benches, answers);
criterion_main!(benches);
