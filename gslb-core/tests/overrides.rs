//! Overrides: which endpoints they match, which of several wins, and how a table applies them.

mod support;

use std::collections::{BTreeMap, BTreeSet};

use gslb_core::live::overrides::{
    Force, Hidden, Override, apply, apply_to, frees, hidden, holding, match_any, targets_match_any,
};
use gslb_core::live::pool::{Change, EndpointState};
use gslb_core::live::states::{States, initial_states};
use gslb_core::site::model::{Pool, PoolId, Site};
use gslb_core::table::RoutingTable;
use proptest::prelude::*;
use support::{Server, WORLD, ask, table};

const ZONE: &str = "$TTL 1h\n@ IN SOA ns h 1 2 3 4 5\n@ IN NS ns\nns IN A 192.0.2.53\n";
const DOCUMENT: &str = r#"
[zones."example.com"]
file = "example.com.zone"
[data_centers]
fra = {}
iad = {}
[pools.fra]
data_center = "fra"
endpoints.fra-1 = { address = "192.0.2.1", weight = 3 }
endpoints.fra-2 = { address = "192.0.2.2", weight = 1 }
[pools.fra-cold]
data_center = "fra"
initial = "down"
endpoints.cold-1 = { address = "192.0.2.3" }
[pools.iad]
data_center = "iad"
endpoints.iad-1 = { address = "192.0.2.4" }
[services."www.example.com"]
policy = { failover = ["fra", "fra-cold", "iad"] }
"#;

fn entry(id: &str, target: &str, force: Force, created: u64) -> Override {
    let targets = vec![target.parse().unwrap()];
    Override { id: id.into(), targets, force, reason: "test".into(), owner: "me".into(), created, expires: None }
}

fn subject() -> RoutingTable {
    table(DOCUMENT, ZONE, &*WORLD)
}

fn states(table: &RoutingTable, entries: &[Override]) -> States {
    let site = &table.topology().site;
    apply(entries, site, &initial_states(site))
}

/// `up` and weight of every endpoint, in document order.
fn flat(states: &States) -> Vec<(bool, u32)> {
    states.iter().flatten().map(|state| (state.up, state.weight)).collect()
}

#[test]
fn only_probed_endpoints_are_unknown_at_first() {
    let document = r#"
[zones."example.com"]
file = "example.com.zone"
[probes.web]
kind = "tcp"
port = 80
[pools]
plain.endpoints.a = { address = "192.0.2.1" }
plain-down = { initial = "down", endpoints.a = { address = "192.0.2.2" } }
probed = { probe = "web", endpoints.a = { address = "192.0.2.3" } }
probed-down = { probe = "web", initial = "down", endpoints.a = { address = "192.0.2.4" } }
[services."www.example.com"]
policy = { failover = ["plain", "plain-down", "probed", "probed-down"] }
"#;
    let table = table(document, ZONE, &*WORLD);
    let states = initial_states(&table.topology().site);
    let of: Vec<_> = states.iter().flatten().map(|state| (state.up, state.is_known)).collect();
    assert_eq!(of, [(true, true), (false, true), (true, true), (false, false)]);
}

#[test]
fn each_force_has_its_effect() {
    let table = subject();
    let with = |target, force| flat(&states(&table, &[entry("a", target, force, 1)]));
    assert_eq!(flat(&states(&table, &[])), [(true, 3), (true, 1), (false, 1), (true, 1)]);
    assert_eq!(with("data-center/fra", Force::Down), [(false, 3), (false, 1), (false, 1), (true, 1)]);
    assert_eq!(with("pool/fra*", Force::Up), [(true, 3), (true, 1), (true, 1), (true, 1)]);
    assert_eq!(with("endpoint/*/*-1", Force::Drain), [(true, 0), (true, 1), (false, 0), (true, 0)]);
    assert_eq!(with("endpoint/fra/fra-?", Force::Weight(7)), [(true, 7), (true, 7), (false, 1), (true, 1)]);
    assert_eq!(with("pool/nothing", Force::Down), flat(&states(&table, &[])));
}

