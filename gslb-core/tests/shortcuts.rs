//! An answer found by the shortcut of its plan equals the one that the rules give, whatever is up.

mod support;

use std::sync::Arc;

use gslb_core::explain::response::Response;
use gslb_core::live::demand::Demand;
use gslb_core::live::overrides::{Force, Override, apply};
use gslb_core::live::pool::{Change, EndpointState, Kind};
use gslb_core::live::states::carried_states;
use gslb_core::respond::{Reply, SteeredAnswer, Worker};
use gslb_core::site::document;
use gslb_core::site::model::PoolId;
use gslb_core::steer::direct::direct;
use gslb_core::steer::draw::{Dice, Draw};
use gslb_core::steer::shortcut::Shortcut;
use gslb_core::steer::trace::{NoTrace, Recorder, Trace};
use gslb_core::steer::view::View;
use gslb_core::table::counts::ServiceAnswers;
use gslb_core::table::{RoutingTable, Topology, compile};
use proptest::prelude::*;
use support::{WORLD, ask};

const ZONE: &str = "$TTL 60\n@ SOA ns h 1 2 3 4 60\n@ NS ns.example.net.\n";
const POOLS: [&str; 7] = ["one", "two", "v6", "three", "hashed", "spare", "far"];
/// Endpoints of each.
const SIZES: [u32; 7] = [2, 3, 1, 3, 3, 1, 2];
const CLIENTS: [&str; 5] = ["193.0.6.0/24", "133.11.0.0/16", "10.1.2.0/24", "2001:db8:7::/48", "2800:3f0::/32"];

/// A policy over the pools, as the document has it.
fn policy() -> impl Strategy<Value = String> {
    let pool = prop::sample::select(POOLS.to_vec()).prop_map(|pool| format!("\"{pool}\""));
    let pools = prop::sample::subsequence(POOLS.to_vec(), 2..5);
    let listed = |pools: Vec<&str>| pools.iter().map(|pool| format!("\"{pool}\"")).collect::<Vec<_>>().join(", ");
    let leaf = prop_oneof![
        4 => pool,
        1 => pools.clone().prop_map(move |pools| format!("{{ all = [{}] }}", listed(pools))),
        1 => pools.clone().prop_map(move |pools| format!("{{ hash = [{}] }}", listed(pools))),
        1 => pools.prop_map(move |pools| format!("{{ failover = [{}] }}", listed(pools))),
        1 => (0..4u8, 0..4u8).prop_map(|(a, b)| format!("{{ weighted = {{ one = {a}, far = {b} }} }}")),
        1 => Just("{ nearest = [\"one\", \"two\", \"far\"] }".to_owned()),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            2 => prop::collection::vec(inner.clone(), 2..4).prop_map(|list| format!("{{ failover = [{}] }}", list.join(", "))),
            1 => inner.clone().prop_map(|inner| format!("{{ only = {inner} }}")),
            1 => (inner.clone(), inner).prop_map(|(a, b)| format!("{{ geo = {{ europe = {a}, default = {b} }} }}")),
        ]
    })
}

#[derive(Debug, Clone)]
struct Site {
    policies: Vec<String>,
    when_all_down: Vec<&'static str>,
    weight: u8,
    min_up: u8,
}

fn sites() -> impl Strategy<Value = Site> {
    let settings = ["serve-all", "last-up", "nodata", "servfail", "pool:spare", "pool:two"];
    let settings = prop::collection::vec(prop::sample::select(settings.to_vec()), 6);
    (prop::collection::vec(policy(), 3..6), settings, 0..3u8, 1..3u8)
        .prop_map(|(policies, when_all_down, weight, min_up)| Site { policies, when_all_down, weight, min_up })
}

