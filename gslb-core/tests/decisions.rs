//! Policies and choices against what is up: failover, draws, hashes, and what is answered when everything is down.

mod support;

use std::collections::HashMap;

use gslb_core::steer::trace::Step;
use gslb_core::table::liveness::{Change, EndpointState};
use support::{Server, WORLD, ask, lines};

const ZONE: &str = "$TTL 60\n@ SOA ns h 1 2 3 4 60\n@ NS ns.example.net.\n";

/// A site whose service `www` has this policy and these further settings.
fn site(policy: &str, more: &str) -> Server {
    let document = format!(
        r#"
zones."example.com".file = "zone"
[data_centers]
fra.location = {{ latitude = 50.11, longitude = 8.68 }}
iad.location = {{ latitude = 38.95, longitude = -77.45 }}
nrt.location = {{ latitude = 35.77, longitude = 140.39 }}
[pools]
fra = {{ data_center = "fra", endpoints = {{ a = {{ address = "192.0.2.1" }}, v6 = {{ address = "2001:db8::1" }} }} }}
iad = {{ data_center = "iad", endpoints = {{ a = {{ address = "192.0.2.2" }}, v6 = {{ address = "2001:db8::2" }} }} }}
nrt = {{ data_center = "nrt", endpoints = {{ a = {{ address = "192.0.2.3" }}, v6 = {{ address = "2001:db8::3" }} }} }}
three = {{ min_up = 2, choose = "all", endpoints = {{ a = {{ address = "192.0.2.11" }}, b = {{ address = "192.0.2.12" }}, c = {{ address = "192.0.2.13" }} }} }}
weights = {{ endpoints = {{ a = {{ address = "192.0.2.21", weight = 70 }}, b = {{ address = "192.0.2.22", weight = 30 }}, c = {{ address = "192.0.2.23", weight = 0 }} }} }}
two-of = {{ answers = 2, endpoints = {{ a = {{ address = "192.0.2.31" }}, b = {{ address = "192.0.2.32" }}, c = {{ address = "192.0.2.33" }} }} }}
hashed = {{ choose = "hash", endpoints = {{ a = {{ address = "192.0.2.41" }}, b = {{ address = "192.0.2.42" }}, c = {{ address = "192.0.2.43" }} }} }}
v4-only = {{ endpoints = {{ a = {{ address = "192.0.2.51" }} }} }}
names-a = {{ endpoints = {{ a = {{ cname = "a.cdn.example.net." }} }} }}
names-b = {{ endpoints = {{ a = {{ cname = "b.cdn.example.net." }} }} }}
mixed = {{ endpoints = {{ a = {{ address = "192.0.2.61" }}, cdn = {{ cname = "cdn.example.net." }} }} }}
spare = {{ initial = "down", endpoints = {{ a = {{ address = "192.0.2.99" }} }} }}
[regions]
europe.match = ["continent:EU"]
japan.match = ["country:JP"]
[services."www.example.com"]
{more}
policy = {policy}
"#
    );
    Server::new(support::table(&document, ZONE, &*WORLD))
}

fn answers(server: &mut Server) -> Vec<String> {
    server.answers(&ask("www.example.com", 1))
}

fn counts(server: &mut Server, queries: u32) -> HashMap<String, u32> {
    let mut counts = HashMap::new();
    for _ in 0..queries {
        for answer in answers(server) {
            *counts.entry(answer).or_default() += 1;
        }
    }
    counts
}

/// Within four standard deviations of the share expected: one run in 16,000 would fail by chance, and the seed is fixed.
fn assert_share(counts: &HashMap<String, u32>, member: &str, queries: u32, share: f64) {
    let (got, n) = (f64::from(*counts.get(member).unwrap_or(&0)), f64::from(queries));
    let sigma = (n * share * (1.0 - share)).sqrt();
    assert!((got - n * share).abs() <= 4.0 * sigma, "{member}: {got} of {n}, expected share {share}");
}