#[test]
fn the_most_specific_target_wins_and_among_equals_the_newest() {
    let table = subject();
    let first = |entries: &[Override]| flat(&states(&table, entries))[0];
    let center = entry("c", "data-center/fra", Force::Down, 9);
    let pool = entry("p", "pool/fra", Force::Weight(5), 5);
    let glob = entry("g", "pool/fr*", Force::Weight(6), 8);
    let endpoint = entry("e", "endpoint/fra/fra-1", Force::Drain, 1);
    assert_eq!(first(std::slice::from_ref(&center)), (false, 3));
    assert_eq!(first(&[glob.clone(), pool.clone()]), (true, 5));
    assert_eq!(first(&[center.clone(), endpoint.clone(), pool.clone()]), (true, 0));
    let newer = entry("n", "pool/fra", Force::Weight(8), 6);
    assert_eq!(first(&[newer.clone(), pool.clone()]), (true, 8));
    assert_eq!(first(&[pool.clone(), newer.clone()]), (true, 8));
    let twin = entry("q", "pool/fra", Force::Weight(9), 5);
    assert_eq!(first(&[twin.clone(), pool.clone()]), first(&[pool.clone(), twin]));
    let site = &table.topology().site;
    let first_of = |entries: &[Override], pool: usize, endpoint: &str| {
        holding(entries, site, &site.pools[pool], endpoint).both().next().map(|entry| entry.id.to_string())
    };
    assert_eq!(first_of(&[pool.clone(), newer.clone()], 0, "fra-1"), Some("n".to_owned()));
    let entries = [center, pool, newer];
    assert_eq!(first_of(&entries, 0, "fra-1"), Some("c".to_owned()));
    assert_eq!(first_of(&entries, 2, "iad-1"), None);
}

#[test]
fn a_weight_sends_no_clients_to_drained_or_down_endpoints() {
    let table = subject();
    let canary = entry("w", "endpoint/fra/fra-1", Force::Weight(7), 9);
    let first = |wide: Force| flat(&states(&table, &[canary.clone(), entry("c", "data-center/fra", wide, 1)]))[0];
    assert_eq!([first(Force::Down), first(Force::Drain), first(Force::Up)], [(false, 3), (true, 0), (true, 7)]);
    // A more specific "up" keeps the document's weight.
    let spared = [entry("c", "data-center/fra", Force::Weight(0), 9), entry("u", "endpoint/fra/fra-1", Force::Up, 1)];
    assert_eq!(flat(&states(&table, &spared))[..2], [(true, 3), (true, 0)]);
    // An explicit "up" exempts an endpoint.
    let spared = [entry("c", "data-center/fra", Force::Drain, 9), entry("u", "endpoint/fra/fra-1", Force::Up, 1)];
    assert_eq!(flat(&states(&table, &spared))[..2], [(true, 3), (true, 0)]);
}

#[test]
fn overrides_that_hide_another_are_reported() {
    let table = subject();
    let site = &table.topology().site;
    let (wide, canary) =
        (entry("c", "data-center/fra", Force::Drain, 1), entry("w", "endpoint/fra/fra-1", Force::Weight(7), 9));
    let up = entry("u", "endpoint/fra/fra-1", Force::Up, 1);
    let hidden_by = |entries: &[&Override]| -> Vec<(String, usize, usize, String)> {
        let all = hidden(entries.iter().copied(), site);
        let hidden_by = |(id, Hidden { matched, hidden, by }): (&str, Hidden<'_>)| {
            (id.to_owned(), matched, hidden, by.into_iter().collect())
        };
        all.into_iter().map(hidden_by).collect()
    };
    assert_eq!(hidden_by(&[&wide, &canary]), [("w".to_owned(), 1, 1, "c".to_owned())]);
    assert_eq!(hidden_by(&[&wide, &up]), [("c".to_owned(), 3, 1, "u".to_owned())]);
    assert_eq!(hidden_by(&[&wide]), []);
    // An endpoint drained by another override is drained.
    let also = entry("d", "endpoint/fra/fra-1", Force::Drain, 1);
    assert_eq!(hidden_by(&[&wide, &also]), []);
}

#[test]
fn endpoints_freed_by_the_end_of_an_override_are_reported() {
    let table = subject();
    let site = &table.topology().site;
    let (wide, shield) = (entry("c", "data-center/fra", Force::Drain, 1), entry("u", "endpoint/fra/*", Force::Up, 1));
    let other = entry("o", "pool/iad", Force::Drain, 1);
    assert!(frees(&wide, [&other], site) && !frees(&wide, [&shield], site));
    assert!(!frees(&shield, [&wide], site) && !frees(&shield, [&other], site), "its end takes clients away");
}

