//! A table that shares parts with the previous one equals the table compiled from scratch.

mod support;

use std::fmt::Write as _;
use std::sync::Arc;

use gslb_core::live::states::carried_states;
use gslb_core::site::document;
use gslb_core::table::{RoutingTable, Topology, compile};
use proptest::prelude::*;
use support::{Server, WORLD, ask};

/// Everything that the edits of these tests change.
#[derive(Debug, Clone)]
struct Draft {
    serial: u8,
    host: u8,
    location: bool,
    weights: [u8; 3],
    address: u8,
    choose_all: bool,
    prefix: u8,
    second_prefix: bool,
    country: bool,
    share: u8,
    nearest: bool,
    ttl: u8,
    sticky: bool,
    extra_service: bool,
    services_turned: bool,
    new_pool: bool,
    policy_of_www: u8,
    databases: u8,
}

const FIRST: Draft = Draft {
    serial: 1,
    host: 1,
    location: true,
    weights: [1, 2, 3],
    address: 10,
    choose_all: false,
    prefix: 1,
    second_prefix: false,
    country: false,
    share: 30,
    nearest: false,
    ttl: 30,
    sticky: false,
    extra_service: false,
    services_turned: false,
    new_pool: false,
    policy_of_www: 0,
    databases: 1,
};

/// One edit.
fn edited(draft: &Draft, what: u8, number: u8) -> Draft {
    let mut next = draft.clone();
    match what {
        0 => next.serial = number,
        1 => next.host = number,
        2 => next.location = !next.location,
        3 => next.weights[usize::from(number % 3)] = number % 5,
        4 => next.address = number,
        5 => next.choose_all = !next.choose_all,
        6 => next.prefix = number,
        7 => next.second_prefix = !next.second_prefix,
        8 => next.country = !next.country,
        9 => next.share = number,
        10 => next.nearest = !next.nearest,
        11 => next.ttl = number,
        12 => next.sticky = !next.sticky,
        13 => next.extra_service = !next.extra_service,
        14 => next.services_turned = !next.services_turned,
        15 => next.new_pool = !next.new_pool,
        16 => next.policy_of_www = number % 3,
        _ => next.databases = 1 + number % 2,
    }
    next
}

const EDITS: u8 = 18;

impl Draft {
    fn document(&self) -> String {
        let mut text = String::from("[zones.\"example.com\"]\nfile = \"zone\"\n[data_centers.fra.location]\n");
        let fra = if self.location { "country = \"DE\"" } else { "country = \"ZA\"" };
        let [a, b, c] = self.weights;
        let choose = if self.choose_all { "all" } else { "weighted" };
        let _ = writeln!(text, "{fra}\n[data_centers.iad.location]\ncountry = \"US\"");
        if self.new_pool {
            text.push_str("[pools.aaa]\nendpoints.a = { address = \"192.0.2.99\" }\n");
        }
        let _ = writeln!(
            text,
            "[pools.fra]\ndata_center = \"fra\"\nchoose = \"{choose}\"\n\
             endpoints.a = {{ address = \"192.0.2.{}\", weight = {a} }}\nendpoints.b = {{ address = \"198.51.100.2\", weight = {b} }}\n\
             [pools.iad]\ndata_center = \"iad\"\nendpoints.c = {{ address = \"203.0.113.3\", weight = {c} }}\n\
             endpoints.d = {{ address = \"2001:db8::4\", weight = 1 }}",
            self.address
        );
        let country = if self.country { "\"country:JP\"" } else { "\"country:BR\"" };
        let second = if self.second_prefix { ", \"prefix:10.0.0.0/9\"" } else { "" };
        let order = if self.nearest { "nearest" } else { "failover" };
        let _ = writeln!(
            text,
            "[regions.here]\nmatch = [\"continent:EU\", \"prefix:10.{}.0.0/16\"{second}]\n[regions.there]\nmatch = [{country}]\n\
             [policies.by-place]\ngeo = {{ here = \"fra\", there = \"order\", default = \"iad\" }}\n\
             [policies.order]\n{order} = [\"iad\", \"fra\"]\n\
             [policies.shared]\nweighted = {{ fra = {}, iad = 70 }}",
            self.prefix, self.share
        );
        let sticky = if self.sticky { "sticky = { v4 = 20, v6 = 48 }\n" } else { "" };
        let policy = ["by-place", "order", "shared"][usize::from(self.policy_of_www)];
        let www = format!("[services.\"www.example.com\"]\npolicy = \"{policy}\"\nttl = \"{}s\"\n{sticky}", self.ttl);
        let api = "[services.\"api.example.com\"]\npolicy = \"shared\"\nsticky = {}\n".to_owned();
        let both = if self.services_turned { [api, www] } else { [www, api] };
        both.iter().for_each(|service| text.push_str(service));
        if self.extra_service {
            text.push_str("[services.\"*.example.com\"]\npolicy = { failover = [\"order\", \"shared\"] }\n");
        }
        if self.new_pool {
            text.push_str("[services.\"new.example.com\"]\npolicy = \"aaa\"\n");
        }
        text
    }

