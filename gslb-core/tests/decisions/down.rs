//! Answers when something is down, and when everything is.

use gslb_core::table::compile::compile;

use crate::draws::counts;
use crate::site::{ZONE, answers, site};
use crate::support::{Server, WORLD, ask};

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
fn a_branch_that_is_down_falls_through_to_the_next() {
    let policy = r#"{ geo = { europe = { geo = { japan = "nrt", default = { failover = ["fra", "three"] } } }, default = "iad" } }"#;
    // The nested region cannot match: Japan is not in Europe.
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
fn the_next_nearest_takes_over_from_the_nearest() {
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
fn all_answers_with_every_pool_that_is_up() {
    let mut server = site(r#"{ all = ["fra", "iad", "three"] }"#, "");
    assert_eq!(answers(&mut server).len(), 5);
    server.set_pool("iad", false);
    assert_eq!(answers(&mut server), ["192.0.2.1", "192.0.2.11", "192.0.2.12", "192.0.2.13"]);
}

#[test]
fn when_all_down_decides_when_everything_is_down() {
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
fn last_up_never_selects_a_pool_that_was_never_up() {
    let mut server = site(r#"{ failover = ["fra", "spare"] }"#, r#"when_all_down = "last-up""#);
    server.set_pool("fra", false);
    assert_eq!(answers(&mut server), ["192.0.2.1"]);
    server.set("spare", "a", false, Some(7));
    assert_eq!(answers(&mut server), ["192.0.2.1"], "a change of weight is no change of status");
}

#[test]
fn last_up_survives_a_reload() {
    let policy = r#"{ failover = ["fra", "weights"] }"#;
    let mut server = site(policy, r#"when_all_down = "last-up""#);
    server.set_pool("fra", false);
    server.set("weights", "a", false, None);
    server.set("weights", "c", false, None);
    server.set("weights", "b", false, None);
    assert_eq!(answers(&mut server), ["192.0.2.22"]);
    let again = site(policy, r#"when_all_down = "last-up""#);
    let mut zones = (*again.table.topology().site).clone();
    let parsed =
        gslb_core::dns::zonefile::parse("z", ZONE.as_bytes(), &zones.zones[0].apex, &mut |_, _| Err("none".into()));
    zones.zones[0].records = parsed.records;
    let topology = compile(zones, &*WORLD, &Default::default(), Some(server.table.topology())).topology.unwrap();
    server.table = server.table.next(topology, &server.table.states());
    for _ in 0..20 {
        assert_eq!(answers(&mut server), ["192.0.2.22"]);
    }
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
fn a_fallback_pool_prefers_its_endpoints_that_are_up() {
    let mut server = site(r#""fra""#, r#"when_all_down = "pool:weights""#);
    server.set_pool("fra", false);
    server.set("weights", "a", false, None);
    server.set("weights", "b", false, None);
    assert_eq!(answers(&mut server), ["192.0.2.23"], "drained, but up");
}

#[test]
fn a_branch_whose_draw_or_hash_finds_nothing_up_falls_through_to_the_default() {
    for branch in [r#"{ weighted = { fra = 1, iad = 1 } }"#, r#"{ hash = ["fra", "iad"] }"#] {
        let mut server = site(&format!(r#"{{ geo = {{ europe = {branch}, default = "nrt" }} }}"#), "");
        let european = ask("www.example.com", 1).subnet("193.0.6.0/24");
        server.set_pool("fra", false);
        assert_eq!(server.answers(&european), ["192.0.2.2"], "{branch}");
        server.set_pool("iad", false);
        assert_eq!(server.answers(&european), ["192.0.2.3"], "{branch}");
    }
}

#[test]
fn a_branch_without_weight_is_used_only_if_no_other_is_up() {
    let mut server = site(r#"{ failover = [{ weighted = { fra = 1, iad = 0 } }, "nrt"] }"#, "");
    assert_eq!(answers(&mut server), ["192.0.2.1"]);
    server.set_pool("fra", false);
    assert_eq!(answers(&mut server), ["192.0.2.3"], "an endpoint with weight that is up comes first");
    server.set_pool("nrt", false);
    assert_eq!(answers(&mut server), ["192.0.2.2"], "up, but without weight, comes before down");
}
