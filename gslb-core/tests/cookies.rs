//! DNS cookies in queries and responses (RFC 7873, RFC 9018): one test per requirement.

mod support;

use gslb_core::respond::cookies::CookieResult;
use gslb_core::respond::{Now, Secrets, Settings, Transport};
use support::{Ask, Server, WORLD, ask};

const COOKIE: u16 = 10;
const CLIENT: [u8; 8] = *b"\x01\x02\x03\x04\x05\x06\x07\x08";
const NOW: u32 = 1_700_000_000;

const DOCUMENT: &str = r#"
zones."example.com".file = "zone"
pools.fra.endpoints.a.address = "192.0.2.1"
services."www.example.com".policy = "fra"
"#;
const ZONE: &str = "@ 60 IN SOA ns h 1 2 3 4 60\n@ 60 IN NS ns.example.net.\na 60 IN A 192.0.2.10\n";

/// A server that makes and verifies cookies.
fn server() -> Server {
    let mut server = without_cookies();
    server.worker.set_secrets(Some(Secrets::shared(&[[7; 16]])));
    server
}

fn without_cookies() -> Server {
    let settings = Settings { nsid: Some(b"fra-1".to_vec()), ..Settings::default() };
    let mut server = Server::with(support::table(DOCUMENT, ZONE, &*WORLD), settings);
    server.worker.set_time(Now { unix: NOW, elapsed: 0 });
    server
}

/// The data of the COOKIE options of a response.
fn cookies(response: &[u8]) -> Vec<Vec<u8>> {
    let Some(at) = (12..response.len().saturating_sub(10)).rev().find(|&at| response[at..].starts_with(&[0, 0, 41]))
    else {
        return Vec::new();
    };
    let (mut rest, mut found) = (&response[at + 11..], Vec::new());
    while !rest.is_empty() {
        let (code, len) = (u16::from_be_bytes([rest[0], rest[1]]), usize::from(u16::from_be_bytes([rest[2], rest[3]])));
        if code == COOKIE {
            found.push(rest[4..4 + len].to_vec());
        }
        rest = &rest[4 + len..];
    }
    found
}

fn count(server: &Server, wanted: CookieResult) -> u64 {
    server.worker.tally().cookies().find(|(result, _)| *result == wanted).unwrap().1
}

/// The cookie that the server gives to 192.0.2.1.
fn learn(server: &mut Server) -> Vec<u8> {
    let response = server.raw(&ask("a.example.com", 1).option(COOKIE, &CLIENT).octets()).unwrap();
    let [cookie] = cookies(&response).try_into().unwrap();
    assert_eq!((cookie.len(), &cookie[..8]), (24, &CLIENT[..]));
    cookie
}

/// The rcode of a response, without its extended bits.
fn rcode(response: &[u8]) -> u8 {
    response[3] & 15
}

/// Questions of every kind of answer.
fn kinds() -> [Ask; 6] {
    [
        ask("a.example.com", 1),
        ask("www.example.com", 1).subnet("193.0.6.0/24"),
        ask("none.example.com", 1),
        ask("a.example.com", 28),
        ask("example.org", 1),
        ask("example.com", 252).option(3, b""),
    ]
}

#[test]
fn a_response_has_the_option_exactly_if_the_query_did_and_is_otherwise_the_same() {
    let mut server = server();
    let cookie = learn(&mut server);
    for question in kinds() {
        for transport in [Transport::Udp, Transport::Tcp] {
            let mut send = |ask: &Ask| server.send(&ask.octets(), ask.resolver, transport).unwrap();
            let plain = send(&question);
            assert!(cookies(&plain).is_empty());
            for data in [&CLIENT[..], &cookie] {
                let response = send(&question.clone().option(COOKIE, data));
                assert_eq!(cookies(&response), std::slice::from_ref(&cookie));
                let Some(edns) = question.clone().edns.filter(|edns| !edns.options.is_empty()) else { continue };
                assert_eq!(response.len(), plain.len() + 28, "{:?}", edns.options);
            }
        }
    }
}

#[test]
fn a_cookie_is_bound_to_the_address_and_known_for_an_hour() {
    let mut server = server();
    let cookie = learn(&mut server);
    let question = ask("a.example.com", 1).option(COOKIE, &cookie);
    let mut send = |from: &str, unix: u32| {
        server.worker.set_time(Now { unix, elapsed: 0 });
        let before = CookieResult::ALL.map(|result| count(&server, result));
        let response = server.send(&question.octets(), from.parse().unwrap(), Transport::Udp).unwrap();
        assert_eq!(rcode(&response), 0, "nobody is refused for a cookie");
        let after = CookieResult::ALL.map(|result| count(&server, result));
        let counted = (0..4).filter(|&at| after[at] > before[at]).map(|at| CookieResult::ALL[at]).collect::<Vec<_>>();
        (counted, cookies(&response)[0] == cookie)
    };
    assert_eq!(send("192.0.2.1", NOW), (vec![CookieResult::Valid], true));
    assert_eq!(send("192.0.2.1", NOW + 1801), (vec![CookieResult::Valid], false));
    assert_eq!(send("192.0.2.1", NOW + 3601), (vec![CookieResult::Stale], false));
    assert_eq!(send("192.0.2.1", NOW - 301), (vec![CookieResult::Stale], false));
    assert_eq!(send("192.0.2.2", NOW), (vec![CookieResult::Invalid], false));
    assert_eq!(send("2001:db8::1", NOW), (vec![CookieResult::Invalid], false));
}

