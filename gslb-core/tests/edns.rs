//! EDNS, the client subnet option, sizes and truncation: one test per requirement.

mod support;

use std::time::Duration;

use gslb_core::respond::Settings;
use support::{Edns, Server, WORLD, ask};

const DOCUMENT: &str = r#"
zones."example.com".file = "zone"
pools.fra.endpoints.a.address = "192.0.2.1"
pools.iad.endpoints.a.address = "192.0.2.2"
pools.many = { choose = "all", endpoints = {
  a = { address = "2001:db8::1" }, b = { address = "2001:db8::2" }, c = { address = "2001:db8::3" },
  d = { address = "2001:db8::4" }, e = { address = "2001:db8::5" }, f = { address = "2001:db8::6" },
  g = { address = "2001:db8::7" }, h = { address = "2001:db8::8" }, i = { address = "2001:db8::9" },
  j = { address = "2001:db8::a" }, k = { address = "2001:db8::b" }, l = { address = "2001:db8::c" },
  m = { address = "2001:db8::d" }, n = { address = "2001:db8::e" }, o = { address = "2001:db8::f" },
  p = { address = "2001:db8::10" }, q = { address = "2001:db8::11" }, r = { address = "2001:db8::12" },
} }
regions.europe.match = ["continent:EU"]
services."www.example.com".policy = { geo = { europe = "fra", default = "iad" } }
services."inside.example.com" = { client = "resolver", policy = { geo = { europe = "fra", default = "iad" } } }
services."sticky.example.com" = { sticky = { v4 = 20, v6 = 44 }, policy = { weighted = { fra = 1, iad = 1 } } }
services."hash.example.com" = { policy = { hash = ["fra", "iad"] } }
services."one.example.com".policy = "fra"
services."many.example.com".policy = "many"
"#;

fn zone() -> String {
    let big: String = (0..8).map(|n| format!("big 60 IN TXT \"{n}{}\"\n", "x".repeat(200))).collect();
    let two: String = (0..3).map(|n| format!("two 60 IN TXT \"{n}{}\"\n", "x".repeat(200))).collect();
    format!(
        "@ 60 IN SOA ns h 1 2 3 4 60\n@ 60 IN NS ns.example.net.\na 60 IN A 192.0.2.10\n{big}{two}chain 60 IN CNAME big\n"
    )
}

fn server() -> Server {
    Server::new(support::table(DOCUMENT, &zone(), &*WORLD))
}

/// The OPT record of a response, if there is one: payload, TTL field, options.
fn opt(response: &[u8]) -> Option<Edns> {
    let additional = u16::from_be_bytes([response[10], response[11]]);
    // OPT is written last; its owner is the root.
    let at = (12..response.len()).rev().find(|&at| response[at..].starts_with(&[0, 0, 41]))?;
    let field = |from: usize| u16::from_be_bytes([response[at + from], response[at + from + 1]]);
    let mut options = Vec::new();
    let mut rest = &response[at + 11..];
    assert_eq!(usize::from(field(9)), rest.len());
    while !rest.is_empty() {
        let len = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        options.push((u16::from_be_bytes([rest[0], rest[1]]), rest[4..4 + len].to_vec()));
        rest = &rest[4 + len..];
    }
    assert!(additional > 0);
    Some(Edns { payload: field(3), ttl: u32::from(field(5)) << 16 | u32::from(field(7)), options })
}

#[test]
fn opt_is_returned_exactly_if_it_was_sent() {
    let mut server = server();
    let names = ["a.example.com", "www.example.com", "none.example.com", "example.org", "big.example.com"];
    for name in names {
        assert!(opt(&server.raw(&ask(name, 16).octets()).unwrap()).is_none(), "{name}");
        let reply = opt(&server.raw(&ask(name, 16).edns().octets()).unwrap()).expect(name);
        // RFC 8914: a refusal says why.
        let errors = reply.options.iter().filter(|(code, _)| *code == 15).count();
        assert_eq!((reply.payload, reply.ttl, reply.options.len() - errors), (1232, 0, 0), "{name}");
        assert_eq!(errors, usize::from(name == "example.org"), "{name}");
    }
}

#[test]
fn do_is_copied_and_other_flags_are_not() {
    let mut server = server();
    let mut question = ask("a.example.com", 1).edns();
    for (sent, expected) in [(0x8000, 0x8000), (0xFFFF, 0x8000), (0x7FFF, 0), (0xFF00_0000, 0)] {
        question.edns.as_mut().unwrap().ttl = sent;
        assert_eq!(opt(&server.raw(&question.octets()).unwrap()).unwrap().ttl, expected, "{sent:08x}");
    }
}

