//! Measured latencies: which source applies to which client, what precedes distance, and how explain shows it.

mod support;

use std::sync::Arc;
use std::time::Duration;

use gslb_core::explain::{Question, explain};
use gslb_core::latency::{
    Book, CLIENTS_LAST, InvalidObservation, Latencies, MIN_CLIENTS, Measurements, Observation, ROUNDS,
};
use gslb_core::moment::Moment;
use gslb_core::site::model::Site;
use gslb_core::steer::draw::Dice;
use gslb_core::table::{RoutingTable, compile};
use support::{Server, WORLD, ask};

const ZONE: &str = "$TTL 60\n@ SOA ns h 1 2 3 4 60\n@ NS ns.example.net.\n";
const DOCUMENT: &str = r#"
zones."example.com".file = "zone"
[data_centers]
fra.location = { latitude = 50.11, longitude = 8.68 }
lon.location = { latitude = 51.51, longitude = -0.13 }
nrt.location = { latitude = 35.77, longitude = 140.39 }
[vantages]
fra-1.location = { country = "DE", latitude = 50.11, longitude = 8.68 }
nrt-1 = { location = { country = "JP" }, reach = "1500km" }
[pools]
fra = { data_center = "fra", endpoints.a.address = "192.0.2.1" }
lon = { data_center = "lon", endpoints.a.address = "192.0.2.2" }
nrt = { data_center = "nrt", endpoints.a.address = "192.0.2.3" }
[regions]
iberia.match = ["country:ES", "country:PT"]
[services."www.example.com"]
policy = { latency = ["fra", "lon", "nrt"] }
[services."near.example.com"]
policy = { nearest = ["fra", "lon", "nrt"] }
[services."geo.example.com"]
policy = { geo = { iberia = "lon", default = "fra" } }
"#;
const GERMANY: &str = "193.99.144.0/24";
const SPAIN: &str = "193.146.0.0/24";
const JAPAN: &str = "133.11.0.0/16";
const BRAZIL: &str = "200.160.0.0/20";

fn site() -> Site {
    gslb_core::site::document::read("site.toml", DOCUMENT, &mut |_, _| Ok(("zone".into(), ZONE.into()))).site.unwrap()
}

fn server(latencies: &Arc<Latencies>) -> Server {
    Server::new(RoutingTable::initial(compile::compile(site(), &*WORLD, latencies, None).topology.unwrap()))
}

fn answer(server: &mut Server, client: &str) -> String {
    server.answers(&ask("www.example.com", 1).subnet(client)).concat()
}

fn measured(vantage: &str, values: &[(&str, u64)]) -> Measurements {
    let latencies = values.iter().map(|&(name, ms)| (name.into(), Duration::from_millis(ms))).collect();
    (vantage.into(), latencies)
}

/// Repeats the same measurements until clear differences are accepted; returns the changes.
fn settle(book: &mut Book, rounds: &[Measurements], now: Moment) -> Option<Arc<Latencies>> {
    (0..ROUNDS).filter_map(|_| book.round(rounds, &site(), now)).last()
}

fn explained(server: &Server, client: &str) -> String {
    let question = Question {
        name: "www.example.com".parse().unwrap(),
        qtype: 1,
        client: Some(client.parse().unwrap()),
        resolver: "192.0.2.1".parse().unwrap(),
    };
    explain(&server.table, Arc::default(), question, 1).to_text(&server.table)
}

