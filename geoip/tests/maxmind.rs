//! MaxMind's public test databases: the good ones equal their sources, the bad ones are refused.
//!
//! They are not part of this repository. If their folder is missing, these tests print that and pass; the generated
//! fixtures of the other tests always run.

mod invariants;

use std::io::Write;
use std::net::{IpAddr, Ipv6Addr};
use std::path::{Path, PathBuf};

use geoip::{Database, Fault, Place};
use serde_json::Value;

/// Names a folder with `test-data`, `source-data` and `bad-data` of MaxMind's MaxMind-DB repository.
const FOLDER_VARIABLE: &str = "GSLB_MAXMIND_DB";
const FOLDER_BESIDE_THE_REPOSITORY: &str = "../../shared/data/maxmind-db";

fn folder() -> Option<PathBuf> {
    if let Some(folder) = std::env::var_os(FOLDER_VARIABLE).map(PathBuf::from) {
        assert!(folder.join("test-data").is_dir(), "{FOLDER_VARIABLE}: {} has no test-data", folder.display());
        return Some(folder);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(FOLDER_BESIDE_THE_REPOSITORY);
    if folder.join("test-data").is_dir() {
        return Some(folder);
    }
    // Not by `eprintln!`, which the test harness would keep to itself.
    let _ = writeln!(
        std::io::stderr(),
        "no MaxMind test databases to read at {} (set {FOLDER_VARIABLE}): only made fixtures are checked",
        folder.display()
    );
    None
}

/// Databases of places, with how many networks of their source are there to compare at least.
const GOOD: [(&str, usize); 10] = [
    ("GeoIP2-City-Test", 200),
    ("GeoIP2-Country-Test", 200),
    ("GeoIP2-Enterprise-Test", 30),
    ("GeoIP2-ISP-Test", 200),
    ("GeoIP2-Precision-Enterprise-Test", 50),
    ("GeoLite2-ASN-Test", 200),
    ("GeoLite2-City-Test", 200),
    ("GeoLite2-Country-Test", 200),
    ("GeoIP2-City-Shield-Test", 0),
    ("GeoIP2-Country-Shield-Test", 0),
];

#[test]
fn good_databases_equal_their_sources() {
    let Some(folder) = folder() else { return };
    for (name, at_least) in GOOD {
        let database = Database::open(folder.join("test-data").join(format!("{name}.mmdb"))).unwrap();
        invariants::check(&database);
        let Ok(source) = std::fs::read(folder.join("source-data").join(format!("{name}.json"))) else { continue };
        let source = networks(&serde_json::from_slice(&source).unwrap());
        let mut compared = 0;
        for &(address, length, _) in &source {
            // Networks of the source overlap: the most specific one counts.
            let (.., record) = source
                .iter()
                .filter(|&&(other, shorter, _)| length_in_common(address, other) >= shorter && shorter >= length)
                .max_by_key(|&&(_, length, _)| length)
                .unwrap();
            compare(database.place_of(unmapped(address)), record, &format!("{name}: {address}/{length}"));
            compared += 1;
        }
        assert!(compared >= at_least, "{name}: {compared} networks compared");
    }
}

/// Address, length and record of each network of a source file.
fn networks(source: &Value) -> Vec<(Ipv6Addr, u32, Value)> {
    let entries = source.as_array().unwrap().iter().flat_map(|entry| entry.as_object().unwrap());
    entries
        .map(|(network, record)| {
            let (address, length) = network.split_once('/').unwrap();
            let length: u32 = length.parse().unwrap();
            match address.parse().unwrap() {
                IpAddr::V4(v4) => (Ipv6Addr::from_bits(v4.to_bits().into()), length + 96, record.clone()),
                IpAddr::V6(v6) => (v6, length, record.clone()),
            }
        })
        .collect()
}

fn length_in_common(a: Ipv6Addr, b: Ipv6Addr) -> u32 {
    (a.to_bits() ^ b.to_bits()).leading_zeros()
}

/// The sources write many IPv4 networks as IPv6 ones below `::/96`.
fn unmapped(address: Ipv6Addr) -> IpAddr {
    u32::try_from(address.to_bits()).map_or(address.into(), |v4| IpAddr::V4(v4.into()))
}

fn compare(place: &Place, record: &Value, network: &str) {
    let text = |pointer: &str| record.pointer(pointer).and_then(Value::as_str);
    let number = |pointer: &str| record.pointer(pointer).and_then(Value::as_f64);
    let country = place.country.map(|code| code.to_string());
    if let Some(expected) = text("/country/iso_code") {
        assert_eq!(country.as_deref(), Some(expected), "{network}");
    }
    if let Some(expected) = text("/continent/code") {
        assert_eq!(place.continent.map(|continent| continent.code()), Some(expected), "{network}");
    }
    let subdivision = text("/subdivisions/0/iso_code").map(|code| format!("{}-{code}", country.unwrap()));
    assert_eq!(place.subdivision.as_deref(), subdivision.as_deref(), "{network}");
    if let (Some(latitude), Some(longitude)) = (number("/location/latitude"), number("/location/longitude")) {
        let found = place.coordinate.expect(network);
        assert!(
            (found.latitude() - latitude).abs() < 1e-6 && (found.longitude() - longitude).abs() < 1e-6,
            "{network}"
        );
    }
    let asn = number("/autonomous_system_number").or(number("/traits/autonomous_system_number"));
    assert_eq!(place.asn.map(f64::from), asn, "{network}");
}

/// Sound files that say nothing of places.
const FOREIGN: [&str; 21] = [
    "GeoIP-Anonymous-Plus-Test",
    "GeoIP-Residential-Proxy-Test",
    "GeoIP2-Anonymous-IP-Test",
    "GeoIP2-Connection-Type-Test",
    "GeoIP2-DensityIncome-Test",
    "GeoIP2-Domain-Test",
    "GeoIP2-IP-Risk-Test",
    "GeoIP2-Static-IP-Score-Test",
    "GeoIP2-User-Count-Test",
    "MaxMind-DB-test-decoder",
    "MaxMind-DB-test-ipv4-24",
    "MaxMind-DB-test-ipv4-28",
    "MaxMind-DB-test-ipv4-32",
    "MaxMind-DB-test-ipv6-24",
    "MaxMind-DB-test-ipv6-28",
    "MaxMind-DB-test-ipv6-32",
    "MaxMind-DB-test-metadata-pointers",
    "MaxMind-DB-test-mixed-24",
    "MaxMind-DB-test-mixed-28",
    "MaxMind-DB-test-mixed-32",
    "MaxMind-DB-test-nested",
];

#[test]
fn databases_of_another_kind_are_named() {
    let Some(folder) = folder() else { return };
    for name in FOREIGN {
        let error = Database::open(folder.join("test-data").join(format!("{name}.mmdb"))).unwrap_err();
        assert!(matches!(error.fault, Fault::Foreign { .. }), "{error}");
    }
}

/// Damaged files, and a part of the error of each.
const DAMAGED: [(&str, &str); 26] = [
    ("test-data/GeoIP2-City-Test-Broken-Double-Format", "double of size"),
    ("test-data/GeoIP2-City-Test-Invalid-Node-Count", "search tree extends beyond"),
    ("test-data/MaxMind-DB-no-ipv4-search-tree", "expected map"),
    ("test-data/MaxMind-DB-string-value-entries", "expected map"),
    ("test-data/MaxMind-DB-test-broken-pointers-24", "past the end of the data"),
    ("test-data/MaxMind-DB-test-broken-search-tree-24", "a cycle"),
    ("bad-data/libmaxminddb/libmaxminddb-corrupt-search-tree", ""),
    ("bad-data/libmaxminddb/libmaxminddb-deep-array-nesting", ""),
    ("bad-data/libmaxminddb/libmaxminddb-deep-nesting", ""),
    ("bad-data/libmaxminddb/libmaxminddb-empty-array-last-in-metadata", ""),
    ("bad-data/libmaxminddb/libmaxminddb-empty-map-last-in-metadata", ""),
    ("bad-data/libmaxminddb/libmaxminddb-metadata-marker-only", "unexpected end"),
    ("bad-data/libmaxminddb/libmaxminddb-offset-integer-overflow", "unexpected end"),
    ("bad-data/libmaxminddb/libmaxminddb-oversized-array", ""),
    ("bad-data/libmaxminddb/libmaxminddb-oversized-map", ""),
    ("bad-data/libmaxminddb/libmaxminddb-separator-record-max-left", ""),
    ("bad-data/libmaxminddb/libmaxminddb-separator-record-min-left", ""),
    ("bad-data/libmaxminddb/libmaxminddb-separator-record-min-right", ""),
    ("bad-data/libmaxminddb/libmaxminddb-uint64-max-epoch", "build_epoch"),
    ("bad-data/maxminddb-golang/cyclic-data-structure", ""),
    ("bad-data/maxminddb-golang/invalid-bytes-length", ""),
    ("bad-data/maxminddb-golang/invalid-data-record-offset", ""),
    ("bad-data/maxminddb-golang/invalid-map-key-length", ""),
    ("bad-data/maxminddb-golang/invalid-string-length", ""),
    ("bad-data/maxminddb-golang/metadata-is-an-uint128", "expected map"),
    ("bad-data/maxminddb-python/bad-unicode-in-map-key", ""),
];

#[test]
fn damaged_databases_are_refused() {
    let Some(folder) = folder() else { return };
    for (name, what) in DAMAGED.into_iter().chain([("bad-data/maxminddb-golang/unexpected-bytes", "")]) {
        let text = Database::open(folder.join(format!("{name}.mmdb"))).expect_err(name).to_string();
        assert!(text.contains(what), "{text}");
    }
}

/// Many of the damaged files carry a build date of 2001, which alone would refuse them. With a plausible one, the
/// damage itself must.
#[test]
fn damaged_databases_are_refused_for_their_damage() {
    let Some(folder) = folder() else { return };
    let expected = [
        ("corrupt-search-tree", ""),
        ("deep-array-nesting", ""),
        ("deep-nesting", ""),
        ("oversized-array", ""),
        ("oversized-map", ""),
        ("separator-record-max-left", "between the tree and the data"),
        ("separator-record-min-left", "between the tree and the data"),
        ("separator-record-min-right", "between the tree and the data"),
    ];
    for (name, what) in expected {
        let path = folder.join(format!("bad-data/libmaxminddb/libmaxminddb-{name}.mmdb"));
        let mut bytes = std::fs::read(path).unwrap();
        let old = 1_000_000_000_u32.to_be_bytes();
        let epoch = bytes.windows(4).rposition(|window| window == old).expect(name);
        bytes[epoch..epoch + 4].copy_from_slice(&1_750_000_000_u32.to_be_bytes());
        let text = Database::load(bytes, name).expect_err(name).to_string();
        assert!(!text.contains("build epoch") && text.contains(what), "{text}");
    }
}
