//! How much memory it takes to read and compile a document, in multiples of its length.

#[path = "support/counting.rs"]
mod counting;

use std::sync::Arc;

use counting::{in_use, peak, reset_peak};
use gslb_core::budget::Budget;
use gslb_core::site::document::{no_files, read_json_text, to_json_text};
use gslb_core::table::RoutingTable;
use gslb_core::table::compile::compile;

const ZONE: &str = "$TTL 1h\\n@ IN SOA ns1 hostmaster 1 2h 15m 4w 5m\\n IN NS ns1\\nns1 IN A 192.0.2.53\\n";
const OCTETS: usize = 2_000_000;

/// Multiples of its length that a document may take: to convert it from TOML, to read it, to compile it, and for its table.
type Limits = [f64; 4];

/// Documents of each kind, in JSON; the last one in TOML.
fn documents() -> [(&'static str, String, Limits); 4] {
    let joined = |entry: &dyn Fn(usize) -> String| {
        let count = OCTETS / (entry(10_000).len() + 1);
        (0..count).map(entry).collect::<Vec<_>>().join(",")
    };
    let pool = "\"p\":{\"endpoints\":{\"e\":{\"address\":\"192.0.2.1\"}}}";
    let services = joined(&|number| format!("\"service-{number}.example.com\":{{\"policy\":\"p\",\"ttl\":\"30s\"}}"));
    let pools = joined(&|number| {
        format!(
            "\"pool-{number}\":{{\"endpoints\":{{\"one\":{{\"address\":\"10.1.0.1\",\"weight\":10}},\"two\":{{\"address\":\
             \"10.2.0.1\",\"weight\":20}}}}}}"
        )
    });
    let records: String =
        (0..OCTETS / 34).map(|number| format!("host-{number} IN A 192.0.2.{}\\n", number % 250)).collect();
    let json = |records: &str, rest: &str| {
        format!("{{\"zones\":{{\"example.com\":{{\"records\":\"{ZONE}{records}\"}}}}{rest}}}")
    };
    let mut toml =
        format!("[zones.\"example.com\"]\nrecords = \"{ZONE}\"\n[pools.p]\nendpoints.e.address = \"192.0.2.1\"\n");
    for number in 0.. {
        if toml.len() >= OCTETS {
            break;
        }
        toml += &format!("[services.\"service-{number}.example.com\"]\npolicy = \"p\"\nttl = \"30s\"\n");
    }
    [
        ("services", json("", &format!(",\"pools\":{{{pool}}},\"services\":{{{services}}}")), [0.0, 7.5, 6.5, 5.5]),
        ("pools", json("", &format!(",\"pools\":{{{pools}}}")), [0.0, 8.5, 7.0, 6.5]),
        ("records", json(&records, ""), [0.0, 7.5, 10.0, 3.5]),
        ("services in TOML", toml, [5.5, 6.6, 5.5, 5.0]),
    ]
}

#[test]
fn a_document_takes_a_small_multiple_of_its_length() {
    for (what, document, limits) in documents() {
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
        let is_within = measured.iter().zip(limits).all(|(measured, limit)| *measured <= limit);
        assert!(
            is_within,
            "{what}: {measured:.1?} times its length to convert it, read it, compile it, and keep the table"
        );
        println!("{what}: {measured:.1?}");
    }
}
