//! How much memory it takes to read and compile a document, in multiples of its length.

#[path = "support/counting.rs"]
mod counting;
#[path = "../../tests/src/heavy.rs"]
#[allow(dead_code, unreachable_pub, reason = "only the good documents are used")]
mod heavy;

use std::sync::Arc;

use counting::{in_use, peak, reset_peak};
use gslb_core::budget::Budget;
use gslb_core::site::document::{no_files, read_json_text, to_json_text};
use gslb_core::table::RoutingTable;
use gslb_core::table::compile::compile;
use heavy::Heavy;

/// Multiples of its length that a document may take: to convert it from TOML, to read it, to compile it, and for its table.
type Limits = [f64; 4];

/// The limits of each kind of document.
fn limits(what: &str) -> Limits {
    match what {
        "services" => [0.0, 7.5, 6.0, 5.5],
        "pools" => [0.0, 8.5, 7.0, 6.5],
        "records" => [0.0, 7.3, 8.6, 3.5],
        "services in TOML" => [5.3, 6.6, 5.2, 4.8],
        other => panic!("{other} has no limits"),
    }
}

#[test]
fn a_document_takes_a_small_multiple_of_its_length() {
    for Heavy { what, body: document, .. } in heavy::good(2_000_000) {
        let length = document.len() as f64;
        let times = |octets: i64| octets as f64 / length;
        let before = in_use();
        reset_peak();
        let document = match document.starts_with('{') {
            true => document,
            false => to_json_text("document", &document, &mut { Budget::UNLIMITED }).unwrap(),
        };
        let converting = peak() - before;
        reset_peak();
        let before = in_use();
        let reading = read_json_text(&mut { Budget::UNLIMITED }, "document", &document, &mut no_files);
        let reading_peak = peak() - before;
        let site = reading.site.unwrap_or_else(|| panic!("{what}: {:?}", reading.problems));
        reset_peak();
        let table = RoutingTable::initial(compile(site, &[], &Arc::default(), None).topology.unwrap());
        let (kept, compiling) = (in_use() - before, peak() - before);
        drop(table);
        let measured = [converting, reading_peak, compiling, kept].map(times);
        let is_within = measured.iter().zip(limits(what)).all(|(measured, limit)| *measured <= limit);
        assert!(
            is_within,
            "{what}: {measured:.1?} times its length to convert it, read it, compile it, and keep the table"
        );
        println!("{what}: {measured:.1?}");
    }
}
