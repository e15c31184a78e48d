//! The cost of a look-up by number of names: answers to random names, in an order that defeats caches.

use std::hint::black_box;

use gslb_core::respond::MAX_BATCH;

use super::documents;
use super::figures::{Row, Unit, grouped};
use super::process::processor_time;
use crate::{Querier, compiled, datagram};

pub(super) const COLUMNS: [(&str, Unit); 4] = [
    ("per answer", Unit::Nanos),
    ("to the first", Unit::Ratio),
    ("in batches", Unit::Nanos),
    ("to the first", Unit::Ratio),
];

/// Default sizes in names.
pub(super) const SIZES: [u32; 3] = [1_000, 100_000, 1_000_000];

/// Queries per size.
const QUERIES: usize = 1_000_000;
/// Repetitions; the quickest time counts.
const ROUNDS: usize = 5;

/// Measures tables of these sizes.
pub(super) fn measure(sizes: &[u32]) -> Vec<Row> {
    let mut first = None;
    let row = |&names: &u32| {
        let [alone, ahead] = per_answer(names);
        let [first_alone, first_ahead] = *first.get_or_insert([alone, ahead]);
        Row::new(grouped(u64::from(names)), [alone, alone / first_alone, ahead, ahead / first_ahead])
    };
    sizes.iter().map(row).collect()
}

/// Nanoseconds per answer: each query by itself, and batches as a UDP worker answers them.
fn per_answer(names: u32) -> [f64; 2] {
    let mut zone = Some(documents::zone(names).into_bytes());
    let table = compiled(documents::STATIC, &mut || zone.take().unwrap_or_default(), &[], None);
    let template = datagram(&format!("{}.example.com", documents::label(0)), 1, None);
    let queries = queries(&template, names);
    let queries = || queries.chunks(template.len() * MAX_BATCH).map(|batch| batch.chunks(template.len()));
    let mut querier = Querier::default();
    let alone = quickest(|| queries().flatten().map(|query| querier.ask(&table, query)).sum());
    let batched = quickest(|| queries().map(|batch| querier.ask_batch(&table, batch)).sum());
    [alone, batched]
}

/// Nanoseconds per query of the quickest of several rounds; a round returns the number of octets answered.
fn quickest(mut round: impl FnMut() -> usize) -> f64 {
    let mut nanos = || {
        let before = processor_time();
        black_box(round());
        (processor_time() - before).as_nanos() as f64 / QUERIES as f64
    };
    (0..ROUNDS).map(|_| nanos()).min_by(f64::total_cmp).unwrap_or_default()
}

/// The concatenated queries, each as long as `template`, which queries the first name.
fn queries(template: &[u8], names: u32) -> Vec<u8> {
    let mut random = super::city::Random::new(1);
    let mut queries = template.repeat(QUERIES);
    for query in queries.chunks_mut(template.len()) {
        let label = documents::label(random.below(u64::from(names)) as u32);
        query[13..13 + label.len()].copy_from_slice(label.as_bytes());
    }
    queries
}
