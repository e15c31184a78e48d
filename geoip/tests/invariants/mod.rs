//! Invariants of every loaded database.

use std::collections::HashSet;

use geoip::{Database, Leaf};

/// Panics if the database violates an invariant of `Database`.
pub(crate) fn check(database: &Database) {
    assert_eq!(database.places[0], geoip::Place::default(), "index 0 is the unknown place");
    let distinct: HashSet<_> = database.places.iter().collect();
    assert_eq!(distinct.len(), database.places.len(), "no place occurs twice");
    check_leaves(&database.v4, database.places.len());
    check_leaves(&database.v6, database.places.len());
    for place in &database.places {
        assert_ne!(place.asn, Some(0));
        if let Some(coordinate) = place.coordinate {
            assert!(coordinate.latitude().abs() <= 90.0 && coordinate.longitude().abs() <= 180.0);
        }
        if let Some(subdivision) = &place.subdivision {
            assert!(subdivision.starts_with(place.country.expect("a subdivision is of a country").as_str()));
        }
    }
}

fn check_leaves<K: Copy + Ord + Default + std::fmt::Debug>(leaves: &[Leaf<K>], places: usize) {
    assert_eq!(leaves[0].start, K::default(), "the first leaf starts at 0");
    assert!(leaves.iter().all(|leaf| (leaf.place as usize) < places));
    for pair in leaves.windows(2) {
        assert!(pair[0].start < pair[1].start, "starts ascend: {pair:?}");
        assert_ne!(pair[0].place, pair[1].place, "neighbors differ: {pair:?}");
    }
}