#[test]
fn a_table_applies_states_and_returns_them() {
    let mut server = Server::new(subject());
    let www = ask("www.example.com", 1);
    let forced = states(&server.table, &[entry("a", "data-center/fra", Force::Down, 1)]);
    let before = server.table.clone();
    assert_ne!(before.states(), forced);
    server.table = before.with_states(&forced);
    assert_eq!(server.table.generation(), before.generation() + 1);
    assert_eq!(server.answers(&www), ["192.0.2.4"]);
    assert!(std::sync::Arc::ptr_eq(
        before.pools().shared(PoolId(2)).unwrap(),
        server.table.pools().shared(PoolId(2)).unwrap()
    ));
    assert_eq!(server.table.states(), forced);
    server.table = server.table.with_states(&states(&before, &[]));
    assert!(["192.0.2.1", "192.0.2.2"].contains(&&*server.answers(&www)[0]));
    // States of a site with other pools are harmless.
    let strange: States = vec![vec![EndpointState::new(true, 3); 9].into(); 9];
    let states = server.table.with_states(&strange).states();
    assert!(states.iter().flatten().all(|state| state.weight == 3));
    assert_eq!(states.iter().map(|pool| pool.len()).sum::<usize>(), 4);
}

#[test]
fn an_override_serializes_as_the_api_shows_it() {
    let text = r#"{"id":"a","targets":["data-center/fra","endpoint/fra/fra-?"],"force":{"weight":5},"reason":"r","owner":"o","created":1,"expires":2}"#;
    let read: Override = serde_json::from_str(text).unwrap();
    assert_eq!(serde_json::to_string(&read).unwrap(), text);
    assert_eq!((read.is_over(1), read.is_over(2)), (false, true));
    for force in ["up", "down", "drain"] {
        assert!(serde_json::from_str::<Force>(&format!("{force:?}")).is_ok());
    }
    for invalid in [r#""sideways""#, r#"{"weight":-1}"#, r#"{"weight":"5"}"#] {
        assert!(serde_json::from_str::<Force>(invalid).is_err(), "{invalid}");
    }
    assert!(serde_json::from_str::<Override>(&text.replace("fra-?", "fra /?")).is_err());
}

/// Names and globs over few letters, so that many match.
fn name(letters: &'static str, most: usize) -> impl Strategy<Value = String> {
    let letter = proptest::sample::select(letters.chars().collect::<Vec<char>>());
    proptest::collection::vec(letter, 1..=most).prop_map(|letters| letters.into_iter().collect())
}

fn any_target() -> impl Strategy<Value = String> {
    let glob = || name("ab1*?", 5);
    prop_oneof![
        glob().prop_map(|it| format!("data-center/{it}")),
        glob().prop_map(|it| format!("pool/{it}")),
        (glob(), glob()).prop_map(|(pool, endpoint)| format!("endpoint/{pool}/{endpoint}")),
    ]
}

fn any_overrides() -> impl Strategy<Value = Vec<Override>> {
    let force = prop_oneof![Just(Force::Up), Just(Force::Down), Just(Force::Drain), (0u32..4).prop_map(Force::Weight),];
    let parts = (proptest::collection::vec(any_target(), 1..6), force, 0u64..4);
    proptest::collection::vec(parts, 0..8).prop_map(|entries| {
        let made = |(at, (targets, force, created)): (usize, (Vec<String>, Force, u64))| Override {
            targets: targets.iter().map(|target| target.parse().unwrap()).collect(),
            ..entry(&format!("o{at}"), "pool/x", force, created)
        };
        entries.into_iter().enumerate().map(made).collect()
    })
}

