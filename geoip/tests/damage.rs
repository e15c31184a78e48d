//! Loading a damaged file ends in a clean error or in a database that keeps all invariants.

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
fn pointer_loops_are_refused() {
    assert_bad_record(b"\x20\x00"); // the record points to itself
    // A country that is its own record is not followed round and round: it is a country without a code.
    let error = load(&with_record(b"\xe1\x47country\x20\x00")).unwrap_err();
    assert!(matches!(error.fault, Fault::Foreign { .. }), "{error}");
    assert_bad_record(b"\xe1\x4csubdivisions\x20\x0e"); // a pointer to itself
    assert_bad_record(b"\xe1\x4ccountry_code\x38\xff\xff\xff\xff"); // out of the file
}

#[test]
fn invalid_trees_are_refused_with_node_and_network() {
    let shape = Shape { ip_version: 4, ..Shape::default() };
    let sample = write(&shape, &[("0.0.0.0/2", flat("DE"))]);
    let node_count = 2_u8;
    // The first octets are the branches of node 0 (to node 1, and to nothing), three octets each.
    let cases: [(u8, &str, &str); 3] = [
        (0, "at 255.255.255.254/32", "a cycle"),
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

/// A file of IPv4 whose nodes have these branches: `node_count` is nothing, above it are records.
fn with_nodes(nodes: &[[u32; 2]]) -> Vec<u8> {
    let shape = Shape { ip_version: 4, ..Shape::default() };
    let sample = write(&shape, &[("0.0.0.0/1", flat("DE"))]);
    // One node of six octets; its count is the last value but one of the metadata.
    let count = sample.windows(11).rposition(|window| window == b"\x4anode_count").expect("the metadata has it") + 12;
    let mut file: Vec<u8> = nodes.iter().flatten().flat_map(|branch| branch.to_be_bytes()[1..].to_vec()).collect();
    file.extend_from_slice(&sample[6..count]);
    file.extend_from_slice(&(nodes.len() as u32).to_be_bytes());
    file.extend_from_slice(&sample[count + 4..]);
    file
}

#[test]
fn subtrees_may_be_shared() {
    let (nothing, record) = (3, 3 + 16);
    let shared = load(&with_nodes(&[[1, 1], [2, nothing], [record, nothing]])).unwrap();
    for (address, is_known) in [("0.0.0.1", true), ("32.0.0.1", false), ("128.0.0.1", true), ("160.0.0.1", false)] {
        assert_eq!(shared.place_of(address.parse().unwrap()).country.is_some(), is_known, "{address}");
    }
}

#[test]
fn a_small_tree_that_expands_to_a_huge_one_is_refused() {
    // Each node leads to the next one twice, and the last one to a record and to nothing: 2^32 networks of 32 nodes.
    let mut nodes: Vec<[u32; 2]> = (1..32).map(|next| [next, next]).collect();
    nodes.push([32 + 16, 32]);
    let text = load(&with_nodes(&nodes)).unwrap_err().to_string();
    assert!(text.contains("too many networks"), "{text}");
}

#[test]
fn a_few_odd_records_cost_their_field_and_many_the_file() {
    let shape = Shape { ip_version: 4, ..Shape::default() };
    let with_odd = |odd: usize, good: usize| {
        let countries = ["DE", "FR", "JP", "US", "BR", "NL", "GB", "CA", "AU", "NZ"];
        let networks: Vec<(String, Data)> = (0..odd + good)
            .map(|n| {
                let country = countries[n % countries.len()];
                let subdivision = if n < odd { format!("odd-{n}") } else { format!("{}", n % 1000) };
                let record = nested("EU", country, &subdivision, n as f64 / 100.0, 1.0);
                (format!("10.{}.{}.0/24", n / 256, n % 256), record)
            })
            .collect();
        let networks: Vec<(&str, Data)> =
            networks.iter().map(|(network, data)| (network.as_str(), data.clone())).collect();
        load(&write(&shape, &networks))
    };
    let few = with_odd(10, 5).unwrap();
    assert_eq!((few.odd.count, few.odd.first.starts_with("10.0.0.0/24: ")), (10, true), "{}", few.odd.first);
    let place = few.place_of("10.0.1.1".parse().unwrap());
    assert_eq!((place.country.unwrap().as_str(), place.subdivision.as_deref()), ("FR", None));
    assert_eq!(with_odd(0, 5).unwrap().odd.count, 0);
    assert!(matches!(with_odd(11, 5).unwrap_err().fault, Fault::Odd { count: 11, records: 16, most: 10, .. }));
    assert_eq!(with_odd(12, 1200).unwrap().odd.count, 12, "one in a hundred of a large file");
}

#[test]
fn text_that_is_not_utf8_costs_its_record() {
    let shape = Shape { ip_version: 4, ..Shape::default() };
    let record = |country, subdivision| nested("EU", country, subdivision, 50.0, 8.0);
    let mut bytes = write(&shape, &[("10.0.0.0/24", record("DE", "QQ1")), ("10.0.1.0/24", record("FR", "IDF"))]);
    let at = bytes.windows(3).position(|window| window == b"QQ1").unwrap();
    bytes[at] = 0xff;
    let database = load(&bytes).unwrap();
    assert_eq!(database.odd.count, 1);
    assert!(database.odd.first.contains("10.0.0.0/24"), "{}", database.odd.first);
    assert_eq!(database.place_of("10.0.1.1".parse().unwrap()).country.unwrap().as_str(), "FR");
}

#[test]
fn description_and_languages_may_be_missing() {
    let sample = &samples()[1];
    for (key, value) in [("description", &b"\xe0"[..]), ("languages", &b"\x00\x04"[..])] {
        let entry = [&[2 << 5 | key.len() as u8], key.as_bytes(), value].concat();
        let at = sample.windows(entry.len()).rposition(|window| window == entry).expect(key);
        let mut without = [&sample[..at], &sample[at + entry.len()..]].concat();
        // The map of the metadata begins right after the marker.
        let map = without.windows(14).rposition(|window| window == b"\xab\xcd\xefMaxMind.com").unwrap() + 14;
        without[map] -= 1;
        assert_eq!(load(&without).unwrap(), load(sample).unwrap(), "{key}");
    }
}
