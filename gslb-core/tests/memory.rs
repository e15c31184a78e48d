//! What a table says of its memory, which metrics and the log show, is what it has allocated.

#[path = "support/counting.rs"]
mod counting;
mod support;

use std::sync::LazyLock;

use counting::allocated;
use gslb_core::steer::column::Column;
use gslb_core::steer::index::LocationIndex;
use support::WORLD;

const DOCUMENT: &str = include_str!("../../deploy/example/site.toml");
const ZONE: &str = include_str!("../../deploy/example/example.com.zone");

/// The value, and the octets that stay allocated for it.
fn measured<T>(make: impl FnOnce() -> T) -> (T, usize) {
    let before = allocated();
    let made = make();
    (made, usize::try_from(allocated() - before).unwrap())
}

#[test]
fn an_index_and_its_columns_say_what_they_take() {
    LazyLock::force(&WORLD);
    let (index, taken) = measured(|| LocationIndex::build(&*WORLD, &[]));
    let told = index.memory();
    assert!(told <= taken && taken < told + told / 10, "{told} of {taken}");
    for classes in [1, 5, 300] {
        let classes: Vec<u32> = (0..index.loci.len() as u32).map(|locus| locus % classes).collect();
        let (column, taken) = measured(|| Column::build(&index, &classes));
        assert_eq!(column.memory(), taken);
    }
}

#[test]
fn a_table_says_what_it_takes_with_its_counters() {
    LazyLock::force(&WORLD);
    let (table, taken) = measured(|| support::table(DOCUMENT, ZONE, &*WORLD));
    let told = table.memory();
    assert!(told <= taken && taken < 2 * told, "{told} of {taken}");
    let (table, taken) = measured(|| table.counting(64, None));
    let more = table.memory() - told;
    assert!(0 < more && more <= taken && taken < 2 * more, "{more} of {taken}");
}