impl Site {
    fn document(&self) -> String {
        let Site { weight, min_up, .. } = self;
        let mut text = format!(
            r#"zones."example.com".file = "zone"
[data_centers]
fra.location = {{ latitude = 50.11, longitude = 8.68 }}
nrt.location = {{ latitude = 35.77, longitude = 140.39 }}
[pools]
one = {{ data_center = "fra", endpoints = {{ a = {{ address = "192.0.2.1" }}, b = {{ address = "2001:db8::1" }} }} }}
two = {{ data_center = "nrt", min_up = {min_up}, endpoints = {{ a = {{ address = "192.0.2.11", weight = {weight} }}, b = {{ address = "192.0.2.12" }}, c = {{ address = "2001:db8::12" }} }} }}
v6 = {{ endpoints = {{ a = {{ address = "2001:db8::21" }} }} }}
three = {{ choose = "all", endpoints = {{ a = {{ address = "192.0.2.31" }}, b = {{ address = "192.0.2.32" }}, c = {{ address = "2001:db8::32" }} }} }}
hashed = {{ choose = "hash", answers = 2, endpoints = {{ a = {{ address = "192.0.2.41" }}, b = {{ address = "192.0.2.42" }}, c = {{ address = "192.0.2.43" }} }} }}
spare = {{ initial = "down", endpoints = {{ a = {{ address = "192.0.2.51" }} }} }}
far = {{ data_center = "nrt", endpoints = {{ a = {{ address = "192.0.2.61", weight = 0 }}, b = {{ address = "192.0.2.62" }} }} }}
names.endpoints.a.cname = "www.elsewhere.example."
[regions]
europe.match = ["continent:EU", "prefix:10.0.0.0/9"]
[services."names.example.com"]
policy = {{ failover = ["names"] }}
"#
        );
        for (number, (policy, setting)) in self.policies.iter().zip(&self.when_all_down).enumerate() {
            let more = ["", "sticky = {}\n", "types = [\"A\"]\n", "ttl = \"7s\"\n"][number % 4];
            text += &format!(
                "[services.\"s{number}.example.com\"]\n{more}when_all_down = \"{setting}\"\npolicy = {policy}\n"
            );
        }
        text
    }

    /// `None` if the document is refused, as an `all` with one address twice would be.
    fn topology(&self, before: Option<&RoutingTable>) -> Option<Topology> {
        let mut load = |name: &str, _: &str| Ok((Arc::from(name), ZONE.as_bytes().to_vec()));
        let site = document::read("site.toml", &self.document(), &mut load).site?;
        compile::compile(site, &*WORLD, &Arc::default(), before.map(RoutingTable::topology)).topology
    }
}

/// Something that makes the next table.
#[derive(Debug, Clone)]
enum Event {
    /// An endpoint has another state.
    Endpoint(usize, u32, EndpointState),
    /// An override forces a pool.
    Forced(usize, Force),
    /// A document with other weights, and the states of this number of endpoints change before it is published.
    Document(u8, u32),
}

fn events() -> impl Strategy<Value = Event> {
    let states = (any::<bool>(), 0..3u32, prop::sample::select(vec![1, 5, u32::MAX]), any::<bool>(), any::<bool>());
    let states = states.prop_map(|(up, weight, ttl_limit, is_known, recovered)| EndpointState {
        up,
        weight,
        ttl_limit,
        is_known: up || is_known,
        recovered: !up && recovered,
    });
    let forces = prop::sample::select(vec![Force::Up, Force::Down, Force::Drain, Force::Weight(3)]);
    prop_oneof![
        6 => (0..POOLS.len(), 0..3u32, states).prop_map(|(pool, endpoint, state)| Event::Endpoint(pool, endpoint, state)),
        2 => (0..POOLS.len(), forces).prop_map(|(pool, force)| Event::Forced(pool, force)),
        1 => (0..3u8, 0..4u32).prop_map(|(weight, changes)| Event::Document(weight, changes)),
    ]
}

fn change(table: &RoutingTable, pool: usize, endpoint: u32, state: EndpointState) -> Change {
    let pools = &table.topology().site.pools;
    let at = pools.iter().position(|it| *it.name == *POOLS[pool]).unwrap();
    Change { pool: PoolId(at as u32), endpoint: endpoint % SIZES[pool], state }
}