#[test]
fn unknown_versions_are_badvers_without_data() {
    let mut server = server();
    for version in [1u32, 2, 100, 255] {
        let mut question = ask("a.example.com", 1).option(65_001, b"x");
        question.edns.as_mut().unwrap().ttl = version << 16;
        let octets = server.raw(&question.octets()).unwrap();
        let response = server.ask(&question);
        assert_eq!((response.rcode, response.sections[0].len(), response.authoritative), (16, 0, false));
        let reply = opt(&octets).unwrap();
        assert_eq!((reply.ttl, reply.options.len()), (0x0100_0000, 0), "version 0, upper bits of BADVERS");
    }
}

#[test]
fn unknown_options_are_ignored_and_not_sent_back() {
    let mut server = server();
    let question = ask("a.example.com", 1).option(100, b"").option(65_001, b"something").option(10, &[1; 8]);
    let reply = server.raw(&question.octets()).unwrap();
    assert_eq!(opt(&reply).unwrap().options, []);
    assert_eq!(server.ask(&question).sections[0].len(), 1);
}

#[test]
fn bad_opt_records_are_format_errors_that_speak_edns() {
    let mut server = server();
    let base = ask("a.example.com", 1).octets();
    let opt_record = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];
    let named = [1, b'a', 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];
    let cases: &[(&str, u8, Vec<u8>)] = &[
        ("two OPT records", 2, [opt_record, opt_record].concat()),
        ("an option without length", 1, [&opt_record[..10], &[3, 0, 3, 0]].concat()),
        ("an option past the end", 1, [&opt_record[..10], &[4, 0, 3, 0, 9]].concat()),
    ];
    for (what, count, records) in cases {
        let mut octets = [&base[..], records].concat();
        octets[11] = *count;
        let response = server.raw(&octets).unwrap();
        assert_eq!(response[3] & 0x0F, 1, "{what}");
        assert!(opt(&response).is_some(), "{what}");
    }
    let mut octets = [&base[..], &named].concat();
    octets[11] = 1;
    assert_eq!(server.raw(&octets).unwrap()[3] & 0x0F, 1, "an OPT record whose owner is not the root");
    let mut in_answer = [&base[..], &opt_record].concat();
    in_answer[7] = 1;
    assert_eq!(server.raw(&in_answer).unwrap()[3] & 0x0F, 1, "an OPT record in the answer section");
}

#[test]
fn answers_fit_both_size_limits_and_are_truncated_by_whole_sets() {
    let mut server = server();
    for payload in [None, Some(0), Some(100), Some(511), Some(512), Some(700), Some(1232), Some(4096), Some(65_535)] {
        let limit = usize::from(payload.unwrap_or(0).clamp(512, 1232));
        for (name, records) in [("two.example.com", 3), ("big.example.com", 8), ("a.example.com", 0)] {
            let question = ask(name, 16);
            let question = payload.map_or(question.clone(), |payload| question.payload(payload));
            let octets = server.raw(&question.octets()).unwrap();
            let response = server.ask(&question);
            assert!(octets.len() <= limit, "{name} with {payload:?}: {} octets", octets.len());
            let found = response.sections[0].len();
            assert!(found == 0 || found == records, "{name}: {found} of {records} records");
            assert_eq!(response.truncated, found != records, "{name} with {payload:?}");
            assert_eq!(opt(&octets).is_some(), payload.is_some());
        }
    }
    let over_tcp = server.ask(&ask("big.example.com", 16).tcp());
    assert_eq!((over_tcp.truncated, over_tcp.sections[0].len()), (false, 8));
    let alias = server.ask(&ask("chain.example.com", 16));
    assert_eq!((alias.truncated, alias.sections[0].len()), (true, 1), "the set that fits stays");
    let steered = server.ask(&ask("many.example.com", 28));
    assert_eq!((steered.truncated, steered.sections[0].len()), (true, 0), "no half of a steered set");
    assert_eq!(server.ask(&ask("many.example.com", 28).edns()).sections[0].len(), 18);
}

#[test]
fn the_identifier_is_sent_when_configured_and_requested() {
    let mut server = server();
    let question = ask("a.example.com", 1).option(3, b"");
    assert_eq!(opt(&server.raw(&question.octets()).unwrap()).unwrap().options, []);
    let settings = Settings { nsid: Some(b"fra-1".to_vec()), ..Settings::default() };
    let mut server = Server::with(support::table(DOCUMENT, &zone(), &*WORLD), settings);
    let reply = server.raw(&question.octets()).unwrap();
    assert_eq!(opt(&reply).unwrap().options, [(3, b"fra-1".to_vec())]);
    let plain = server.raw(&ask("a.example.com", 1).edns().octets()).unwrap();
    assert_eq!(opt(&plain).unwrap().options, []);
}

