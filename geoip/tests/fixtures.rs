//! Generated databases of every shape load with the data written into them.

mod invariants;

use geoip::fixture::{Data, Shape, flat, map, nested, write};
use geoip::{Continent, Database, Fault, Leaf, Place, moved_share};

const RECORD_SIZES: [u16; 3] = [24, 28, 32];

fn load(shape: &Shape, networks: &[(&str, Data)]) -> Database {
    let database = Database::load(write(shape, networks), "fixture").expect("a made database loads");
    invariants::check(&database);
    database
}

fn refusal(networks: &[(&str, Data)]) -> Fault {
    Database::load(write(&Shape::default(), networks), "fixture").expect_err("is refused").fault
}

fn place<'d>(database: &'d Database, address: &str) -> &'d Place {
    database.place_of(address.parse().unwrap())
}

fn country(database: &Database, address: &str) -> String {
    place(database, address).country.map_or("?".to_owned(), |code| code.to_string())
}

#[test]
fn both_families_in_every_record_size() {
    for record_size in RECORD_SIZES {
        let shape = Shape { record_size, ..Shape::default() };
        let database = load(
            &shape,
            &[("192.0.2.0/24", flat("DE")), ("198.51.100.0/25", flat("US")), ("2001:db8::/32", flat("jp"))],
        );
        assert_eq!(country(&database, "192.0.2.255"), "DE");
        assert_eq!(country(&database, "192.0.3.0"), "?");
        assert_eq!(country(&database, "198.51.100.127"), "US");
        assert_eq!(country(&database, "198.51.100.128"), "?");
        assert_eq!(country(&database, "::ffff:192.0.2.1"), "DE", "IPv4-mapped");
        assert_eq!(country(&database, "2001:db8:ffff::"), "JP");
        assert_eq!(country(&database, "2001:db9::"), "?");
        assert_eq!(database.v4.len(), 5);
        assert_eq!(database.v6.len(), 3, "what stands for IPv4 is unknown in IPv6");
    }
}

#[test]
fn an_ipv4_only_database_has_no_ipv6() {
    for record_size in RECORD_SIZES {
        let shape = Shape { ip_version: 4, record_size, ..Shape::default() };
        let database = load(&shape, &[("0.0.0.0/1", flat("BR")), ("128.0.0.0/1", flat("CN"))]);
        assert_eq!(database.v4.len(), 2);
        assert_eq!(database.v6, [Leaf { start: 0, place: 0 }]);
        assert_eq!(country(&database, "255.255.255.255"), "CN");
        assert_eq!(country(&database, "2001:db8::"), "?");
    }
}

#[test]
fn aliases_of_the_ipv4_tree_are_no_leaves() {
    let networks = [("192.0.2.0/24", flat("DE")), ("2003::/16", flat("DE"))];
    for record_size in RECORD_SIZES {
        let shape = Shape { record_size, ..Shape::default() };
        let plain = load(&shape, &networks);
        let aliased = load(&Shape { aliases: true, ..shape }, &networks);
        assert_eq!((&plain.v4, &plain.v6), (&aliased.v4, &aliased.v6));
        assert_eq!(country(&aliased, "2002:c000:201::"), "?");
        assert_eq!(country(&aliased, "::ffff:192.0.2.1"), "DE");
    }
}

#[test]
fn a_leaf_above_the_ipv4_tree_is_all_of_ipv4() {
    let database = load(&Shape::default(), &[("::/64", flat("KE"))]);
    assert_eq!(country(&database, "203.0.113.1"), "KE");
    assert_eq!(database.v4.len(), 1);
}

#[test]
fn neighbors_with_the_same_place_are_one_leaf() {
    // Two records in adjacent networks that differ only in fields that are not part of a place.
    let named = |name: &str| map([("country_code", "FR".into()), ("city", name.into())]);
    let database = load(&Shape::default(), &[("10.0.0.0/9", named("A")), ("10.128.0.0/9", named("B"))]);
    assert_eq!(database.v4.len(), 3);
    assert_eq!(database.places.len(), 2);
}

