//! Networks of well-known owners on six continents go to the data center nearest to their place in the bundled
//! database.

use std::process::Command;
use std::sync::LazyLock;

use geoip::{Continent, Coordinate, Database, Place};
use gslb_tests::answer::Answer;
use gslb_tests::ask::{dig, kdig};
use gslb_tests::program::{gslb, run};
use gslb_tests::server::Server;
use ipnet::IpNet;

use crate::sites::EXAMPLE;

static WORLD: LazyLock<Database> = LazyLock::new(geoip::bundled);

/// Networks and their owners.
const NETWORKS: [(&str, &str); 14] = [
    ("193.0.6.0/24", "RIPE NCC, Amsterdam"),
    ("2001:67c:2e8::/48", "RIPE NCC, Amsterdam"),
    ("194.27.0.0/16", "ULAKBIM, Ankara"),
    ("133.11.0.0/16", "University of Tokyo"),
    ("140.112.0.0/16", "National Taiwan University, Taipei"),
    ("139.130.4.0/24", "Telstra, Australia"),
    ("2001:dc0::/32", "APNIC, Brisbane"),
    ("8.8.8.0/24", "Google, United States"),
    ("2607:f8b0::/32", "Google, United States"),
    ("132.248.0.0/16", "UNAM, Mexico City"),
    ("200.160.0.0/20", "NIC.br, São Paulo"),
    ("2800:3f0::/32", "Google in South America"),
    ("137.158.0.0/16", "University of Cape Town"),
    ("2001:43f8:90::/48", "AFRINIC, Mauritius"),
];

/// A data center of the example: its pool, addresses and coordinate.
struct DataCenter {
    pool: &'static str,
    addresses: [&'static str; 2],
    at: (f64, f64),
}

const DATA_CENTERS: [DataCenter; 6] = [
    DataCenter { pool: "fra", addresses: ["127.0.10.", "2001:db8:10::"], at: (50.11, 8.68) },
    DataCenter { pool: "iad", addresses: ["127.0.20.", "2001:db8:20::"], at: (38.95, -77.45) },
    DataCenter { pool: "nrt", addresses: ["127.0.30.", "2001:db8:30::"], at: (35.77, 140.39) },
    DataCenter { pool: "gru", addresses: ["127.0.40.", "2001:db8:40::"], at: (-23.43, -46.47) },
    DataCenter { pool: "jnb", addresses: ["127.0.50.", "2001:db8:50::"], at: (-26.13, 28.24) },
    DataCenter { pool: "syd", addresses: ["127.0.60.", "2001:db8:60::"], at: (-33.95, 151.18) },
];

/// The place of the first address of a network.
fn place(network: &str) -> Place {
    WORLD.place_of(network.parse::<IpNet>().unwrap().network()).clone()
}

/// The pools that policy `by-continent` of the example allows, all of them being up.
fn by_continent(place: &Place) -> &'static [&'static str] {
    match place.continent {
        _ if place.country.is_some_and(|country| country.as_str() == "TR") => &["fra"],
        Some(Continent::Europe) => &["fra"],
        Some(Continent::Africa) => &["jnb"],
        Some(Continent::Asia) => &["nrt"],
        Some(Continent::Oceania) => &["syd"],
        Some(Continent::SouthAmerica) => &["gru", "iad"],
        _ => &["iad"],
    }
}

/// The pool of the nearest data center.
fn nearest(place: &Place) -> &'static str {
    let here = place.coordinate.expect("every country of the bundled database has a coordinate");
    let distance = |data_center: &&DataCenter| angle(here, data_center.at);
    DATA_CENTERS.iter().min_by(|a, b| distance(a).total_cmp(&distance(b))).unwrap().pool
}

/// The angle between two points on the globe, by the spherical law of cosines.
fn angle(here: Coordinate, (latitude, longitude): (f64, f64)) -> f64 {
    let (a, b) = (here.latitude().to_radians(), latitude.to_radians());
    let turn = (here.longitude() - longitude).to_radians();
    (a.sin() * b.sin() + a.cos() * b.cos() * turn.cos()).acos()
}