fn after(table: &RoutingTable, site: &mut Site, event: Event) -> RoutingTable {
    let down = EndpointState::new(false, 1);
    match event {
        Event::Endpoint(pool, endpoint, state) => table.with_changes(&[change(table, pool, endpoint, state)]),
        Event::Forced(pool, force) => {
            let entry = Override {
                id: "o".into(),
                targets: vec![format!("pool/{}", POOLS[pool]).parse().unwrap()],
                force,
                reason: String::new(),
                owner: String::new(),
                created: 0,
                expires: None,
            };
            table.with_states(&apply([&entry], &table.topology().site, &table.states()))
        }
        Event::Document(weight, changes) => {
            site.weight = weight;
            let carried = |table: &RoutingTable, topology: &Topology| {
                carried_states(&table.topology().site, &table.states(), &topology.site)
            };
            let topology = site.topology(Some(table)).unwrap();
            let prepared = table.next(topology.clone(), &carried(table, &topology));
            let current = (0..changes).fold(table.clone(), |table, number| {
                table.with_changes(&[change(&table, number as usize, number, down)])
            });
            prepared.rebased(table, &current, &carried(&current, &topology))
        }
    }
}

/// Everything that answering leaves behind.
#[derive(Debug, PartialEq)]
struct Traces {
    responses: Vec<Option<Vec<u8>>>,
    sample: Option<(SteeredAnswer, u64)>,
    services: Vec<ServiceAnswers>,
    pools: Vec<u64>,
}

/// The answers to every kind of query for every service, through this trace.
fn answered<T: Trace + Default>(table: &RoutingTable, services: usize) -> Traces {
    let table = table.clone().counting(1, None);
    let mut worker = Worker::new(Arc::default(), 7).with_counters(0);
    let names = (0..services).map(|number| format!("s{number}.example.com")).chain(["names.example.com".into()]);
    let mut responses = Vec::new();
    for name in names {
        for qtype in [1, 28, 5, 16, 255] {
            for client in CLIENTS {
                let question = ask(&name, qtype).subnet(client);
                let mut buffer = question.octets();
                let len = buffer.len();
                buffer.resize(1232, 0);
                let from = (question.resolver, 53).into();
                let reply = worker.respond(&table, from, question.transport, &mut buffer, len, &mut T::default());
                responses.push(match reply {
                    Reply::Send(len) => Some(buffer[..len].to_vec()),
                    Reply::Drop => None,
                });
            }
        }
    }
    let counts = table.counts().unwrap();
    let (services, pools) = (counts.services().collect(), counts.pools().collect());
    Traces { responses, sample: worker.take_sample(), services, pools }
}

#[test]
fn plans_have_shortcuts_to_where_they_end() {
    let policies = [
        "{ failover = [\"one\", \"two\"] }",
        "{ failover = [\"one\", { weighted = { two = 1, far = 1 } }] }",
        "{ failover = [\"one\", { only = \"v6\" }] }",
    ];
    let policies = policies.map(str::to_owned).to_vec();
    let site = Site { policies, when_all_down: vec!["servfail"; 3], weight: 1, min_up: 1 };
    let mut table = RoutingTable::initial(site.topology(None).unwrap());
    let shortcut = |table: &RoutingTable, service: &str, kind| {
        let topology = table.topology();
        let names = topology.site.services.iter().position(|it| it.name.to_string().starts_with(service)).unwrap();
        table.shortcut(topology.services[names].targets[0].plan, kind)
    };
    let pool = |name: usize| change(&table, name, 0, EndpointState::new(true, 1)).pool;
    let (one, two) = (pool(0), pool(1));
    assert_eq!(shortcut(&table, "s0", Kind::A), Shortcut::Pool(one, Demand::Up));
    assert_eq!(shortcut(&table, "s0", Kind::Aaaa), Shortcut::Pool(one, Demand::Up));
    table = table.with_changes(&[change(&table, 0, 0, EndpointState::new(false, 1))]);
    assert_eq!(shortcut(&table, "s0", Kind::A), Shortcut::Pool(two, Demand::Up), "the IPv4 endpoint is down");
    assert_eq!(shortcut(&table, "s0", Kind::Aaaa), Shortcut::Pool(one, Demand::Up));
    assert!(matches!(shortcut(&table, "s1", Kind::A), Shortcut::Part(_, Demand::Up)), "a draw begins there");
    assert_eq!(shortcut(&table, "s2", Kind::A), Shortcut::NoSuchKind);
    let without = table.with_changes(&[change(&table, 2, 0, EndpointState::new(false, 1))]);
    assert_eq!(shortcut(&without, "s2", Kind::A), Shortcut::None, "the `only` decides, and is down");
    let soon = EndpointState { ttl_limit: 2, ..EndpointState::new(false, 1) };
    table = table.with_changes(&[change(&table, 0, 0, soon)]);
    assert_eq!(shortcut(&table, "s0", Kind::A), Shortcut::None, "the pool that is passed over limits the TTL");
}