#[test]
fn nested_records_have_all_members() {
    let database = load(&Shape::default(), &[("192.0.2.0/24", nested("NA", "US", "CA", 37.77493, -122.41942))]);
    let place = place(&database, "192.0.2.1");
    assert_eq!(place.continent, Some(Continent::NorthAmerica));
    assert_eq!(place.subdivision.as_deref(), Some("US-CA"));
    let coordinate = place.coordinate.unwrap();
    assert_eq!((coordinate.latitude(), coordinate.longitude()), (37.77493, -122.41942));
}

#[test]
fn flat_records_come_in_many_dialects() {
    let database = load(
        &Shape::default(),
        &[
            (
                "10.0.0.0/8",
                map([("country", "US".into()), ("continent", "NA".into()), ("region", "California".into())]),
            ),
            (
                "11.0.0.0/8",
                map([("country", "Australia".into()), ("country_code", "AU".into()), ("asn", "AS64500".into())]),
            ),
            ("12.0.0.0/8", map([("autonomous_system_number", Data::U32(64501))])),
            (
                "13.0.0.0/8",
                map([
                    ("country_code", "DE".into()),
                    ("state1", "BY".into()),
                    ("latitude", 48.1.into()),
                    ("longitude", 11.5.into()),
                ]),
            ),
            ("14.0.0.0/8", map([("country_code", "-".into()), ("continent_code", "AS".into())])),
        ],
    );
    assert_eq!(place(&database, "10.0.0.1").subdivision, None, "a name is no code");
    assert_eq!(country(&database, "11.0.0.1"), "AU");
    assert_eq!(place(&database, "11.0.0.1").asn, Some(64500));
    assert_eq!(*place(&database, "12.0.0.1"), Place { asn: Some(64501), ..Place::default() });
    assert_eq!(place(&database, "13.0.0.1").subdivision.as_deref(), Some("DE-BY"));
    assert_eq!(*place(&database, "14.0.0.1"), Place { continent: Some(Continent::Asia), ..Place::default() });
}

#[test]
fn a_country_implies_continent_and_coordinate() {
    let database = load(&Shape::default(), &[("10.0.0.0/8", flat("NZ"))]);
    let place = place(&database, "10.0.0.1");
    assert_eq!(place.continent, Some(Continent::Oceania));
    assert!(place.coordinate.unwrap().latitude() < -30.0);
}

#[test]
fn the_registered_country_is_the_last_resort() {
    let registered = ("registered_country", map([("iso_code", "GB".into())]));
    let database = load(
        &Shape::default(),
        &[
            ("10.0.0.0/8", map([registered.clone()])),
            ("11.0.0.0/8", map([registered.clone(), ("country", map([("iso_code", "IN".into())]))])),
            ("12.0.0.0/8", map([registered, ("continent", map([("code", "AF".into())]))])),
        ],
    );
    assert_eq!(country(&database, "10.0.0.1"), "GB");
    assert_eq!(country(&database, "11.0.0.1"), "IN");
    assert_eq!(country(&database, "12.0.0.1"), "?");
}

#[test]
fn impossible_facts_are_dropped_and_the_first_is_named() {
    let bad: [Data; 14] = [
        flat("D1"),
        flat("GER"),
        map([("continent_code", "XX".into())]),
        map([("latitude", 91.0.into()), ("longitude", 0.0.into())]),
        map([("latitude", f64::NAN.into()), ("longitude", 0.0.into())]),
        map([("latitude", 1.0.into())]),
        map([("asn", Data::U64(1 << 32))]),
        map([("country", Data::U32(5))]),
        map([("country_code", "DE".into()), ("subdivisions", "BY".into())]),
        map([("country", Data::List(vec!["DE".into()]))]),
        map([("asn", "Example Net".into())]),
        "DE".into(),
        Data::U32(5),
        Data::List(vec![flat("DE")]),
    ];
    for record in bad {
        let networks = [("10.0.0.0/8", flat("DE")), ("192.0.2.0/24", record.clone())];
        let database = load(&Shape::default(), &networks);
        assert_eq!(database.odd.count, 1, "{record:?}");
        assert!(database.odd.first.starts_with("192.0.2.0/24: "), "{}", database.odd.first);
        assert!(place(&database, "10.0.0.1").country.is_some(), "{record:?}");
    }
    let no_map = refusal(&[("10.0.0.0/8", "DE".into()), ("192.0.2.0/24", Data::List(vec![flat("DE")]))]);
    assert!(matches!(&no_map, Fault::Record { network, .. } if network == "10.0.0.0/8"), "nothing is left: {no_map:?}");
}