#[test]
fn a_vantage_applies_to_the_clients_in_its_reach() {
    let mut book = Book::default();
    let mut unmeasured = server(&Arc::default());
    assert_eq!(answer(&mut unmeasured, GERMANY), "192.0.2.1", "the nearest");
    let rounds = [
        measured("fra-1", &[("fra", 80), ("lon", 12), ("nrt", 230)]),
        measured("nrt-1", &[("fra", 230), ("lon", 90), ("nrt", 200)]),
    ];
    assert_eq!(book.round(&rounds, &site(), Moment::default()), None, "one round is not enough");
    let latencies = settle(&mut book, &rounds, Moment::default()).unwrap();
    assert_eq!(book.round(&rounds, &site(), Moment::default()), None, "nothing new, so no new table");
    let mut server = server(&latencies);
    assert_eq!(answer(&mut server, GERMANY), "192.0.2.2");
    assert_eq!(answer(&mut server, JAPAN), "192.0.2.2");
    assert_eq!(answer(&mut server, BRAZIL), answer(&mut unmeasured, BRAZIL), "beyond every reach distance decides");
    assert_eq!(server.answers(&ask("near.example.com", 1).subnet(GERMANY)), ["192.0.2.1"], "nearest is nearest");
    let text = explained(&server, GERMANY);
    assert!(text.contains("order      lon 12 ms, fra 80 ms, nrt 230 ms (as vantage fra-1 measured) in "), "{text}");
    assert!(explained(&server, BRAZIL).contains("(by distance)"));
    // A data center that is down is passed over as usual.
    server.set_pool("lon", false);
    assert_eq!(answer(&mut server, GERMANY), "192.0.2.1");
}

#[test]
fn unmeasured_pools_come_last_and_a_single_measurement_is_ignored() {
    let mut book = Book::default();
    let one = settle(&mut book, &[measured("fra-1", &[("nrt", 5)])], Moment::default()).unwrap();
    assert_eq!(answer(&mut server(&one), GERMANY), "192.0.2.1");
    let two = settle(&mut book, &[measured("fra-1", &[("nrt", 5), ("lon", 90)])], Moment::default()).unwrap();
    let mut server = server(&two);
    assert_eq!(answer(&mut server, GERMANY), "192.0.2.3");
    assert!(explained(&server, GERMANY).contains("nrt 5 ms, lon 90 ms, fra "));
}

/// This many networks in Spain measure a data center.
fn observe(book: &mut Book, server: &Server, data_center: &str, networks: usize, milliseconds: f64, now: Moment) {
    let topology = server.table.topology();
    for network in 0..networks {
        let client = format!("193.146.{network}.7/32").parse().unwrap();
        let observation = Observation { client, data_center: data_center.into(), milliseconds };
        book.clients.observe(&observation, &topology.site, &topology.index, now).unwrap();
    }
}

#[test]
fn client_measurements_take_precedence_if_there_are_enough() {
    let mut book = Book::default();
    let start = Moment::default();
    let vantage = [measured("fra-1", &[("fra", 10), ("lon", 30)])];
    let first = server(&settle(&mut book, &vantage, start).unwrap());
    observe(&mut book, &first, "lon", MIN_CLIENTS, 20.0, start);
    observe(&mut book, &first, "fra", MIN_CLIENTS - 1, 50.0, start);
    // One network with outlying or frequent measurements counts once.
    (0..50).for_each(|_| observe(&mut book, &first, "lon", 1, 9_000.0, start));
    let few = server(&settle(&mut book, &vantage, start).unwrap());
    assert!(explained(&few, SPAIN).contains("as vantage fra-1 measured"), "one data center alone has no order");
    observe(&mut book, &few, "fra", MIN_CLIENTS, 50.0, start);
    let mut enough = server(&settle(&mut book, &vantage, start).unwrap());
    assert_eq!((answer(&mut enough, SPAIN), answer(&mut enough, GERMANY)), ("192.0.2.2".into(), "192.0.2.1".into()));
    let text = explained(&enough, SPAIN);
    assert!(text.contains("lon 20 ms, fra 50 ms, nrt "), "{text}");
    assert!(text.contains("as clients measured in region iberia"), "{text}");
    // Old measurements expire, and the vantage applies again.
    let later = start.after(CLIENTS_LAST + Duration::from_secs(1));
    let last = (0..40).filter_map(|_| book.round(&vantage, &site(), later)).last().unwrap();
    assert!(last.areas.is_empty());
}

