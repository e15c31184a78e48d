//! Answer counters by service, pool and fallback are exact, even across reloads; so is a worker's tally.

mod support;

use std::sync::Arc;

use gslb_core::dns::wire::number::Rcode;
use gslb_core::dns::wire::subnet::Family;
use gslb_core::respond::tally::{Outcome, SubnetUse};
use gslb_core::steer::trace::NoTrace;
use gslb_core::table::counts::{Counts, ServiceAnswers};
use gslb_core::table::{Published, RoutingTable, compile};
use support::{Server, ask};

const ZONE: &str =
    "$TTL 60\n@ SOA ns h 1 2 3 4 60\n@ NS ns.example.net.\nstatic A 192.0.2.80\nsub NS ns.example.net.\n";

fn document(when_all_down: &str) -> String {
    format!(
        r#"
zones."example.com".file = "zone"
[pools]
fra.endpoints = {{ a = {{ address = "192.0.2.1" }}, b = {{ address = "192.0.2.2" }} }}
iad.endpoints = {{ a = {{ address = "192.0.2.3" }} }}
spare = {{ initial = "down", endpoints = {{ a = {{ address = "192.0.2.99" }} }} }}
[services]
"www.example.com" = {{ policy = {{ failover = ["fra", "iad"] }}, when_all_down = "{when_all_down}" }}
"all.example.com" = {{ policy = {{ all = ["fra", "iad"] }} }}
"own.example.com" = {{ policy = "iad", client = "resolver" }}
"#
    )
}

fn counting(when_all_down: &str) -> Server {
    let mut server = Server::new(support::table(&document(when_all_down), ZONE, &[]).counting(3, None));
    server.worker = server.worker.with_counters(1);
    server
}

fn counts(table: &RoutingTable) -> &Arc<Counts> {
    table.counts().expect("the table is counted")
}

/// The first service's counters: all, without weight, last resort, no endpoint.
fn of_first(table: &RoutingTable) -> [u64; 4] {
    let ServiceAnswers { answers, without_weight, last_resort, none } = counts(table).services().next().unwrap();
    [answers, without_weight, last_resort, none]
}

#[test]
fn answers_are_counted_by_service_and_by_pool() {
    let mut server = counting("serve-all");
    for _ in 0..3 {
        server.ask(&ask("www.example.com", 1));
    }
    server.ask(&ask("all.example.com", 1));
    server.ask(&ask("static.example.com", 1));
    let answers: Vec<u64> = counts(&server.table).services().map(|service| service.answers).collect();
    assert_eq!(answers, [3, 1, 0]);
    assert_eq!(counts(&server.table).pools().collect::<Vec<_>>(), [4, 1, 0], "a pool counts once for an answer");
    server.worker = gslb_core::respond::Worker::new(Arc::default(), 7);
    server.ask(&ask("www.example.com", 1));
    assert_eq!(of_first(&server.table)[0], 3, "who has no row, as an explanation, is not counted");
}

#[test]
fn every_fallback_has_its_own_counter() {
    for (when_all_down, expected, kinds) in [
        ("serve-all", [4, 1, 2, 0], ["serve-all", "nodata"]),
        ("last-up", [4, 1, 2, 0], ["last-up", "nodata"]),
        ("pool:spare", [4, 1, 2, 0], ["pool", "nodata"]),
        ("servfail", [4, 1, 2, 0], ["servfail", "nodata"]),
        ("nodata", [4, 1, 0, 2], ["nodata", "nodata"]),
    ] {
        let mut server = counting(when_all_down);
        server.ask(&ask("www.example.com", 1));
        server.set_pool("fra", false);
        server.set("iad", "a", true, Some(0));
        server.ask(&ask("www.example.com", 1));
        server.set_pool("iad", false);
        server.ask(&ask("www.example.com", 1));
        server.ask(&ask("www.example.com", 1));
        assert_eq!(of_first(&server.table), expected, "{when_all_down}");
        use gslb_core::live::fallback::Fallback::{LastResort, Nobody};
        let said = server.table.topology().site.services[0].when_all_down;
        assert_eq!([LastResort, Nobody].map(|fallback| fallback.kind(said)), kinds);
    }
}

#[test]
fn answers_from_the_last_resort_pool_count_as_fallbacks() {
    let mut server = counting("pool:spare");
    ["fra", "iad"].into_iter().for_each(|pool| server.set_pool(pool, false));
    server.set_pool("spare", true);
    server.ask(&ask("www.example.com", 1));
    assert_eq!(of_first(&server.table), [1, 0, 1, 0]);
}

