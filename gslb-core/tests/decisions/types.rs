//! Types of answers: names, address families, and missing data.

use gslb_core::live::pool::{Change, EndpointState};
use gslb_core::steer::trace::Step;

use crate::draws::{assert_share, counts};
use crate::site::{answers, site};
use crate::support::{Server, ask, lines};

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
fn a_pool_without_the_family_is_skipped() {
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
fn a_missing_address_family_is_not_a_failure() {
    let policy = r#"{ geo = { europe = "fra", default = "v4-only" } }"#;
    for rule in ["servfail", "pool:spare", "last-up"] {
        // The default branch is v4-only: clients outside Europe have no endpoints for AAAA, and everything is up.
        let mut server = site(policy, &format!("when_all_down = \"{rule}\""));
        let response = server.ask(&ask("www.example.com", 28).subnet("8.8.8.0/24"));
        assert_eq!((response.rcode, response.sections[0].len(), response.sections[1].len()), (0, 0, 1), "{rule}");
    }
}

/// IPv6 is only in Frankfurt, which is down; all of IPv4 is up.
fn without_its_ipv6(more: &str) -> Server {
    let policy = r#"{ geo = { europe = { failover = ["fra", "v4-only"] }, default = "v4-only" } }"#;
    let mut server = site(policy, more);
    server.set_pool("fra", false);
    server
}

#[test]
fn a_type_that_is_down_gets_nodata_while_the_other_type_answers() {
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
fn a_type_is_still_answered_if_the_other_is_no_help_or_its_state_is_unknown() {
    let aaaa = ask("www.example.com", 28).subnet("193.0.6.0/24");
    let mut server = without_its_ipv6("types = [\"AAAA\"]");
    assert_eq!(server.answers(&aaaa), ["2001:db8::1"], "clients get no IPv4 address from here");
    let mut server = without_its_ipv6("");
    let pool = gslb_core::site::model::PoolId(0);
    let state = EndpointState { is_known: false, ..server.table.state(pool, 1).unwrap() };
    server.table = server.table.with_changes(&[Change { pool, endpoint: 1, state }]);
    assert_eq!(server.answers(&aaaa), ["2001:db8::1"], "it is only taken for down");
}

#[test]
fn plan_and_explain_show_nodata_for_a_type() {
    // IPv4 stays where it is.
    let mut server = site(r#"{ failover = ["v4-only", "fra"] }"#, "");
    let before = server.table.clone();
    server.set_pool("fra", false);
    let compared = gslb_core::diff::compare(&before, &server.table, &[]);
    let moves: Vec<_> = compared.movements.iter().flat_map(|it| &it.moves).collect();
    assert!(!moves.is_empty(), "{compared:?}");
    assert!(moves.iter().all(|it| it.to == gslb_core::diff::Destination::NoData), "{moves:?}");
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