#[test]
fn noise_does_not_change_the_order_after_a_restart() {
    let mut dice = Dice::new(7);
    // Well within the margins: the nearest stays first.
    let mut noise = |ms: u64| Duration::from_millis(ms) + Duration::from_micros(dice.roll() % 400);
    let mut rounds = move || -> [Measurements; 1] {
        [("fra-1".into(), vec![("lon".into(), noise(20)), ("fra".into(), noise(20)), ("nrt".into(), noise(230))])]
    };
    let (site, now) = (site(), Moment::default());
    let names = |latencies: &Latencies| {
        let order = latencies.vantages.values().flat_map(|order| order.0.iter().map(|it| it.data_center.to_string()));
        order.collect::<Vec<_>>().join(" ")
    };
    for _ in 0..100 {
        let mut book = Book::default();
        let accepted = (0..20).filter_map(|_| book.round(&rounds(), &site, now)).last().unwrap();
        assert_eq!(names(&accepted), "fra lon nrt");
        let mut again = Book::restored((*accepted).clone(), Duration::ZERO);
        assert_eq!(again.accepted(), &accepted);
        let changes = (0..20).filter_map(|_| again.round(&rounds(), &site, now)).count();
        assert_eq!((changes, names(again.accepted()).as_str()), (0, "fra lon nrt"));
    }
    // An order that differs from distance is kept as well.
    let mut book = Book::default();
    settle(&mut book, &[measured("fra-1", &[("fra", 90), ("lon", 20), ("nrt", 230)])], now).unwrap();
    let mut again = Book::restored((**book.accepted()).clone(), Duration::ZERO);
    assert_eq!(settle(&mut again, &rounds(), now), None);
    assert_eq!(names(again.accepted()), "lon fra nrt");
}

#[test]
fn client_orders_keep_their_expiry_across_a_restart() {
    let mut book = Book::default();
    let (site, start) = (site(), Moment::default());
    let first = server(&Arc::default());
    observe(&mut book, &first, "fra", MIN_CLIENTS, 50.0, start);
    observe(&mut book, &first, "lon", MIN_CLIENTS, 20.0, start);
    let accepted = settle(&mut book, &[], start).unwrap();
    assert_eq!(accepted.areas.len(), 1);
    let rounds_left = |age: Duration| {
        let mut book = Book::restored((*accepted).clone(), age);
        (1..1000).find(|_| book.round(&[], &site, start).is_some())
    };
    assert_eq!((rounds_left(Duration::ZERO), rounds_left(CLIENTS_LAST / 2)), (Some(390), Some(210)));
    let late = Book::restored((*accepted).clone(), CLIENTS_LAST + Duration::from_secs(1));
    assert!(late.accepted().areas.is_empty(), "measurements are too old");
    // New measurements by clients extend it.
    let mut book = Book::restored((*accepted).clone(), CLIENTS_LAST / 2);
    observe(&mut book, &first, "fra", MIN_CLIENTS, 21.0, start);
    observe(&mut book, &first, "lon", MIN_CLIENTS, 20.0, start);
    assert!((0..600).all(|_| book.round(&[], &site, start).is_none()));
}

#[test]
fn impossible_measurements_are_refused() {
    let mut book = Book::default();
    let server = server(&Arc::default());
    let topology = server.table.topology();
    let mut refused = |client: &str, data_center: &str, milliseconds: f64| {
        let observation =
            Observation { client: client.parse().unwrap(), data_center: data_center.into(), milliseconds };
        book.clients.observe(&observation, &topology.site, &topology.index, Moment::default()).unwrap_err()
    };
    for milliseconds in [0.0, -1.0, f64::NAN, f64::INFINITY, 10_001.0, 1e300] {
        assert_eq!(refused("193.146.0.0/24", "fra", milliseconds), InvalidObservation::Latency, "{milliseconds}");
    }
    assert_eq!(refused("193.146.0.0/24", "fro", 5.0), InvalidObservation::DataCenter("fro".into()));
    assert!(matches!(refused("10.0.0.0/8", "fra", 5.0), InvalidObservation::Nowhere(_)));
    let good = Observation { client: "193.146.0.0/24".parse().unwrap(), data_center: "fra".into(), milliseconds: 5.0 };
    let all = [good.clone(), Observation { milliseconds: -5.0, ..good.clone() }];
    let errors = book.clients.observe_all(&all, &topology.site, &topology.index, Moment::default()).unwrap_err();
    assert_eq!(errors, [(1, InvalidObservation::Latency)]);
    let none: Vec<Observation> = Vec::new();
    assert!(book.clients.observe_all(&none, &topology.site, &topology.index, Moment::default()).is_ok());
    assert!(book.clients.medians(Moment::default()).is_empty(), "a post with an error changes nothing");
}