fn any_site() -> impl Strategy<Value = Site> {
    let endpoints = proptest::collection::btree_set(name("ab1", 4), 1..6);
    let pools = proptest::collection::btree_map(name("ab1", 3), (endpoints, 0usize..3), 1..6);
    pools.prop_map(|pools| {
        let mut text = String::from("[data_centers]\na = {}\nb1 = {}\n");
        for (pool, (endpoints, data_center)) in pools {
            text += &format!("[pools.{pool}]\n");
            text += ["", "data_center = \"a\"\n", "data_center = \"b1\"\n"][data_center];
            for (endpoint, at) in endpoints.iter().zip(1..) {
                text += &format!("endpoints.{endpoint} = {{ address = \"192.0.2.{at}\" }}\n");
            }
        }
        let reading = gslb_core::site::document::read("site.toml", &text, &mut gslb_core::site::document::no_files);
        reading.site.unwrap_or_else(|| panic!("{text}\n{:?}", reading.problems))
    })
}

/// The targets that match an endpoint, tried one after the other, most specific first.
fn matching<'o>(entries: &'o [Override], site: &Site, pool: &Pool, endpoint: &str) -> Vec<&'o Override> {
    let targets = entries.iter().flat_map(|entry| entry.targets.iter().map(move |target| (target, entry)));
    let mut matching: Vec<_> = targets.filter(|(target, _)| target.matches(site, pool, endpoint)).collect();
    matching.sort_by_key(|(target, entry)| std::cmp::Reverse((target.specificity(), entry.created, entry.id.clone())));
    matching.into_iter().map(|(_, entry)| entry).collect()
}

/// The expected state of an endpoint, by the documented rules.
fn forced(entries: &[Override], site: &Site, pool: &Pool, endpoint: &str, base: EndpointState) -> EndpointState {
    let matching = matching(entries, site, pool, endpoint);
    let is_weight = |entry: &Override| matches!(entry.force, Force::Weight(_));
    let first = matching.iter().position(|entry| !is_weight(entry));
    let weight = matching.first().copied().filter(|entry| is_weight(entry));
    let status = first.map(|at| matching[at]);
    let weight = weight.filter(|_| status.is_none_or(|entry| entry.force == Force::Up));
    let state = status.map_or(base, |entry| entry.force.on(base));
    weight.map_or(state, |entry| entry.force.on(state))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn lookup_by_name_agrees_with_trying_each_override(entries in any_overrides(), site in any_site()) {
        let base = initial_states(&site);
        let states = apply(&entries, &site, &base);
        let mut changes = Vec::new();
        let mut counted: BTreeMap<String, usize> = BTreeMap::new();
        for (at, pool) in site.pools.iter().enumerate() {
            for (number, endpoint) in pool.endpoints.iter().enumerate() {
                let expected = forced(&entries, &site, pool, &endpoint.name, base[at][number]);
                prop_assert_eq!(states[at][number], expected);
                let (pool_id, number_u32) = (PoolId(at as u32), number as u32);
                changes.push(Change { pool: pool_id, endpoint: number_u32, state: base[at][number] });
                let ids: BTreeSet<&str> = matching(&entries, &site, pool, &endpoint.name).iter().map(|entry| &*entry.id).collect();
                ids.into_iter().for_each(|id| *counted.entry(id.to_owned()).or_default() += 1);
            }
        }
        for change in apply_to(&entries, &site, &changes) {
            prop_assert_eq!(change.state, states[change.pool.0 as usize][change.endpoint as usize]);
        }
        for (id, hidden) in hidden(&entries, &site) {
            prop_assert_eq!(hidden.matched, counted[id]);
            prop_assert!((1..=hidden.matched).contains(&hidden.hidden));
        }
        let matches_any: Vec<bool> = entries.iter().map(|entry| counted.contains_key(&entry.id)).collect();
        prop_assert_eq!(match_any(&entries, &site), matches_any);
        for entry in &entries {
            let each: Vec<bool> = entry.targets.iter().map(|target| target.means_any(&site)).collect();
            prop_assert_eq!(targets_match_any(&entry.targets, &site), each);
            let is_held = |pool: &Pool, endpoint: &str| {
                entry.targets.iter().any(|target| target.matches(&site, pool, endpoint))
                    && !matching(&entries, &site, pool, endpoint).iter().all(|other| other.id == entry.id)
            };
            let any = site.pools.iter().any(|pool| pool.endpoints.iter().any(|it| is_held(pool, &it.name)));
            let left = entries.iter().filter(|other| other.id != entry.id);
            prop_assert_eq!(frees(entry, left, &site), entry.force != Force::Up && !any);
        }
    }
}