#[test]
fn invalid_lengths_are_formerr_without_a_cookie() {
    let mut server = server();
    for len in (0..=48).filter(|len| !(*len == 8 || (16..=40).contains(len))) {
        let response = server.raw(&ask("a.example.com", 1).option(COOKIE, &vec![1; len]).octets()).unwrap();
        assert_eq!((rcode(&response), cookies(&response).len()), (1, 0), "{len}");
        assert_eq!(u16::from_be_bytes([response[10], response[11]]), 1, "it has an OPT record");
    }
    let queries: u64 = server.worker.tally().queries().map(|(.., count)| count).sum();
    let responses: u64 = server.worker.tally().responses().map(|(.., count)| count).sum();
    assert_eq!((queries, responses), (23, 23), "each is counted once");
}

#[test]
fn only_the_first_option_counts() {
    let mut server = server();
    let cookie = learn(&mut server);
    let question = ask("a.example.com", 1).option(COOKIE, &cookie).option(COOKIE, b"bad").option(COOKIE, &[9; 24]);
    let response = server.raw(&question.octets()).unwrap();
    assert_eq!((rcode(&response), cookies(&response)), (0, vec![cookie]));
    let first_is_bad = ask("a.example.com", 1).option(COOKIE, b"bad").option(COOKIE, &CLIENT);
    assert_eq!(rcode(&server.raw(&first_is_bad.octets()).unwrap()), 1);
}

#[test]
fn without_cookies_the_option_is_ignored() {
    let mut server = without_cookies();
    for question in kinds() {
        let plain = server.raw(&question.clone().edns().octets()).unwrap();
        for data in [&CLIENT[..], &[1; 24], b"bad", b""] {
            let question = question.clone().option(COOKIE, data);
            assert_eq!(server.raw(&question.octets()).unwrap(), plain, "{data:?}");
        }
    }
    assert_eq!(server.worker.tally().cookies().map(|(_, count)| count).sum::<u64>(), 0);
}

/// A query without a question, whose OPT record has `options`.
fn no_question(options: &[u8]) -> Vec<u8> {
    let head = [0x12, 0x34, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 41, 4, 208, 0, 0, 0, 0];
    [&head[..], &(options.len() as u16).to_be_bytes(), options].concat()
}

#[test]
fn a_query_without_a_question_learns_or_confirms_a_cookie() {
    let mut server = server();
    let cookie = learn(&mut server);
    let mut other = cookie.clone();
    other[23] ^= 1;
    let option = |data: &[u8]| [&[0, 10, 0, data.len() as u8], data].concat();
    for (data, (low, extended)) in [(&CLIENT[..], (0, 0)), (&cookie, (0, 0)), (&other, (7, 1)), (&[5; 16], (7, 1))] {
        let response = server.raw(&no_question(&option(data))).unwrap();
        // RFC 7873 §5.4: BADCOOKIE is 23.
        assert_eq!((rcode(&response), response[17]), (low, extended), "{data:?}");
        assert_eq!(response[4..12], [0, 0, 0, 0, 0, 0, 0, 1]);
        let client_is_known = data[..8] == CLIENT;
        assert_eq!(cookies(&response)[0][8..] == cookie[8..], client_is_known, "{data:?}");
    }
    for options in [vec![], option(b"bad"), option(&[1; 41]), vec![0, 10, 0, 9, 1]] {
        assert_eq!(rcode(&server.raw(&no_question(&options)).unwrap()), 1, "{options:?}");
    }
    let mut trailing = no_question(&option(&CLIENT));
    trailing.push(0);
    assert_eq!(rcode(&server.raw(&trailing).unwrap()), 1);
    let mut server = without_cookies();
    assert_eq!(rcode(&server.raw(&no_question(&option(&CLIENT))).unwrap()), 1);
}

#[test]
fn truncated_and_refused_responses_have_the_cookie() {
    let mut server = server();
    let cookie = learn(&mut server);
    let mut status = ask("a.example.com", 1).option(COOKIE, &CLIENT);
    status.flags |= 2 << 11;
    for octets in [status.octets(), ask("a.example.com", 1).option(COOKIE, &CLIENT).option(8, b"bad").octets()] {
        assert_eq!(cookies(&server.raw(&octets).unwrap()), std::slice::from_ref(&cookie));
    }
    let big = "a 60 IN TXT ".to_owned() + &"\"x\" ".repeat(300) + "\n";
    server.table = support::table(DOCUMENT, &format!("{ZONE}{big}"), &*WORLD);
    let question = ask("a.example.com", 16).payload(512).option(COOKIE, &CLIENT);
    let response = server.raw(&question.octets()).unwrap();
    assert_eq!((response[2] & 2, response.len() <= 512, cookies(&response)), (2, true, vec![cookie]));
}
