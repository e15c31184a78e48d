//! The tools of the side-by-side runs: the load generator and the mix of queries.

use std::collections::{HashMap, HashSet};
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use gslb_benches::expected::Expected;
use gslb_benches::load::{Client, Pace, Plan, Until};
use gslb_benches::world::World;
use gslb_benches::{mix, queries};
use gslb_core::dns::wire::qname::NameKey;
use gslb_core::dns::wire::query::Query;

/// Runs `with` against a server that sends every datagram back, save that it drops every `drops`th.
fn with_echo<T>(drops: usize, with: impl FnOnce(std::net::SocketAddr) -> T) -> T {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    let (address, stop) = (socket.local_addr().unwrap(), AtomicBool::new(false));
    thread::scope(|scope| {
        scope.spawn(|| {
            let (mut octets, mut received) = ([0; 4096], 0usize);
            while !stop.load(Ordering::Relaxed) {
                let Ok((length, source)) = socket.recv_from(&mut octets) else { continue };
                received += 1;
                if !received.is_multiple_of(drops) {
                    socket.send_to(&octets[..length], source).unwrap();
                }
            }
        });
        let result = with(address);
        stop.store(true, Ordering::Relaxed);
        result
    })
}

/// A few queries that differ in one octet, which is their number.
fn some_queries() -> Vec<Box<[u8]>> {
    (0..7u8).map(|number| vec![0, 0, 1, 0, 0, 1, 0, 0, 0, 0, 0, number].into()).collect()
}

#[test]
fn every_query_gets_the_response_that_is_its_own() {
    let plan = Plan {
        window: 100,
        pace: Pace::Window,
        until: Until::Over(Duration::from_millis(200)),
        patience: Duration::from_secs(10),
    };
    for (pace, until) in [(Pace::Window, plan.until), (Pace::PerSecond(20_000.0), Until::Sent(2_000))] {
        let outcome = with_echo(usize::MAX, |address| {
            let queries = some_queries();
            let mut client = Client::open(address, &queries[0], Duration::from_secs(10)).unwrap();
            let plan = Plan { pace, until, ..plan };
            client.run(&plan, &queries, 3, |query, response| usize::from(response[11]) == query).unwrap()
        });
        assert!(outcome.sent > 0 && outcome.latency.quantile(0.5) > Duration::ZERO);
        assert_eq!((outcome.answered, outcome.rcodes[0]), (outcome.sent, outcome.sent));
        assert_eq!((outcome.lost, outcome.wrong, outcome.stray), (0, 0, 0));
    }
}

#[test]
fn unanswered_queries_count_as_lost() {
    let outcome = with_echo(10, |address| {
        let queries = some_queries();
        let mut client = Client::open(address, &queries[0], Duration::from_secs(10)).unwrap();
        let (pace, until) = (Pace::Window, Until::Sent(100));
        let plan = Plan { window: 8, pace, until, patience: Duration::from_millis(500) };
        client.run(&plan, &queries, 0, |_, _| true).unwrap()
    });
    assert_eq!(outcome.sent, 100);
    assert_eq!(outcome.answered + outcome.lost, 100);
    assert!(outcome.lost >= 10, "{outcome:?}");
}

#[test]
fn the_mix_is_distinct_queries_in_the_stated_shares() {
    let mix = mix::geo(&World::default());
    let distinct: HashSet<&[u8]> = mix.iter().map(|(query, _)| query.as_slice()).collect();
    assert_eq!(distinct.len(), mix::QUERIES);
    let (mut parsed, mut key) = (Query::default(), NameKey::default());
    let mut kinds: HashMap<(u16, &str), usize> = HashMap::new();
    for (query, expected) in &mix {
        parsed.read(query, query.len(), &mut key).unwrap();
        assert!(parsed.edns.is_some_and(|edns| edns.subnet.is_some()));
        let expected = match expected {
            Expected::Address(address) if address.to_string().starts_with("10.") => "static",
            Expected::Address(_) => "steered",
            Expected::Answer => "answer",
            Expected::NxDomain => "nxdomain",
        };
        *kinds.entry((parsed.qtype, expected)).or_default() += 1;
    }
    let share = |qtype, expected| kinds[&(qtype, expected)] * 100 / mix::QUERIES;
    assert_eq!([share(1, "steered"), share(28, "steered"), share(1, "static")], [60, 20, 10]);
    assert_eq!([share(1, "nxdomain"), share(15, "answer")], [5, 5]);
}

#[test]
fn queries_are_read_as_they_were_written() {
    let path = std::env::temp_dir().join(format!("gslb-queries-{}", std::process::id()));
    let written = some_queries();
    queries::write(&path, written.iter().map(|query| &query[..])).unwrap();
    let read = queries::read(&path).unwrap();
    std::fs::write(&path, [0, 9, 1]).unwrap();
    let broken = queries::read(&path);
    std::fs::remove_file(&path).unwrap();
    assert_eq!(read, written);
    assert!(broken.is_err());
}