/// The pool that all addresses of an answer are in.
fn pool(answer: &Answer) -> &'static str {
    let data = answer.data();
    let holds = |data_center: &&DataCenter| {
        data.iter().all(|address| data_center.addresses.iter().any(|prefix| address.starts_with(prefix)))
    };
    assert!(!data.is_empty(), "{}", answer.text);
    DATA_CENTERS.iter().find(holds).unwrap_or_else(|| panic!("in no data center: {data:?}")).pool
}

/// What `gslb explain` says of a name and client.
fn explain(name: &str, rtype: &str, client: &str) -> Answer {
    let document = format!("{EXAMPLE}/site.toml");
    let arguments = ["explain", name, rtype, "--client", client, "--document", &document];
    let ran = run(Command::new(gslb()).args(arguments));
    assert_eq!(ran.code, 0, "{}", ran.err);
    let (_, rest) = ran.out.split_once("client subnet: source /").expect("it shows the scope");
    let (source, scope) = rest.lines().next().and_then(|line| line.split_once(", scope /")).unwrap();
    let (address, _) = client.split_once('/').unwrap();
    Answer { subnet: Some(format!("{address}/{source}/{scope}")), ..Answer::read(&ran.out) }
}

#[test]
fn the_networks_lie_on_six_continents() {
    let mut continents: Vec<_> = NETWORKS.iter().map(|(network, _)| place(network).continent.unwrap().code()).collect();
    continents.sort_unstable();
    continents.dedup();
    assert_eq!(continents, ["AF", "AS", "EU", "NA", "OC", "SA"]);
}

#[test]
fn dig_kdig_and_explain_agree_with_the_database_on_every_network() {
    let demo = Server::demo();
    for (network, owner) in NETWORKS {
        for rtype in ["A", "AAAA"] {
            let question = format!("www.example.com {rtype} +subnet={network}");
            let by_dig = dig(demo.address(), &question);
            let allowed = by_continent(&place(network));
            assert!(allowed.contains(&pool(&by_dig)), "{owner}: {:?} is in none of {allowed:?}", by_dig.data());
            assert!(by_dig.has("aa") && by_dig.status == "NOERROR", "{}", by_dig.text);
            for other in [kdig(demo.address(), &question), explain("www.example.com", rtype, network)] {
                assert_eq!(other.data(), by_dig.data(), "{owner}, {rtype}:\n{}", other.text);
                assert_eq!(other.subnet, by_dig.subnet, "{owner}, {rtype}:\n{}", other.text);
            }
        }
    }
}

#[test]
fn the_nearest_data_center_answers_every_network() {
    let demo = Server::demo();
    for (network, owner) in NETWORKS {
        let expected = nearest(&place(network));
        for rtype in ["A", "AAAA"] {
            let question = format!("api.example.com {rtype} +subnet={network}");
            let by_dig = dig(demo.address(), &question);
            for answer in [kdig(demo.address(), &question), explain("api.example.com", rtype, network)] {
                assert_eq!(pool(&answer), expected, "{owner}, {rtype}:\n{}", answer.text);
                assert_eq!(answer.scope(), by_dig.scope(), "{owner}, {rtype}:\n{}", answer.text);
            }
            assert_eq!(pool(&by_dig), expected, "{owner}, {rtype}:\n{}", by_dig.text);
        }
    }
}

#[test]
fn the_first_and_last_client_of_a_scope_get_its_answer() {
    let demo = Server::demo();
    for (network, owner) in NETWORKS {
        let whole = dig(demo.address(), &format!("www.example.com A +subnet={network}"));
        let scope = IpNet::new(network.parse::<IpNet>().unwrap().network(), whole.scope()).unwrap();
        for client in [scope.network(), scope.broadcast()] {
            let one = dig(demo.address(), &format!("www.example.com A +subnet={client}"));
            assert_eq!((one.data(), one.scope()), (whole.data(), whole.scope()), "{owner}: {client} in {scope}");
        }
    }
}