#[test]
fn the_server_identifies_itself_only_when_configured() {
    let mut server = server();
    for name in ["version.bind", "id.server", "hostname.bind", "version.server", "authors.bind"] {
        let mut question = ask(name, 16);
        question.qclass = 3;
        assert_eq!(server.ask(&question).rcode, 5, "{name}");
    }
    let settings =
        Settings { version: Some(b"gslb 1".to_vec()), hostname: Some(b"fra-1".to_vec()), ..Settings::default() };
    let mut server = Server::with(support::table(DOCUMENT, &zone(), &*WORLD), settings);
    for (name, text) in [("version.bind", "\"gslb 1\""), ("ID.server", "\"fra-1\""), ("hostname.bind", "\"fra-1\"")] {
        let mut question = ask(name, 16);
        question.qclass = 3;
        assert_eq!(server.answers(&question), [text]);
        question.qtype = 1;
        assert_eq!(server.ask(&question).sections[0].len(), 0);
    }
}

#[test]
fn keepalive_is_answered_on_connections_only() {
    let settings = Settings { tcp_idle: Duration::from_secs(7), ..Settings::default() };
    let mut server = Server::with(support::table(DOCUMENT, &zone(), &*WORLD), settings);
    let question = ask("a.example.com", 1).option(11, b"");
    let udp = server.raw(&question.octets()).unwrap();
    assert_eq!(opt(&udp).unwrap().options, []);
    let tcp = server.send(&question.octets(), question.resolver, gslb_core::respond::Transport::Tcp).unwrap();
    assert_eq!(opt(&tcp).unwrap().options, [(11, vec![0, 70])], "in units of 100 ms");
}

#[test]
fn a_client_subnet_comes_back_octet_for_octet_with_its_scope() {
    let mut server = server();
    // 193.0.0.0/21 is RIPE NCC's, in Europe; 8.8.8.0/24 is in the United States.
    for (subnet, name, answer) in [
        ("193.0.6.0/24", "www.example.com", "192.0.2.1"),
        ("8.8.8.0/24", "www.example.com", "192.0.2.2"),
        ("2001:67c:2e8::/48", "www.example.com", "192.0.2.1"),
    ] {
        let question = ask(name, 1).subnet(subnet);
        assert_eq!(server.answers(&question), [answer], "{subnet}");
        let sent = question.edns.unwrap().options[0].1.clone();
        let reply = opt(&server.raw(&ask(name, 1).subnet(subnet).octets()).unwrap()).unwrap();
        let [(8, mut data)] = <[_; 1]>::try_from(reply.options).unwrap() else { panic!("one option") };
        assert!(data[3] > 0, "{subnet} has a scope");
        data[3] = 0;
        assert_eq!(data, sent);
    }
}

