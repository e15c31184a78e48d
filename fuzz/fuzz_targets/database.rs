//! Any octets as a geo database: refused, or a value that keeps its promises.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|octets: &[u8]| {
    if let Ok(database) = geoip::Database::load(octets, "fuzz") {
        assert!(database.v4.first().is_some_and(|leaf| leaf.start == 0));
        assert!(database.v4.is_sorted_by(|a, b| a.start < b.start));
        assert!(database.v6.is_sorted_by(|a, b| a.start < b.start));
        assert!(database.v4.iter().all(|leaf| (leaf.place as usize) < database.places.len()));
    }
});