#[test]
fn primary_answers_dies_secondary_answers_primary_returns() {
    let mut server = site(r#"{ failover = ["fra", "iad"] }"#, "");
    assert_eq!(answers(&mut server), ["192.0.2.1"]);
    server.set("fra", "a", false, None);
    assert_eq!(answers(&mut server), ["192.0.2.2"]);
    assert_eq!(server.answers(&ask("www.example.com", 28)), ["2001:db8::1"], "its IPv6 endpoint is still up");
    server.set("fra", "a", true, None);
    assert_eq!(answers(&mut server), ["192.0.2.1"]);
}

#[test]
fn a_branch_whose_pools_are_down_backs_out_to_the_next() {
    let policy = r#"{ geo = { europe = { geo = { japan = "nrt", default = { failover = ["fra", "three"] } } }, default = "iad" } }"#;
    // The nested region cannot be met: Japan is not in Europe.
    let refused = std::panic::catch_unwind(|| site(policy, ""));
    assert!(refused.is_err(), "a branch that no client comes to is refused");
    let mut server = site(r#"{ geo = { europe = { failover = ["fra", "three"] }, default = "iad" } }"#, "");
    let european = ask("www.example.com", 1).subnet("193.0.6.0/24");
    assert_eq!(server.answers(&european), ["192.0.2.1"]);
    server.set_pool("fra", false);
    assert_eq!(server.answers(&european), ["192.0.2.11", "192.0.2.12", "192.0.2.13"]);
    server.set("three", "a", false, None);
    assert_eq!(server.answers(&european), ["192.0.2.12", "192.0.2.13"], "two are enough");
    server.set("three", "b", false, None);
    assert_eq!(server.answers(&european), ["192.0.2.2"], "one is not: out of the region's branch");
    let scope = server.ask(&european).subnet.unwrap().2;
    server.set_pool("fra", true);
    assert_eq!(server.ask(&european).subnet.unwrap().2, scope, "scopes do not follow health: caches stay sliced alike");
}

#[test]
fn fresh_draws_follow_the_weights() {
    let n = 20_000;
    let mut server = site(r#"{ weighted = { fra = 60, iad = 30, nrt = 10 } }"#, "");
    let drawn = counts(&mut server, n);
    for (member, share) in [("192.0.2.1", 0.6), ("192.0.2.2", 0.3), ("192.0.2.3", 0.1)] {
        assert_share(&drawn, member, n, share);
    }
    server.set_pool("fra", false);
    let drawn = counts(&mut server, n);
    assert_share(&drawn, "192.0.2.2", n, 0.75);
    assert_eq!(drawn.get("192.0.2.1"), None);
    let mut server = site(r#""weights""#, "");
    let drawn = counts(&mut server, n);
    assert_share(&drawn, "192.0.2.21", n, 0.7);
    assert_eq!(drawn.get("192.0.2.23"), None, "weight 0 is drained");
}

#[test]
fn sticky_draws_follow_the_weights_over_clients_and_stay() {
    let mut server = site(r#"{ weighted = { fra = 60, iad = 30, nrt = 10 } }"#, "sticky = {}");
    let clients: Vec<String> = (0..20_000u32).map(|n| format!("10.{}.{}.0/24", n >> 8, n & 255)).collect();
    let all = |server: &mut Server| -> Vec<String> {
        clients.iter().map(|client| server.answers(&ask("www.example.com", 1).subnet(client)).concat()).collect()
    };
    let before = all(&mut server);
    assert_eq!(all(&mut server), before, "asking again changes nothing");
    let mut drawn = HashMap::new();
    before.iter().for_each(|answer| *drawn.entry(answer.clone()).or_default() += 1);
    for (member, share) in [("192.0.2.1", 0.6), ("192.0.2.2", 0.3), ("192.0.2.3", 0.1)] {
        assert_share(&drawn, member, 20_000, share);
    }
    server.set_pool("nrt", false);
    let after = all(&mut server);
    for (old, new) in before.iter().zip(&after) {
        assert!(old == new || old == "192.0.2.3", "only clients of the pool that went down move: {old} to {new}");
    }
}

#[test]
fn clients_of_one_prefix_stick_together() {
    let mut server = site(r#"{ weighted = { fra = 1, iad = 1, nrt = 1 } }"#, "sticky = { v4 = 16 }");
    let mut seen = std::collections::HashSet::new();
    for second in 0..50 {
        let of = |server: &mut Server, third: u8| {
            server.answers(&ask("www.example.com", 1).subnet(&format!("10.{second}.{third}.0/24")))
        };
        let first = of(&mut server, 0);
        assert_eq!(of(&mut server, 77), first);
        seen.insert(first);
    }
    assert_eq!(seen.len(), 3);
}

#[test]
fn hash_gives_each_client_network_its_own() {
    let mut server = site(r#"{ hash = ["fra", "iad", "nrt"] }"#, "");
    let of = |server: &mut Server, n: u32| {
        server.answers(&ask("www.example.com", 1).subnet(&format!("10.{}.{}.0/24", n >> 8, n & 255)))
    };
    let before: Vec<_> = (0..3000).map(|n| of(&mut server, n)).collect();
    for member in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        let share = before.iter().filter(|answer| answer[0] == member).count();
        assert!((850..1150).contains(&share), "{member}: {share} of 3000");
    }
    server.set_pool("iad", false);
    for (n, old) in before.iter().enumerate() {
        let new = of(&mut server, n as u32);
        assert!(&new == old || old[0] == "192.0.2.2");
    }
    let mut server = site(r#""hashed""#, "");
    let one = server.answers(&ask("www.example.com", 1).subnet("10.1.2.0/24"));
    assert_eq!(one.len(), 1);
    for _ in 0..20 {
        assert_eq!(server.answers(&ask("www.example.com", 1).subnet("10.1.2.0/24")), one);
    }
}

#[test]
fn several_answers_are_different_ones() {
    let n = 9_000;
    let mut server = site(r#""two-of""#, "");
    assert_eq!(answers(&mut server).len(), 2);
    let drawn = counts(&mut server, n);
    for member in ["192.0.2.31", "192.0.2.32", "192.0.2.33"] {
        assert_share(&drawn, member, n, 2.0 / 3.0);
    }
    server.set("two-of", "b", false, None);
    assert_eq!(answers(&mut server), ["192.0.2.31", "192.0.2.33"]);
}

#[test]
fn all_names_every_pool_that_is_up() {
    let mut server = site(r#"{ all = ["fra", "iad", "three"] }"#, "");
    assert_eq!(answers(&mut server).len(), 5);
    server.set_pool("iad", false);
    assert_eq!(answers(&mut server), ["192.0.2.1", "192.0.2.11", "192.0.2.12", "192.0.2.13"]);
}

#[test]
fn the_nearest_is_by_distance_and_the_next_nearest_stands_in() {
    for policy in [r#"{ nearest = ["iad", "fra", "nrt"] }"#, r#"{ latency = ["iad", "fra", "nrt"] }"#] {
        let mut server = site(policy, "");
        // Netherlands, United States, Japan, Korea.
        for (client, near, next) in [
            ("193.0.6.0/24", "192.0.2.1", "192.0.2.2"),
            ("8.8.8.0/24", "192.0.2.2", "192.0.2.1"),
            ("133.11.0.0/16", "192.0.2.3", "192.0.2.1"),
        ] {
            let question = ask("www.example.com", 1).subnet(client);
            assert_eq!(server.answers(&question), [near], "{policy} {client}");
            let pool = ["fra", "iad", "nrt"][near.bytes().last().unwrap() as usize - b'1' as usize];
            server.set_pool(pool, false);
            assert_eq!(server.answers(&question), [next], "{policy} {client}");
            server.set_pool(pool, true);
        }
        assert_eq!(
            server.answers(&ask("www.example.com", 1).subnet("10.0.0.0/8")),
            ["192.0.2.2"],
            "unknown: as written"
        );
    }
}

#[test]
fn when_all_is_down_the_service_says_what_then() {
    let down = |server: &mut Server| {
        server.set_pool("fra", false);
        server.set_pool("iad", false);
    };
    let policy = r#"{ failover = ["fra", "iad"] }"#;
    let mut server = site(policy, "");
    down(&mut server);
    assert_eq!(answers(&mut server), ["192.0.2.1"], "serve-all is the default");
    let mut server = site(policy, r#"when_all_down = "last-up""#);
    down(&mut server);
    assert_eq!(answers(&mut server), ["192.0.2.2"], "iad went last");
    server.set_pool("fra", true);
    server.set_pool("fra", false);
    assert_eq!(answers(&mut server), ["192.0.2.1"], "now fra did");
    let mut server = site(policy, r#"when_all_down = "nodata""#);
    down(&mut server);
    let response = server.ask(&ask("www.example.com", 1));
    assert_eq!((response.rcode, response.sections[0].len(), response.sections[1][0].rtype), (0, 0, 6));
    let mut server = site(policy, r#"when_all_down = "servfail""#);
    down(&mut server);
    assert_eq!(server.ask(&ask("www.example.com", 1)).rcode, 2);
    let mut server = site(policy, r#"when_all_down = "pool:spare""#);
    down(&mut server);
    assert_eq!(answers(&mut server), ["192.0.2.99"], "whatever its status");
}

#[test]
fn last_up_keeps_the_endpoints_that_were_up_last() {
    let mut server = site(r#""three""#, r#"when_all_down = "last-up""#);
    server.set("three", "a", false, None);
    assert_eq!(answers(&mut server), ["192.0.2.12", "192.0.2.13"]);
    server.set("three", "b", false, None);
    assert_eq!(answers(&mut server), ["192.0.2.12", "192.0.2.13"], "down, and what was up before");
}

#[test]
fn weight_0_answers_only_when_nothing_else_is_up() {
    let mut server = site(r#"{ weighted = { fra = 100, iad = 0 } }"#, "");
    assert_eq!(counts(&mut server, 1000).len(), 1);
    server.set_pool("fra", false);
    assert_eq!(answers(&mut server), ["192.0.2.2"]);
    let mut server = site(r#"{ failover = ["weights", "fra"] }"#, "");
    server.set("weights", "a", false, None);
    server.set("weights", "b", false, None);
    assert_eq!(answers(&mut server), ["192.0.2.1"], "the next branch comes before a drained endpoint");
    server.set_pool("fra", false);
    assert_eq!(answers(&mut server), ["192.0.2.23"], "and the drained endpoint before one that is down");
}

#[test]
fn a_change_of_weight_takes_effect() {
    let n = 10_000;
    let mut server = site(r#""weights""#, "");
    server.set("weights", "b", true, Some(70));
    assert_share(&counts(&mut server, n), "192.0.2.22", n, 0.5);
    server.set("weights", "b", true, Some(0));
    assert_eq!(counts(&mut server, 1000).get("192.0.2.22"), None);
}

#[test]
fn pools_of_names_steer_every_type_with_one_cname() {
    let mut server = site(r#"{ geo = { europe = "names-a", default = "names-b" } }"#, "");
    for qtype in [1, 28, 16, 65, 5] {
        let question = ask("www.example.com", qtype).subnet("193.0.6.0/24");
        assert_eq!(server.answers(&question), ["a.cdn.example.net."], "type {qtype}");
    }
    let response = server.ask(&ask("www.example.com", 1));
    assert_eq!(lines(&response.sections[0]), ["www.example.com. CNAME b.cdn.example.net."]);
}

#[test]
fn a_pool_may_mix_addresses_and_a_name() {
    let n = 4_000;
    let mut server = site(r#""mixed""#, "");
    let drawn = counts(&mut server, n);
    assert_share(&drawn, "192.0.2.61", n, 0.5);
    assert_share(&drawn, "cdn.example.net.", n, 0.5);
    assert_eq!(server.answers(&ask("www.example.com", 28)), ["cdn.example.net."], "no IPv6 endpoint but the name");
    assert_eq!(server.ask(&ask("www.example.com", 16)).sections[0].len(), 0);
}

#[test]
fn a_pool_without_the_family_is_passed_over() {
    let mut server = site(r#"{ failover = ["v4-only", "fra"] }"#, "");
    assert_eq!(answers(&mut server), ["192.0.2.51"]);
    assert_eq!(server.answers(&ask("www.example.com", 28)), ["2001:db8::1"]);
    let mut server = site(r#""v4-only""#, "");
    let response = server.ask(&ask("www.example.com", 28).subnet("193.0.6.0/24"));
    assert_eq!((response.rcode, response.sections[1].len(), response.subnet.unwrap().2), (0, 1, 0));
}

#[test]
fn only_the_types_of_a_service_are_steered() {
    let mut server = site(r#""fra""#, r#"types = ["AAAA"]"#);
    assert_eq!(server.ask(&ask("www.example.com", 1)).sections[0].len(), 0);
    assert_eq!(server.answers(&ask("www.example.com", 28)), ["2001:db8::1"]);
}

#[test]
fn answers_have_the_ttl_of_the_service() {
    let mut server = site(r#""fra""#, r#"ttl = "17s""#);
    assert_eq!(server.ask(&ask("www.example.com", 1)).sections[0][0].ttl, 17);
}

#[test]
fn an_older_table_never_replaces_a_newer_one() {
    let server = site(r#""fra""#, "");
    let published = gslb_core::table::Published::new(server.table.clone());
    let newer = server.table.with_changes(&[]);
    published.publish(newer.with_changes(&[])).unwrap();
    assert!(published.publish(newer).is_err());
    assert_eq!(published.load().generation(), 3);
}

#[test]
fn compiling_anew_keeps_what_is_known_of_endpoints() {
    let mut server = site(r#"{ failover = ["fra", "iad"] }"#, "");
    server.set_pool("fra", false);
    let other = site(r#"{ failover = ["nrt", "fra", "iad"] }"#, "");
    let site = (*other.table.topology().site).clone();
    // The zone's records went into the catalog, so the steered name is asked through a decision only.
    let pool = site.pools.iter().position(|pool| &*pool.name == "fra").unwrap();
    let id = gslb_core::model::PoolId(pool as u32);
    let compiled = gslb_core::table::compile::compile(site, &*WORLD, &Default::default(), Some(&server.table));
    let table = compiled.table.unwrap();
    assert!(!table.state(id, 0).unwrap().up);
    assert!(table.generation() > server.table.generation());
}

/// Why a site is refused, all problems in one text.
fn refusal(policy: &str, more: &str) -> String {
    let refused = std::panic::catch_unwind(|| site(policy, more)).err().expect("a refusal");
    refused.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[test]
fn no_endpoint_of_a_family_is_no_sign_of_trouble() {
    let policy = r#"{ geo = { europe = "fra", default = "v4-only" } }"#;
    for rule in ["servfail", "pool:spare", "last-up"] {
        // The default branch is v4-only: clients outside Europe have no plan for AAAA, and everything is up.
        let mut server = site(policy, &format!("when_all_down = \"{rule}\""));
        let response = server.ask(&ask("www.example.com", 28).subnet("8.8.8.0/24"));
        assert_eq!((response.rcode, response.sections[0].len(), response.sections[1].len()), (0, 0, 1), "{rule}");
    }
}

#[test]
fn last_up_never_means_a_pool_that_never_was() {
    let mut server = site(r#"{ failover = ["fra", "spare"] }"#, r#"when_all_down = "last-up""#);
    server.set_pool("fra", false);
    assert_eq!(answers(&mut server), ["192.0.2.1"]);
    server.set("spare", "a", false, Some(7));
    assert_eq!(answers(&mut server), ["192.0.2.1"], "a change of weight is no change of status");
}

#[test]
fn what_was_up_last_survives_a_reload() {
    let policy = r#"{ failover = ["fra", "weights"] }"#;
    let mut server = site(policy, r#"when_all_down = "last-up""#);
    server.set_pool("fra", false);
    server.set("weights", "a", false, None);
    server.set("weights", "c", false, None);
    server.set("weights", "b", false, None);
    assert_eq!(answers(&mut server), ["192.0.2.22"]);
    let again = site(policy, r#"when_all_down = "last-up""#);
    let mut zones = (*again.table.topology().site).clone();
    let parsed = gslb_core::zonefile::parse("z", ZONE.as_bytes(), &zones.zones[0].apex, &mut |_, _| Err("none".into()));
    zones.zones[0].records = parsed.records;
    server.table =
        gslb_core::table::compile::compile(zones, &*WORLD, &Default::default(), Some(&server.table)).table.unwrap();
    for _ in 0..20 {
        assert_eq!(answers(&mut server), ["192.0.2.22"]);
    }
}

#[test]
fn serving_all_still_respects_weight_0() {
    for (policy, more) in [
        (r#"{ weighted = { fra = 1, iad = 0 } }"#, ""),
        (r#"{ weighted = { fra = 1, iad = 0 } }"#, "sticky = {}"),
        (r#"{ weighted = { weights = 1, iad = 0 } }"#, ""),
    ] {
        let mut server = site(policy, more);
        ["fra", "iad", "weights"].iter().for_each(|pool| server.set_pool(pool, false));
        for n in 0..200 {
            let answer = server.answers(&ask("www.example.com", 1).subnet(&format!("10.0.{n}.0/24"))).concat();
            assert!(answer != "192.0.2.2" && answer != "192.0.2.23", "{policy} {more}: {answer} is drained");
        }
    }
}

#[test]
fn nested_sticky_draws_are_independent() {
    let n = 20_000;
    let document = r#"{ weighted = { fra = 50, mix = 50 } }
[policies.mix]
weighted = { fra = 50, iad = 50 }"#;
    let mut server = site(document, "sticky = {}");
    let mut drawn = HashMap::new();
    for client in 0..n {
        let subnet = format!("10.{}.{}.0/24", client >> 8, client & 255);
        *drawn.entry(server.answers(&ask("www.example.com", 1).subnet(&subnet)).concat()).or_default() += 1;
    }
    assert_share(&drawn, "192.0.2.1", n, 0.75);
    assert_share(&drawn, "192.0.2.2", n, 0.25);
}

#[test]
fn a_fallback_pool_names_what_is_up_of_it_first() {
    let mut server = site(r#""fra""#, r#"when_all_down = "pool:weights""#);
    server.set_pool("fra", false);
    server.set("weights", "a", false, None);
    server.set("weights", "b", false, None);
    assert_eq!(answers(&mut server), ["192.0.2.23"], "drained, but up");
}

#[test]
fn policies_that_would_take_too_long_are_refused() {
    let levels: String = (1..8)
        .map(|level| {
            format!("p{level} = {{ weighted = {{ a{level} = 1, b{level} = 1, c{level} = 1, d{level} = 1 }} }}\n")
        })
        .collect();
    let names: String = (1..8)
        .flat_map(|level| {
            ["a", "b", "c", "d"].map(|name| {
                format!("{name}{level} = \"{}\"\n", if level == 1 { "fra".into() } else { format!("p{}", level - 1) })
            })
        })
        .collect();
    let refusal = refusal(&format!("\"p7\"\n[policies]\n{levels}{names}"), "");
    assert!(refusal.contains("comes to 4096 pools"), "{refusal}");
}

#[test]
fn one_address_in_two_pools_of_all_is_refused() {
    let twin = "[pools.twin]\nendpoints.z = { address = \"192.0.2.1\" }\n";
    let refusal = refusal(&format!("{{ all = [\"fra\", \"twin\"] }}\n{twin}"), "");
    assert!(refusal.contains("the pools `fra` and `twin` have an endpoint with the same address"), "{refusal}");
}

#[test]
fn plans_that_come_to_the_same_have_one_scope() {
    for policy in [
        r#"{ geo = { europe = { weighted = { fra = 1 } }, default = "fra" } }"#,
        r#"{ geo = { europe = { weighted = { fra = 1, iad = 2 } }, default = { weighted = { iad = 2, fra = 1 } } } }"#,
        r#"{ geo = { europe = { all = ["fra"] }, default = { hash = ["fra"] } } }"#,
        r#"{ geo = { europe = "fra", japan = { failover = ["iad", "fra"] }, default = { failover = ["fra", "iad"] } } }"#,
    ] {
        let mut server = site(policy, "");
        let scope = server.ask(&ask("www.example.com", 1).subnet("193.0.6.0/24")).subnet.unwrap().2;
        let alike = !policy.contains("japan");
        assert_eq!(scope == 0, alike, "{policy}: /{scope}");
    }
}

#[test]
fn equal_policies_written_twice_share_one_column() {
    let twice = r#"{ geo = { europe = "fra", default = "iad" } }
[services."other.example.com"]
policy = { geo = { europe = "fra", default = "iad" } }
[services."reverse.example.com"]
policy = { geo = { europe = "iad", default = "nrt" } }"#;
    let server = site(twice, "");
    assert_eq!(server.table.topology().columns.len(), 1, "all three divide the clients alike");
    let [first, second, third] = &server.table.topology().services[..] else { panic!("three services") };
    assert!(std::sync::Arc::ptr_eq(&first.targets, &second.targets));
    assert!(!std::sync::Arc::ptr_eq(&first.targets, &third.targets));
}

/// IPv6 is only in Frankfurt, which is down; everything of IPv4 is up.
fn without_its_ipv6(more: &str) -> Server {
    let policy = r#"{ geo = { europe = { failover = ["fra", "v4-only"] }, default = "v4-only" } }"#;
    let mut server = site(policy, more);
    server.set_pool("fra", false);
    server
}

#[test]
fn a_type_that_is_down_has_no_data_while_the_other_type_answers() {
    let (a, aaaa) = (ask("www.example.com", 1), ask("www.example.com", 28));
    for rule in ["serve-all", "last-up", "servfail", "nodata", "pool:iad"] {
        let mut server = without_its_ipv6(&format!("ttl = \"17s\"\nwhen_all_down = \"{rule}\""));
        let with = server.ask(&a.clone().subnet("193.0.6.0/24"));
        assert_eq!(lines(&with.sections[0]), ["www.example.com. A 192.0.2.51"], "{rule}");
        let without = server.ask(&aaaa.clone().subnet("193.0.6.0/24"));
        assert_eq!((without.rcode, without.sections[0].len()), (0, 0), "a dead address would be tried first: {rule}");
        assert_eq!(without.sections[1][0].ttl, 17, "as soon as an address could be answered again");
        assert_eq!(without.subnet, with.subnet, "it speaks for the same clients");
        server.set("fra", "v6", true, None);
        assert_eq!(server.answers(&aaaa.clone().subnet("193.0.6.0/24")), ["2001:db8::1"], "it is back");
    }
    let mut server = without_its_ipv6("ttl = \"90s\"");
    assert_eq!(server.ask(&aaaa.clone().subnet("193.0.6.0/24")).sections[1][0].ttl, 60, "the zone's, which is less");
    server.set_pool("v4-only", false);
    assert_eq!(
        server.answers(&aaaa.subnet("193.0.6.0/24")),
        ["2001:db8::1"],
        "with everything down there is no better"
    );
}

#[test]
fn a_type_is_answered_still_where_the_other_one_is_no_help_or_nobody_has_found_it_down() {
    let aaaa = ask("www.example.com", 28).subnet("193.0.6.0/24");
    let mut server = without_its_ipv6("types = [\"AAAA\"]");
    assert_eq!(server.answers(&aaaa), ["2001:db8::1"], "clients get no IPv4 address from here");
    let mut server = without_its_ipv6("");
    let pool = gslb_core::model::PoolId(0);
    let state = EndpointState { is_known: false, ..server.table.state(pool, 1).unwrap() };
    server.table = server.table.with_changes(&[Change { pool, endpoint: 1, state }]);
    assert_eq!(server.answers(&aaaa), ["2001:db8::1"], "it is only taken for down");
}

#[test]
fn a_plan_and_an_explanation_say_that_a_type_has_no_data() {
    // IPv4 stays where it is.
    let mut server = site(r#"{ failover = ["v4-only", "fra"] }"#, "");
    let before = server.table.clone();
    server.set_pool("fra", false);
    let compared = gslb_core::plan::compare(&before, &server.table, &[]);
    let moves: Vec<_> = compared.movements.iter().flat_map(|it| &it.moves).collect();
    assert!(!moves.is_empty(), "{compared:?}");
    assert!(moves.iter().all(|it| it.to == gslb_core::plan::Destination::NoData), "{moves:?}");
    let question = gslb_core::explain::Question {
        name: "www.example.com".parse().unwrap(),
        qtype: 28,
        client: None,
        resolver: [127, 0, 0, 1].into(),
    };
    let explained = gslb_core::explain::explain(&server.table, Default::default(), question, 0);
    assert!(explained.steps.contains(&Step::KindDown), "{:?}", explained.steps);
    assert!(explained.to_text(&server.table).contains("all endpoints of this type are down"));
}