#[test]
fn replacing_tables_neither_loses_nor_repeats_counts() {
    let first = support::table(&document("serve-all"), ZONE, &[]);
    let published = Published::counting(first.clone(), 2);
    let mut worker = gslb_core::respond::Worker::new(Arc::default(), 7).with_counters(0);
    let mut ask_once = || {
        let mut buffer = ask("www.example.com", 1).octets();
        let len = buffer.len();
        buffer.resize(512, 0);
        let table = published.load();
        let source = ([192, 0, 2, 1], 53).into();
        worker.respond(&table, source, gslb_core::respond::Transport::Udp, &mut buffer, len, &mut NoTrace);
    };
    ask_once();
    // New endpoint states: the same topology, so the same counters.
    published.publish(first.with_changes(&[])).unwrap();
    ask_once();
    assert_eq!(published.counts().len(), 1);
    assert_eq!(of_first(&published.load()), [2, 0, 0, 0]);
    // A new topology: new counters, while the old ones remain until they are collected.
    let old = published.load();
    let topology = compile::compile(reread(), &[], &Arc::default(), Some(old.topology())).topology.unwrap();
    published.publish(old.next(topology, &old.states())).unwrap();
    assert!(published.take_finished().is_empty(), "a reader still has the old table");
    assert_eq!(published.counts().len(), 2);
    drop(old);
    published.sweep();
    ask_once();
    let finished = published.take_finished();
    assert_eq!(finished.iter().map(|counts| counts.services().next().unwrap().answers).collect::<Vec<_>>(), [2]);
    assert_eq!(of_first(&published.load()), [1, 0, 0, 0]);
    assert!(published.take_finished().is_empty());
    assert!(published.counts()[0].topology_id() > finished[0].topology_id());
}

/// A table with this many services, and counters for this many workers.
fn large(services: usize, workers: usize) -> RoutingTable {
    let mut text = document("serve-all");
    for number in 0..services - 3 {
        text += &format!("\"s{number}.example.com\".policy = \"iad\"\n");
    }
    support::table(&text, ZONE, &[]).counting(workers, None)
}

#[test]
fn counters_of_a_large_document_fit_whatever_is_asked() {
    let table = large(20_000, 240);
    let (counts, most) = (counts(&table), 16 << 20);
    assert!(counts.memory() < most, "{} instead of the {} of full rows", counts.memory(), 20_000 * 4 * 8 * 240);
    let answer_all = |times: u32| {
        for worker in 0..240 {
            let row = counts.row(worker).unwrap();
            (0..20_000).step_by(64).for_each(|service| (0..times).for_each(|_| row.answered(service, None)));
        }
    };
    // As many as can be wanted at once.
    answer_all(1_000);
    counts.make_wanted();
    assert!(counts.memory() < most, "{}", counts.memory());
    answer_all(1);
    let expected = |service| if service % 64 == 0 { 240 * 1_001 } else { 0 };
    assert!(counts.services().zip(0..).all(|(sum, service)| sum.answers == expected(service)));
}

#[test]
fn workers_get_counters_of_their_own_for_what_they_answer_often() {
    let table = large(2_000, 200);
    let counts = counts(&table);
    let (often, rarely) = (counts.row(0).unwrap(), counts.row(1).unwrap());
    (0..5_000).for_each(|_| often.answered(7, None));
    (0..100).for_each(|_| rarely.answered(7, None));
    let before = counts.memory();
    counts.make_wanted();
    let chunk = counts.memory() - before;
    assert!((1..=4096).contains(&chunk), "{chunk}");
    // What is asked a little in each round is not asked often.
    for _ in 0..100 {
        (0..100).for_each(|_| rarely.answered(7, None));
        counts.make_wanted();
    }
    assert_eq!(counts.memory() - before, chunk);
    often.answered(7, None);
    often.answered(1_999, None);
    assert_eq!(counts.services().nth(7).unwrap().answers, 5_000 + 100 + 10_000 + 1);
    assert_eq!(counts.services().nth(1_999).unwrap().answers, 1);
    assert_eq!(counts.services().map(|sum| sum.answers).sum::<u64>(), 15_102);
}

