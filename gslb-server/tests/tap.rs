//! Captured answers of workers: complete or not at all, in order, and without an allocation.

#[path = "../../gslb-core/tests/support/counting.rs"]
mod counting;

use std::sync::Arc;
use std::time::SystemTime;

use counting::allocations;
use gslb::capture::tap::{Query, QueryPath, RING_ANSWERS, RING_OCTETS, Switch, Tap, TapReader, pair};
use gslb_api::traffic::tail::{Filter, Tail};
use gslb_core::explain::{Question, datagram};
use gslb_core::respond::{Reply, Transport, Worker};
use gslb_core::site::document;
use gslb_core::steer::trace::NoTrace;
use gslb_core::table::{RoutingTable, compile};

const DOCUMENT: &str = r#"
[zones."example.com"]
records = """
$TTL 1h
@ IN SOA ns h 1 2 3 4 5
@ IN NS ns
ns IN A 192.0.2.53
"""
[pools.fra]
choose = "all"
endpoints.fra-1 = { address = "192.0.2.10" }
endpoints.fra-2 = { address = "192.0.2.11" }
[pools.to-www]
endpoints.www = { cname = "www.example.com." }
[services."www.example.com"]
types = ["A"]
policy = "fra"
[services."to.example.com"]
policy = "to-www"
"#;

/// A worker with a tap.
struct Server {
    table: RoutingTable,
    worker: Worker,
    tap: Tap,
    buffer: Vec<u8>,
}

impl Server {
    fn new(switch: Switch) -> (Self, TapReader) {
        let mut none = |name: &str, _: &str| Err(format!("no file {name}").into());
        let reading = document::read("site.toml", DOCUMENT, &mut none);
        let site = reading.site.unwrap_or_else(|| panic!("{:?}", reading.problems));
        let topology = compile::compile(site, &[], &Arc::default(), None).topology.unwrap();
        let table = RoutingTable::initial(topology).counting(1, None);
        let (tap, shown) = pair(Arc::new(switch), 1);
        let worker = Worker::new(Arc::default(), 1).with_counters(0);
        (Self { table, worker, tap, buffer: vec![0; 4096] }, shown)
    }

    /// Answers a query and captures it if wanted, like a worker; returns the response.
    fn answer(&mut self, query: &[u8], port: u16) -> Vec<u8> {
        let Self { table, worker, tap, buffer } = self;
        buffer[..query.len()].copy_from_slice(query);
        let resolver = ([198, 51, 100, 1], port).into();
        let path = QueryPath::new(Transport::Udp, resolver, ([0; 4], 53).into()).to(Some([192, 0, 2, 53].into()));
        let active_readers = tap.active_readers();
        let before = allocations();
        let reply = match tap.wanted(active_readers) {
            None => worker.respond(table, resolver, Transport::Udp, buffer, query.len(), &mut NoTrace),
            Some(wanted) => {
                let query = Query { path, received_at: SystemTime::now(), octets: query.len(), table };
                tap.show(wanted, query, buffer, |buffer, noted| {
                    worker.respond(table, resolver, Transport::Udp, buffer, query.octets, noted)
                })
            }
        };
        assert_eq!(allocations(), before, "nothing is allocated");
        match reply {
            Reply::Send(octets) => buffer[..octets].to_vec(),
            Reply::Drop => Vec::new(),
        }
    }
}

fn query(name: &str) -> Vec<u8> {
    let resolver = "198.51.100.1".parse().unwrap();
    datagram(&Question { name: name.parse().unwrap(), qtype: 1, client: None, resolver })
}

#[test]
fn every_answer_is_captured_as_received_and_sent() {
    let (mut server, mut shown) = Server::new(Switch::new(Some(1.0), Tail::default()));
    for port in 1..=1000 {
        // Names and, of each, the services that decide, by number, and how many endpoints they name.
        let cases: [(&str, &[u32], usize); 3] =
            [("none.example.com", &[], 0), ("www.example.com", &[0], 2), ("to.example.com", &[1, 0], 3)];
        let (name, services, named) = cases[usize::from(port) % cases.len()];
        let query = query(name);
        let response = server.answer(&query, port);
        // A datagram without an answer is nothing to be shown.
        assert!(server.answer(&[0; 5], port).is_empty());
        let record = shown.take().unwrap();
        assert_eq!((record.query, record.response), (&query[..], &response[..]));
        assert_eq!((record.path.resolver.port(), record.path.local), (port, ([192, 0, 2, 53], 53).into()));
        assert!(record.answered >= record.received_at && record.wanted.dnstap && !record.wanted.tail);
        let decided: Vec<u32> = record.decisions.iter().map(|decided| decided.service).collect();
        assert_eq!((record.chosen.len(), &*decided), (named, services));
        assert_eq!(Some(record.topology_id), server.table.counts().map(|counts| counts.topology_id()));
        assert!(shown.take().is_none());
    }
}

#[test]
fn without_a_reader_answers_continue_and_losses_are_counted() {
    let (mut server, mut shown) = Server::new(Switch::new(Some(1.0), Tail::default()));
    let (query, sent) = (query("www.example.com"), 2 * RING_ANSWERS as u64);
    let octets = query.len() + server.answer(&query, 1).len();
    for _ in 1..sent {
        assert!(!server.answer(&query, 1).is_empty());
    }
    let lost = shown.counts.lost_to_dnstap.get();
    let mut kept = 0;
    while let Some(record) = shown.take() {
        assert_eq!(record.query, query, "nothing is shown in part");
        kept += 1;
    }
    assert_eq!((kept + lost, shown.counts.lost_to_tail.get()), (sent, 0));
    assert_eq!(kept, RING_ANSWERS.min(RING_OCTETS / octets) as u64);
    // There is room again.
    server.answer(&query, 1);
    assert!(shown.take().is_some());
}

#[test]
fn dnstap_gets_its_share_and_followers_get_all() {
    let tail = Tail::default();
    let (mut server, mut shown) = Server::new(Switch::new(Some(0.25), tail.clone()));
    let query = query("www.example.com");
    let mut count = |server: &mut Server| {
        let (mut dnstap, mut tail) = (0u32, 0u32);
        for _ in 0..4000 {
            server.answer(&query, 1);
            while let Some(record) = shown.take() {
                dnstap += u32::from(record.wanted.dnstap);
                tail += u32::from(record.wanted.tail);
            }
        }
        (dnstap, tail)
    };
    let (dnstap, none) = count(&mut server);
    // A quarter, give or take five standard deviations.
    assert!(dnstap.abs_diff(1000) < 140 && none == 0, "{dnstap} {none}");
    let watching = tail.watch(Filter::default());
    let (dnstap, all) = count(&mut server);
    assert!(dnstap.abs_diff(1000) < 140 && all == 4000, "{dnstap} {all}");
    drop(watching);
    assert_eq!(count(&mut server).1, 0);
    for (share, expected) in [(None, 0), (Some(0.0), 0), (Some(1.0), 4000)] {
        let (mut server, mut shown) = Server::new(Switch::new(share, Tail::default()));
        let mut seen = 0;
        for _ in 0..4000 {
            server.answer(&query, 1);
            seen += u32::from(shown.take().is_some());
        }
        assert_eq!(seen, expected, "{share:?}");
    }
}
