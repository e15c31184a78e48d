//! The bundled database knows well-known networks of every continent that people live on.

mod invariants;

use geoip::Continent;

const KNOWN: [(&str, &str, Continent); 14] = [
    ("196.21.0.1", "ZA", Continent::Africa),      // South African universities
    ("41.204.160.1", "KE", Continent::Africa),    // Kenya
    ("133.11.0.1", "JP", Continent::Asia),        // University of Tokyo
    ("166.111.4.100", "CN", Continent::Asia),     // Tsinghua University
    ("2001:240::1", "JP", Continent::Asia),       // IIJ
    ("240e::1", "CN", Continent::Asia),           // China Telecom
    ("193.0.6.139", "NL", Continent::Europe),     // RIPE NCC
    ("130.60.1.1", "CH", Continent::Europe),      // University of Zurich
    ("2001:67c:2e8::1", "NL", Continent::Europe), // RIPE NCC
    ("18.0.0.1", "US", Continent::NorthAmerica),  // MIT, later Amazon
    ("2001:4860:4860::8888", "US", Continent::NorthAmerica),
    ("200.160.2.3", "BR", Continent::SouthAmerica),  // registro.br
    ("2001:12ff::1", "BR", Continent::SouthAmerica), // NIC.br
    ("130.216.1.1", "NZ", Continent::Oceania),       // University of Auckland
];

#[test]
fn known_networks_have_their_known_locations() {
    let world = geoip::bundled();
    invariants::check(&world);
    for (address, country, continent) in KNOWN {
        let place = world.place_of(address.parse().unwrap());
        assert_eq!(place.country.map(|code| code.to_string()).as_deref(), Some(country), "{address}");
        assert_eq!(place.continent, Some(continent), "{address}");
    }
}

#[test]
fn special_purpose_networks_have_no_location() {
    let world = geoip::bundled();
    for address in ["10.0.0.1", "172.31.255.255", "192.168.0.1", "203.0.113.255", "2001:db8::1", "fd00::1", "fe80::1"] {
        assert_eq!(*world.place_of(address.parse().unwrap()), geoip::Place::default(), "{address}");
    }
}

#[test]
fn every_place_has_country_continent_and_coordinate() {
    let world = geoip::bundled();
    for place in &world.places[1..] {
        assert!(place.continent.is_some() && place.coordinate.is_some(), "not in countries.csv: {place:?}");
    }
    assert!(world.places.len() > 200);
    assert!(world.v4.len() > 100_000 && world.v6.len() > 100_000);
}
