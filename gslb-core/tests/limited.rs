//! Responses under rate limits: what is sent instead, and to whom limits do not apply.

mod support;

use gslb_core::limit::{Limiter, Limits};
use gslb_core::respond::tally::LimitAction;
use gslb_core::respond::{Noted, Now, Reply, Secrets, Settings, Transport};
use support::{Ask, Server, WORLD, ask};

const DOCUMENT: &str = r#"
zones."example.com".file = "zone"
pools.fra.endpoints.a.address = "192.0.2.1"
services."www.example.com".policy = "fra"
"#;

/// A server with these limits, cookies, and a name identifier.
fn server(limits: Limits) -> Server {
    let big = "big 60 IN TXT ".to_owned() + &"\"a text\" ".repeat(100);
    let zone = format!("@ 60 IN SOA ns h 1 2 3 4 60\n@ 60 IN NS ns.example.net.\na 60 IN A 192.0.2.10\n{big}\n");
    let settings = Settings { nsid: Some(b"a name of this server".to_vec()), ..Settings::default() };
    let mut server = Server::with(support::table(DOCUMENT, &zone, &*WORLD), settings);
    server.worker.set_limiter(Some(Limiter::new(limits, 1, 5)));
    server.worker.set_secrets(Some(Secrets::shared(&[[7; 16]])));
    server.worker.set_time(Now { unix: 1_700_000_000, elapsed: 5 });
    server
}

/// The largest answer there is, with options that are echoed.
fn big() -> Ask {
    ask("big.example.com", 16).option(3, b"").subnet("193.0.6.0/24")
}

/// Asks until 192.0.2.1 is over its limit.
fn exhaust(server: &mut Server) {
    for _ in 0..60 {
        server.raw(&big().octets());
    }
}

fn count(server: &Server, wanted: LimitAction) -> u64 {
    server.worker.tally().limits().filter(|(_, action, _)| *action == wanted).map(|(.., count)| count).sum()
}

/// Rcode with its extended bits, TC, and the counts of records.
fn summary(response: &[u8]) -> (u8, bool, [u16; 3]) {
    let counts = [6, 8, 10].map(|at| u16::from_be_bytes([response[at], response[at + 1]]));
    let opt = (12..response.len().saturating_sub(10)).rev().find(|&at| response[at..].starts_with(&[0, 0, 41]));
    let extended = opt.map_or(0, |at| response[at + 5]);
    (response[3] & 15 | extended << 4, response[2] & 2 != 0, counts)
}

#[test]
fn a_query_over_the_limit_gets_its_question_with_tc_and_no_more_octets_than_it_has() {
    let mut server = server(Limits::default());
    exhaust(&mut server);
    for (question, additional) in [
        (big(), 1),
        (big().dnssec(), 1),
        (ask("big.example.com", 16), 0),
        (ask("www.example.com", 1).edns(), 1),
        (ask("none.example.com", 1), 0),
        (ask("example.org", 1).edns(), 1),
        (ask("example.com", 255).option(12, &[0; 100]), 1),
    ] {
        let query = question.octets();
        let response = server.raw(&query).unwrap();
        assert_eq!(summary(&response), (0, true, [0, 0, additional]), "{question:?}");
        assert!(response.len() <= query.len(), "{} for {}", response.len(), query.len());
        let end = 12 + question.name.as_wire().len() + 4;
        assert_eq!(response[12..end], query[12..end], "the question");
        assert_eq!(response[..2], query[..2]);
    }
    let others = server.send(&big().octets(), "198.51.100.1".parse().unwrap(), Transport::Udp).unwrap();
    assert!(others.len() > 700, "another network has its own limit");
    let over_tcp = server.send(&big().octets(), "192.0.2.1".parse().unwrap(), Transport::Tcp).unwrap();
    assert!(over_tcp.len() > 700, "TCP has no limit");
}

#[test]
fn a_cookie_client_gets_badcookie_and_with_the_cookie_its_answer() {
    let mut server = server(Limits::default());
    exhaust(&mut server);
    let response = server.raw(&big().option(10, b"a client").octets()).unwrap();
    assert_eq!(summary(&response), (23, false, [0, 0, 1]));
    let cookie = &response[response.len() - 24..];
    assert_eq!(&cookie[..8], b"a client");
    let answer = server.raw(&big().option(10, cookie).octets()).unwrap();
    assert!(answer.len() > 700 && summary(&answer).0 == 0);
    let mut forged = cookie.to_vec();
    forged[20] ^= 1;
    assert_eq!(summary(&server.raw(&big().option(10, &forged).octets()).unwrap()).0, 23);
    let counts = [LimitAction::BadCookie, LimitAction::Cookie].map(|action| count(&server, action));
    assert_eq!(counts, [2, 1]);
}