#[test]
fn no_count_is_lost_while_workers_get_counters_of_their_own() {
    const WORKERS: u64 = 4;
    const ANSWERS: u64 = 200_000;
    let table = large(2_000, 200);
    let counts = counts(&table);
    std::thread::scope(|scope| {
        let count = |worker| {
            let row = counts.row(worker as usize).unwrap();
            for answer in 0..ANSWERS {
                row.answered((answer % 5) as u32 * 400, None);
                row.named(gslb_core::site::model::PoolId(1));
            }
        };
        let workers: Vec<_> = (0..WORKERS).map(|worker| scope.spawn(move || count(worker))).collect();
        let mut last = 0;
        while !workers.iter().all(|worker| worker.is_finished()) {
            counts.make_wanted();
            let sum = counts.pools().sum();
            assert!(last <= sum, "a counter never goes back");
            last = sum;
        }
    });
    assert_eq!(counts.pools().collect::<Vec<_>>(), [0, WORKERS * ANSWERS, 0]);
    let answered: Vec<u64> = counts.services().map(|sum| sum.answers).filter(|answers| *answers > 0).collect();
    assert_eq!(answered, [WORKERS * ANSWERS / 5; 5]);
}

/// The document, read again.
fn reread() -> gslb_core::site::model::Site {
    let mut load = |name: &str, _: &str| Ok((Arc::from(name), ZONE.as_bytes().to_vec()));
    gslb_core::site::document::read("site.toml", &document("serve-all"), &mut load).site.unwrap()
}

#[test]
fn the_sample_contains_client_and_pool() {
    let mut server = counting("serve-all");
    assert_eq!(server.worker.take_sample(), None);
    server.ask(&ask("static.example.com", 1));
    assert_eq!(server.worker.take_sample(), None, "only what a service decides is sampled");
    server.ask(&ask("www.example.com", 1).subnet("198.51.100.0/24"));
    let (answer, weight) = server.worker.take_sample().unwrap();
    assert_eq!((answer.service, answer.pool.map(|pool| pool.0), answer.source, weight), (0, Some(0), Some(24), 1));
    assert_eq!(answer.client, "198.51.100.0".parse::<std::net::IpAddr>().unwrap().into());
    // A service with client = "resolver" is sampled with the resolver's address.
    server.ask(&ask("own.example.com", 1).subnet("198.51.100.0/24"));
    let (answer, _) = server.worker.take_sample().unwrap();
    assert_eq!(
        (answer.service, answer.source, answer.client),
        (2, None, "192.0.2.1".parse::<std::net::IpAddr>().unwrap().into())
    );
}

#[test]
fn responses_are_counted_by_rcode_and_outcome_and_subnets_by_use() {
    let mut server = counting("nodata");
    for (name, qtype) in [
        ("www.example.com", 1),
        ("www.example.com", 28),
        ("static.example.com", 1),
        ("static.example.com", 16),
        ("none.example.com", 1),
        ("x.sub.example.com", 1),
        ("example.org", 1),
    ] {
        server.ask(&ask(name, qtype).subnet("198.51.100.0/24"));
    }
    server.ask(&ask("own.example.com", 1).subnet("2001:db8::/32").from("2001:db8::53"));
    server.ask(&ask("www.example.com", 65).option(8, &[0, 1, 33, 0, 1, 2, 3, 4, 5]));
    let tally = server.worker.tally();
    let counted: Vec<_> = tally.responses().filter(|(.., count)| *count > 0).collect();
    assert_eq!(
        counted,
        [
            (Rcode::NoError, Outcome::Steered, 2),
            (Rcode::NoError, Outcome::Static, 1),
            (Rcode::NoError, Outcome::NoData, 2),
            (Rcode::NoError, Outcome::Referral, 1),
            (Rcode::FormErr, Outcome::Error, 1),
            (Rcode::NxDomain, Outcome::NxDomain, 1),
            (Rcode::Refused, Outcome::Refused, 1),
        ]
    );
    let subnets: Vec<_> = tally.subnets().filter(|(.., count)| *count > 0).collect();
    let expected = [
        (Family::V4, SubnetUse::Used, 1),
        (Family::V4, SubnetUse::Unused, 6),
        (Family::V4, SubnetUse::Malformed, 1),
        (Family::V6, SubnetUse::Unused, 1),
    ];
    assert_eq!(subnets, expected);
    let queries: Vec<_> = tally.queries().filter(|(.., count)| *count > 0).collect();
    // Unparsable messages count as type other.
    assert_eq!(queries, [(4, "A", 5), (4, "AAAA", 1), (4, "TXT", 1), (4, "other", 1), (6, "A", 1)]);
    assert_eq!((tally.query_sizes.count(), tally.response_sizes.count()), (9, 9));
}
