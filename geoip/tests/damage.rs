//! However a file is damaged, loading ends in a clean error or in a database that keeps every promise.

mod invariants;

use geoip::fixture::{Data, Shape, flat, nested, write};
use geoip::{Database, Fault, LoadError};

/// Loads what may be damaged; a database that comes out must be sound.
fn load(bytes: &[u8]) -> Result<Database, LoadError> {
    let loaded = Database::load(bytes, "damaged");
    match &loaded {
        Ok(database) => invariants::check(database),
        Err(error) => assert!(error.to_string().len() < 2000, "an error is a line, not a dump: {error}"),
    }
    loaded
}

/// Small databases of every shape.
fn samples() -> Vec<Vec<u8>> {
    let networks: [(&str, Data); 3] = [
        ("192.0.2.0/24", nested("EU", "DE", "BY", 48.1, 11.5)),
        ("198.51.100.0/30", flat("US")),
        ("10.0.0.0/8", flat("BR")),
    ];
    let both = [networks.as_slice(), &[("2001:db8::/32", flat("JP"))]].concat();
    let mut samples = Vec::new();
    for record_size in [24, 28, 32] {
        let shape = Shape { record_size, ..Shape::default() };
        samples.push(write(&Shape { ip_version: 4, ..shape.clone() }, &networks));
        samples.push(write(&shape, &both));
        samples.push(write(&Shape { aliases: true, ..shape }, &both));
    }
    assert!(samples.iter().all(|sample| load(sample).is_ok()), "undamaged, every sample loads");
    samples
}

#[test]
fn truncated_at_every_octet() {
    for sample in samples() {
        for length in 0..sample.len() {
            assert!(load(&sample[..length]).is_err(), "cut to {length} of {} octets", sample.len());
        }
    }
}

#[test]
fn an_octet_flipped_at_every_position() {
    for sample in samples() {
        for position in 0..sample.len() {
            for mask in [0xff, 0x80, 0x20, 0x01] {
                let mut damaged = sample.clone();
                damaged[position] ^= mask;
                let _ = load(&damaged);
            }
        }
    }
}

#[test]
fn every_value_of_every_octet_of_a_small_file() {
    let shape = Shape { ip_version: 4, ..Shape::default() };
    let sample = write(&shape, &[("0.0.0.0/1", flat("DE")), ("128.0.0.0/2", nested("EU", "DE", "BY", 48.1, 11.5))]);
    for position in 0..sample.len() {
        for value in 0..=255 {
            let mut damaged = sample.clone();
            damaged[position] = value;
            let _ = load(&damaged);
        }
    }
}

#[test]
fn octets_after_the_end_and_noise_before_it() {
    let sample = &samples()[0];
    let _ = load(&[sample.as_slice(), &[0; 64]].concat());
    let _ = load(&[sample.as_slice(), sample].concat());
    assert!(load(&[&[0; 64], sample.as_slice()].concat()).is_err());
}

/// A file of one node whose low branch is a record with these octets.
fn with_record(record: &[u8]) -> Vec<u8> {
    let shape = Shape { ip_version: 4, ..Shape::default() };
    let sample = write(&shape, &[("0.0.0.0/1", flat("DE"))]);
    let written = b"\xe1\x4ccountry_code\x42DE";
    let start = sample.windows(written.len()).position(|window| window == written).expect("the record is there");
    [&sample[..start], record, &sample[start + written.len()..]].concat()
}

fn assert_bad_record(record: &[u8]) {
    match load(&with_record(record)).map_err(|error| error.fault) {
        Err(Fault::Record { offset: 0, .. }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn deep_nesting_is_refused() {
    assert!(load(&with_record(b"\xe1\x4ccountry_code\x42DE")).is_ok());
    for depth in [200, 5_000, 1_000_000] {
        // Lists in an unknown key, lists where text is due, and maps of maps.
        assert_bad_record(&[b"\xe1\x41x".as_slice(), &[1, 4].repeat(depth), &[0x40]].concat());
        assert_bad_record(&[b"\xe1\x4ccountry_code".as_slice(), &[1, 4].repeat(depth), &[0x40]].concat());
        assert_bad_record(&[b"\xe1\x47country".as_slice(), &b"\xe1\x41x".repeat(depth), &[0x40]].concat());
        assert_bad_record(&[b"\xe1\x4csubdivisions".as_slice(), &[1, 4].repeat(depth), &[0x40]].concat());
    }
}

#[test]
fn oversized_counts_and_lengths_are_refused() {
    assert_bad_record(b"\xff\xff\xff\xff\x41x"); // a map of 16,843,036 entries
    assert_bad_record(b"\xe1\x4csubdivisions\x1f\x04\xff\xff\xff"); // a list as long
    assert_bad_record(b"\xe1\x4ccountry_code\x5f\xff\xff\xff"); // text as long
}

#[test]
fn pointers_in_circles_are_refused() {
    assert_bad_record(b"\x20\x00"); // the record points to itself
    // A country that is its own record is not followed round and round: it is a country without a code.
    let error = load(&with_record(b"\xe1\x47country\x20\x00")).unwrap_err();
    assert!(matches!(error.fault, Fault::Foreign { .. }), "{error}");
    assert_bad_record(b"\xe1\x4csubdivisions\x20\x0e"); // a pointer to itself
    assert_bad_record(b"\xe1\x4ccountry_code\x38\xff\xff\xff\xff"); // out of the file
}

#[test]
fn trees_that_are_none_are_refused_by_node_and_network() {
    let shape = Shape { ip_version: 4, ..Shape::default() };
    let sample = write(&shape, &[("0.0.0.0/2", flat("DE"))]);
    let node_count = 2_u8;
    // The first octets are the branches of node 0 (to node 1, and to nothing), three octets each.
    let cases: [(u8, &str, &str); 4] = [
        (0, "node 0, at 128.0.0.0/1", "reached a second time"),
        (1, "node 1, at 128.0.0.0/1", "reached a second time"),
        (node_count + 1, "node 0, at 128.0.0.0/1", "between the tree and the data"),
        (255, "node 0, at 128.0.0.0/1", "past the end of the data"),
    ];
    for (branch, place, what) in cases {
        let mut damaged = sample.clone();
        damaged[5] = branch;
        let text = load(&damaged).unwrap_err().to_string();
        assert!(text.contains(place) && text.contains(what), "{branch}: {text}");
    }
}