    fn zone(&self) -> String {
        let Draft { serial, host, .. } = self;
        format!("$TTL 1h\n@ IN SOA ns h {serial} 2 3 4 5\n@ IN NS ns\nns IN A 192.0.2.53\nhost IN A 192.0.2.{host}\n")
    }

    /// The table, or `None` if the document is refused.
    fn table(&self, previous: Option<&RoutingTable>) -> Option<RoutingTable> {
        let zone = self.zone();
        let mut load = |name: &str, _: &str| Ok((Arc::from(name), zone.clone().into_bytes()));
        let site = document::read("site.toml", &self.document(), &mut load).site?;
        let twice = [Arc::clone(&WORLD[0]), Arc::clone(&WORLD[0])];
        let before = previous.map(RoutingTable::topology);
        let databases = &twice[..usize::from(self.databases)];
        let topology = compile::compile(site, databases, &Arc::default(), before).topology?;
        Some(match previous {
            None => RoutingTable::initial(topology),
            Some(previous) => {
                let states = carried_states(&previous.topology().site, &previous.states(), &topology.site);
                previous.next(topology, &states)
            }
        })
    }
}

/// The answers of a table to a variety of queries, in order.
fn answers(table: &RoutingTable) -> Vec<Option<Vec<u8>>> {
    let mut server = Server::new(table.clone());
    let mut answers = Vec::new();
    for name in ["www", "api", "new", "other", "host", "no.such", "ns", "@"] {
        let name = if name == "@" { "example.com".to_owned() } else { format!("{name}.example.com") };
        for qtype in [1, 28, 6, 2] {
            for client in
                ["193.0.6.0/24", "133.11.0.0/16", "200.160.0.0/20", "10.1.2.0/24", "10.7.0.0/24", "2800:3f0::/32"]
            {
                let question = ask(&name, qtype).subnet(client);
                answers.push(server.send(&question.octets(), question.resolver, question.transport));
            }
        }
    }
    answers
}

/// Differences that do not show in answers, but in time or memory.
fn parts(Topology { columns, plans, services, index, catalog, .. }: &Topology) -> String {
    let index = (index.loci.len(), index.v4.starts.len(), index.v6.starts.len(), &index.prefixes);
    format!("{columns:?}{plans:?}{services:?}{index:?}{}{}", catalog.names(), catalog.zones())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 12 } else { 200 }))]

    #[test]
    fn successive_edits_give_the_same_tables_as_compiling_from_scratch(
        edits in proptest::collection::vec((0..EDITS, 1..=60u8), 1..6)
    ) {
        let mut draft = FIRST;
        let mut table = draft.table(None).unwrap();
        for (what, number) in edits {
            let next = edited(&draft, what, number);
            let (shared, rebuilt) = (next.table(Some(&table)), next.table(None));
            prop_assert_eq!(shared.is_some(), rebuilt.is_some(), "{:?}", next);
            let (Some(shared), Some(rebuilt)) = (shared, rebuilt) else { continue };
            prop_assert!(answers(&shared) == answers(&rebuilt), "{:?} after {:?}", next, draft);
            prop_assert_eq!(parts(shared.topology()), parts(rebuilt.topology()));
            (draft, table) = (next, shared);
        }
    }
}

/// Which of catalog, index and columns a table shares with the previous one.
fn shared(before: &RoutingTable, after: &RoutingTable) -> [bool; 3] {
    let (before, after) = (before.topology(), after.topology());
    [
        Arc::ptr_eq(&before.catalog, &after.catalog),
        Arc::ptr_eq(&before.index, &after.index),
        Arc::ptr_eq(&before.columns, &after.columns) && Arc::ptr_eq(&before.plans, &after.plans),
    ]
}

#[test]
fn exactly_the_unchanged_parts_are_shared() {
    let first = FIRST.table(None).unwrap();
    let after = |what, number| shared(&first, &edited(&FIRST, what, number).table(Some(&first)).unwrap());
    assert_eq!(after(3, 4), [true, true, true], "a weight");
    assert_eq!(after(11, 7), [true, true, true], "a TTL");
    assert_eq!(after(5, 0), [true, true, true], "how a pool chooses");
    assert_eq!(after(0, 9), [false, true, true], "a record");
    assert_eq!(after(14, 0)[..2], [false, true], "the order of services");
    assert_eq!(after(2, 0), [true, true, false], "where a data center is");
    assert_eq!(after(8, 0), [true, true, false], "what a region is");
    assert_eq!(after(9, 7), [true, true, false], "a policy");
    assert_eq!(after(6, 7), [true, false, false], "a prefix");
    assert_eq!(after(17, 1), [true, false, false], "databases");
}

#[test]
fn a_pool_with_unchanged_endpoints_is_shared() {
    let first = FIRST.table(None).unwrap();
    let next = edited(&FIRST, 3, 4).table(Some(&first)).unwrap();
    let shared: Vec<bool> =
        first.pools().iter().zip(next.pools().iter()).map(|(old, new)| Arc::ptr_eq(old, new)).collect();
    assert_eq!(shared, [false, true], "a weight of fra changed");
}