#[test]
fn placeholders_for_unknown_are_unknown_in_every_field() {
    for mark in ["", "-", "--", "ZZ", "N/A", "unknown", "Unknown"] {
        let fields = ["country_code", "continent_code", "asn", "region_code", "latitude", "longitude"];
        let record = Data::Map(fields.iter().map(|&key| (key.to_owned(), Data::Text(mark.to_owned()))).collect());
        let nested = map([
            ("continent", map([("code", mark.into())])),
            ("country", map([("iso_code", mark.into())])),
            ("subdivisions", Data::List(vec![map([("iso_code", mark.into())])])),
        ]);
        let networks = [("10.0.0.0/8", flat("DE")), ("192.0.2.0/24", record), ("198.51.100.0/24", nested)];
        let database = load(&Shape::default(), &networks);
        assert_eq!(database.odd.count, 0, "{mark}: {}", database.odd.first);
        assert_eq!(place(&database, "192.0.2.1"), &Place::default(), "{mark}");
    }
    let with_name = load(&Shape::default(), &[("10.0.0.0/8", map([("asn", "AS64500 Example Net".into())]))]);
    assert_eq!(place(&with_name, "10.0.0.1").asn, Some(64500));
}

#[test]
fn databases_of_another_kind_are_named() {
    let fault = refusal(&[("10.0.0.0/8", map([("is_anonymous", Data::U32(1)), ("is_tor_exit_node", Data::U32(1))]))]);
    assert!(matches!(fault, Fault::Foreign { .. }));
    let text = fault.to_string();
    assert!(text.contains("Fixture") && text.contains("is_anonymous, is_tor_exit_node"), "{text}");
    assert!(matches!(refusal(&[]), Fault::Empty));
}

#[test]
fn absurd_build_dates_are_refused() {
    for build_epoch in [0, 1, 5_000_000_000, u64::MAX] {
        let bytes = write(&Shape { build_epoch, ..Shape::default() }, &[("10.0.0.0/8", flat("DE"))]);
        let error = Database::load(bytes, "fixture").unwrap_err();
        assert!(matches!(error.fault, Fault::Metadata(_) | Fault::NotADatabase(_)), "{error}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let error = Database::open("no/such/file.mmdb").unwrap_err();
    assert!(error.to_string().starts_with("no/such/file.mmdb: cannot be read"), "{error}");
}

#[test]
fn moved_share_weighs_by_addresses() {
    let shape = Shape::default();
    let old = load(&shape, &[("10.0.0.0/8", flat("DE")), ("2001:db8::/32", flat("JP"))]);
    let new = load(&shape, &[("10.0.0.0/8", flat("DE")), ("10.0.0.0/10", flat("AT")), ("2001:db8::/33", flat("JP"))]);
    let moved = moved_share(&old, &new, |a, b| a == b);
    assert_eq!((moved.v4, moved.v6), (0.25, 0.5));
    let moved = moved_share(&old, &new, |a, b| a.continent == b.continent);
    assert_eq!((moved.v4, moved.v6), (0.0, 0.5));
    let same = moved_share(&old, &old, |a, b| a == b);
    assert_eq!((same.v4, same.v6), (0.0, 0.0));
}

#[test]
fn moved_share_reaches_the_end_of_the_space() {
    let shape = Shape { ip_version: 4, ..Shape::default() };
    let old = load(&shape, &[("0.0.0.0/1", flat("DE")), ("128.0.0.0/1", flat("FR"))]);
    let new = load(&shape, &[("0.0.0.0/1", flat("DE")), ("128.0.0.0/1", flat("IT"))]);
    let moved = moved_share(&old, &new, |a, b| a == b);
    assert_eq!((moved.v4, moved.v6), (0.5, 0.0));
}