#[test]
fn malformed_client_subnets_are_format_errors() {
    let mut server = server();
    let bad: &[(&str, &[u8])] = &[
        ("family 3", &[0, 3, 24, 0, 192, 0, 2]),
        ("IPv4 /33", &[0, 1, 33, 0, 192, 0, 2, 1, 0]),
        ("IPv6 /129", &[0, 2, 129, 0, 32, 1, 13, 184, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("scope set", &[0, 1, 24, 1, 192, 0, 2]),
        ("too short", &[0, 1, 24, 0, 192, 0]),
        ("too long", &[0, 1, 24, 0, 192, 0, 2, 1]),
        ("padding bits", &[0, 1, 23, 0, 192, 0, 3]),
        ("no fields", &[0, 1]),
    ];
    for (what, data) in bad {
        for name in ["www.example.com", "a.example.com"] {
            let question = ask(name, 1).option(8, data);
            let response = server.ask(&question);
            assert_eq!((response.rcode, response.sections[0].len()), (1, 0), "{what}");
            assert!(opt(&server.raw(&question.octets()).unwrap()).is_some(), "{what}");
        }
    }
    let twice = ask("www.example.com", 1).subnet("192.0.2.0/24").subnet("193.0.6.0/24");
    assert_eq!(server.ask(&twice).rcode, 1, "two client subnets");
}

#[test]
fn answers_that_do_not_depend_on_the_client_have_scope_0() {
    let mut server = server();
    for (name, qtype) in [
        ("a.example.com", 1),
        ("a.example.com", 28),
        ("none.example.com", 1),
        ("www.example.com", 15),
        ("www.example.com", 28),
        ("one.example.com", 1),
        ("inside.example.com", 1),
        ("example.org", 1),
    ] {
        let response = server.ask(&ask(name, qtype).subnet("193.0.6.0/24"));
        assert_eq!(response.subnet, Some((1, 24, 0)), "{name} {qtype}");
    }
}

#[test]
fn source_length_0_means_the_resolver_and_scope_0() {
    let mut server = server();
    for (resolver, answer) in [("193.0.6.1", "192.0.2.1"), ("8.8.8.8", "192.0.2.2")] {
        for subnet in ["0.0.0.0/0", "::/0"] {
            let question = ask("www.example.com", 1).from(resolver).subnet(subnet);
            assert_eq!(server.answers(&question), [answer]);
            assert_eq!(server.ask(&question).subnet.unwrap().2, 0);
        }
        let bare = ask("www.example.com", 1).from(resolver).option(8, &[0, 0, 0, 0]);
        assert_eq!(server.answers(&bare), [answer], "dig +subnet=0 sends family 0");
        assert_eq!(server.answers(&ask("www.example.com", 1).from(resolver)), [answer], "without the option");
    }
}

#[test]
fn a_service_with_client_resolver_ignores_the_client_subnet() {
    let mut server = server();
    let question = ask("inside.example.com", 1).from("8.8.8.8").subnet("193.0.6.0/24");
    assert_eq!(server.answers(&question), ["192.0.2.2"]);
}

#[test]
fn a_source_shorter_than_the_scope_still_gets_the_scope() {
    let mut server = server();
    let response = server.ask(&ask("www.example.com", 1).subnet("193.0.0.0/8"));
    assert!(response.subnet.unwrap().2 > 8, "{:?}", response.subnet);
}

#[test]
fn sticky_draws_have_at_least_the_scope_of_the_hashed_prefix() {
    let mut server = server();
    for (name, v4, v6) in [("sticky.example.com", 20, 44), ("hash.example.com", 24, 56)] {
        assert_eq!(server.ask(&ask(name, 1).subnet("193.0.6.7/32")).subnet, Some((1, 32, v4)), "{name}");
        assert_eq!(server.ask(&ask(name, 1).subnet("193.0.0.0/16")).subnet, Some((1, 16, v4)), "{name}");
        assert_eq!(server.ask(&ask(name, 1).subnet("2001:67c::/32")).subnet, Some((2, 32, v6)), "{name}");
    }
}

#[test]
fn a_hashed_prefix_never_covers_mapped_clients() {
    let mut server = server();
    for (client, scope) in [("::1/128", 81), ("::fffe:0:0/128", 96), ("::1:0:0:0/128", 80), ("0:0:1::/128", 48)] {
        let response = server.ask(&ask("hash.example.com", 1).subnet(client));
        assert_eq!(response.subnet.unwrap().2, scope.max(56), "{client}");
    }
    let mapped = server.ask(&ask("hash.example.com", 1).subnet("::ffff:193.0.6.0/120"));
    assert_eq!(mapped.subnet.unwrap().2, 96 + 24);
    let v4 = server.answers(&ask("hash.example.com", 1).subnet("193.0.6.0/24"));
    assert_eq!(server.answers(&ask("hash.example.com", 1).subnet("::ffff:193.0.6.0/120")), v4);
}

#[test]
fn surplus_options_are_ignored() {
    let mut server = server();
    for count in [63, 64, 65, 200] {
        let question = (0..count).fold(ask("a.example.com", 1), |question, _| question.option(65_001, b""));
        assert_eq!(server.ask(&question).rcode, 0, "{count} options");
    }
}

#[test]
fn an_error_response_answers_no_options() {
    let settings = Settings { nsid: Some(b"fra-1".to_vec()), ..Settings::default() };
    let mut server = Server::with(support::table(DOCUMENT, &zone(), &*WORLD), settings);
    let query = || ask("www.example.com", 1).option(3, b"").subnet("193.0.6.0/24");
    let with_both = opt(&server.raw(&query().octets()).unwrap()).unwrap();
    assert_eq!(with_both.options.len(), 2, "the response has both");
    let mut unknown_version = query();
    unknown_version.edns.as_mut().unwrap().ttl = 1 << 16;
    let two_subnets = query().subnet("192.0.2.0/24");
    for (question, rcode) in [(unknown_version, 16), (two_subnets, 1)] {
        let reply = opt(&server.raw(&question.octets()).unwrap()).unwrap();
        assert_eq!((server.ask(&question).rcode, reply.options), (rcode, vec![]));
    }
}