#[test]
fn replies_to_forged_cookie_clients_have_no_more_octets_than_their_queries() {
    let mut server = server(Limits::default());
    exhaust(&mut server);
    let question = ask("a.example.com", 1).option(10, b"a client").octets();
    let (mut sent, mut received) = (0, 0);
    for _ in 0..5_000 {
        sent += question.len();
        received += server.raw(&question).map_or(0, |response| response.len());
    }
    assert!(received <= sent + 1024, "{received} for {sent}");
}

#[test]
fn a_flood_is_dropped_but_for_one_of_eight() {
    let mut server = server(Limits::default());
    let replies = (0..100_000_u64).filter(|n| {
        server.worker.set_time(Now { unix: 0, elapsed: n * 10_000 });
        server.raw(&big().octets()).is_some()
    });
    let replies = replies.count();
    assert!((12_500..14_000).contains(&replies), "{replies}");
    let counts = LimitAction::ALL.map(|action| count(&server, action));
    let responses: u64 = server.worker.tally().responses().map(|(.., count)| count).sum();
    assert_eq!((responses, responses + counts[4]), (replies as u64, 100_000));
    assert_eq!(server.worker.tally().truncated.get(), counts[2]);
    // Messages that are no queries are answered with errors, and dropped in a flood.
    let errors = (0..800).filter(|_| server.raw(&[0; 12]).is_some()).count();
    assert!((95..=105).contains(&errors), "{errors}");
}

#[test]
fn an_exempt_network_and_a_dry_run_get_all_answers() {
    let exempt = Limits { exempt: vec!["192.0.2.0/24".parse().unwrap()], ..Limits::default() };
    let dry = Limits { dry_run: true, ..Limits::default() };
    for (limits, action) in [(exempt, LimitAction::Exempt), (dry, LimitAction::Truncated)] {
        let mut server = server(limits);
        for _ in 0..200 {
            assert!(server.raw(&big().octets()).unwrap().len() > 700);
        }
        assert!((100..200).contains(&count(&server, action)), "{action:?}");
    }
}

#[test]
fn limits_that_are_not_reached_change_no_answer() {
    let mut limited = server(Limits::default());
    let mut unlimited = server(Limits::default());
    unlimited.worker.set_limiter(None);
    for question in [
        big(),
        ask("www.example.com", 1),
        ask("www.example.com", 1).subnet("193.0.6.0/24").option(10, b"a client"),
        ask("none.example.com", 1).edns(),
        ask("example.org", 255),
        ask("a.example.com", 1).option(8, b"bad"),
    ] {
        assert_eq!(limited.raw(&question.octets()), unlimited.raw(&question.octets()), "{question:?}");
    }
    assert_eq!(LimitAction::ALL.map(|action| count(&limited, action)), [0; 5]);
}

#[test]
fn errors_and_bare_cookies_over_the_limit_have_no_more_octets_than_their_queries() {
    let bare = |data: &[u8]| {
        let mut query = ask("a.example.com", 1).option(10, data).octets();
        let question = ask("a.example.com", 1).octets().len();
        query.drain(12..question);
        query[5] = 0;
        query
    };
    let mut status = ask("a", 1).option(10, b"a client");
    status.flags |= 2 << 11;
    let malformed = ask("a", 1).option(10, b"a client").option(8, b"");
    for query in [bare(b"a client"), bare(&[5; 16]), status.octets(), malformed.octets()] {
        let mut server = server(Limits::default());
        let reply = server.raw(&query).unwrap();
        assert!(reply.len() > query.len(), "{} for {}", reply.len(), query.len());
        // Four times the limit, for two minutes.
        let (mut sent, mut received) = (0, 0);
        for n in 0..4 * 800 * 120_u64 {
            server.worker.set_time(Now { unix: 1_700_000_000, elapsed: n * 1_000_000_000 / 3_200 });
            sent += query.len();
            received += server.raw(&query).map_or(0, |reply| reply.len());
        }
        // Within the limit there are 800 per second and a burst; times are rounded.
        let within = (800 * 120 + 2_000) * (reply.len() - query.len()) * 101 / 100;
        assert!(received <= sent + within + 1024, "{received} for {sent}");
    }
}

#[test]
fn a_decision_whose_answer_was_replaced_is_not_recorded() {
    let mut server = server(Limits::default());
    let (query, sender) = (ask("www.example.com", 1).octets(), "192.0.2.1:53".parse().unwrap());
    let mut decisions = || {
        let mut buffer = [0; 1_500];
        buffer[..query.len()].copy_from_slice(&query);
        let mut noted = Noted::default();
        let table = &server.table;
        let reply = server.worker.respond(table, sender, Transport::Udp, &mut buffer, query.len(), &mut noted);
        let truncated = matches!(reply, Reply::Send(_)) && buffer[2] & 2 != 0;
        (truncated, noted.decisions().len(), noted.chosen().len())
    };
    assert_eq!(decisions(), (false, 1, 1));
    let limited = (0..3_000).map(|_| decisions()).find(|(truncated, ..)| *truncated);
    assert_eq!(limited, Some((true, 0, 0)));
}