#[test]
fn a_draw_among_pools_that_are_up_needs_no_walk() {
    let policies = ["{ weighted = { one = 1, two = 3 } }", "{ hash = [\"one\", \"two\"] }"].map(str::to_owned).to_vec();
    let site = Site { policies, when_all_down: vec!["servfail"; 2], weight: 1, min_up: 1 };
    let table = RoutingTable::initial(site.topology(None).unwrap());
    let (one, two) = (
        change(&table, 0, 0, EndpointState::new(true, 1)).pool,
        change(&table, 1, 0, EndpointState::new(true, 1)).pool,
    );
    let found = |table: &RoutingTable, service: usize, is_sticky, client_key| {
        let (topology, kind) = (table.topology(), Kind::A);
        let view = View { plans: &topology.plans, pools: table.pools(), kind, steers_both: true };
        let name = format!("s{service}.");
        let at = topology.site.services.iter().position(|it| it.name.to_string().starts_with(&name)).unwrap();
        let plan = topology.services[at].targets[0].plan;
        let mut dice = Dice::new(client_key);
        let mut draw = Draw::of(is_sticky, &mut dice);
        direct(view, |plan| table.shortcut(plan, kind), plan, &mut draw, client_key)
            .map(|found| (found.id, found.ttl_limit))
    };
    for (service, is_sticky) in [(0, false), (0, true), (1, false)] {
        let mut ids: Vec<PoolId> = (0..40).map(|key| found(&table, service, is_sticky, key).unwrap().0).collect();
        ids.sort();
        ids.dedup();
        assert_eq!(ids, [one, two], "service {service}, sticky {is_sticky}");
    }
    let soon = EndpointState { ttl_limit: 2, ..EndpointState::new(true, 1) };
    let limited = table.with_changes(&[change(&table, 0, 0, soon)]);
    let is_limited = |key| found(&limited, 0, true, key).unwrap().1 == 2;
    assert!((0..40).all(is_limited), "both pools decide the draw, so one of them limits every answer");
    let down = table.with_changes(&[change(&table, 0, 0, EndpointState::new(false, 1))]);
    assert!((0..40).all(|key| found(&down, 0, true, key).is_none()), "the rules decide what a pool that is down means");
}

proptest! {
    #![proptest_config(ProptestConfig {
        max_global_rejects: 100_000,
        ..ProptestConfig::with_cases(if cfg!(debug_assertions) { 40 } else { 500 })
    })]

    #[test]
    fn every_answer_is_as_the_rules_give_it(mut site in sites(), events in prop::collection::vec(events(), 1..12)) {
        let first = site.topology(None);
        prop_assume!(first.is_some());
        let mut table = RoutingTable::initial(first.unwrap());
        let services = site.policies.len();
        let mut past: Vec<Event> = Vec::new();
        for event in [None].into_iter().chain(events.into_iter().map(Some)) {
            if let Some(event) = event {
                table = after(&table, &mut site, event.clone());
                past.push(event);
            }
            let (short, ruled) = (answered::<NoTrace>(&table, services), answered::<Recorder>(&table, services));
            for (short, ruled) in short.responses.iter().zip(&ruled.responses) {
                let parsed = |octets: &Option<Vec<u8>>| Response::parse(octets.as_deref().unwrap()).unwrap();
                prop_assert!(short == ruled, "{:?}\n{:?}\n{}\n{past:?}", parsed(short), parsed(ruled), site.document());
            }
            prop_assert!(short == ruled, "counted otherwise: {short:?} {ruled:?}");
        }
    }
}
