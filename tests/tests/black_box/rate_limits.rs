//! Rate limits of the running server: what a forged source gets, and who is not concerned.

use std::net::UdpSocket;
use std::time::Duration;

use gslb_tests::ask::dig;
use gslb_tests::eventually;
use gslb_tests::folder::{Folder, PROCESS};
use gslb_tests::server::Server;

use crate::sites::{document, zone};

/// A site with limits, and a TXT record set of more than a thousand octets.
fn serve(limits: &str) -> (Folder, Server) {
    let big: String = (0..9).map(|index| format!("big IN TXT \"{index} {}\"\n", "x".repeat(110))).collect();
    let zone = format!("{}{big}", zone("first"));
    let folder = Folder::with(&[("site.toml", &document("192.0.2.1")), ("example.com.zone", &zone)]);
    folder.write("gslb.toml", format!("{}[dns.rrl]\n{limits}\n", PROCESS.replace("rrl.enabled = false\n", "")));
    let server = folder.serve();
    (folder, server)
}

/// A query for the large record set, with EDNS and a client cookie if wanted.
fn query(cookie: bool) -> Vec<u8> {
    let option: &[u8] = if cookie { b"\0\x0a\0\x08a client" } else { b"" };
    let name = b"\x03big\x07example\x03com\0\0\x10\0\x01";
    let opt = [&[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, option.len() as u8][..], option].concat();
    [&b"\x12\x34\x01\0\0\x01\0\0\0\0\0\x01"[..], name, &opt].concat()
}

/// Sends `count` queries at once from `source`, and returns all responses.
fn flood(server: &Server, source: &str, query: &[u8], count: usize) -> Vec<Vec<u8>> {
    let socket = UdpSocket::bind((source, 0)).unwrap();
    socket.connect(server.address()).unwrap();
    let mut responses = Vec::new();
    let mut buffer = [0; 4096];
    socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    for chunk in 0..count.div_ceil(50) {
        for _ in 0..50.min(count - 50 * chunk) {
            socket.send(query).unwrap();
        }
        socket.set_nonblocking(true).unwrap();
        while let Ok(len) = socket.recv(&mut buffer) {
            responses.push(buffer[..len].to_vec());
        }
        socket.set_nonblocking(false).unwrap();
    }
    while let Ok(len) = socket.recv(&mut buffer) {
        responses.push(buffer[..len].to_vec());
    }
    responses
}

fn acted(server: &Server, action: &str) -> u64 {
    server.metric(&format!("gslb_rrl_total{{action=\"{action}\",family=\"ipv4\"}}"))
}

#[test]
fn a_forged_source_gets_its_limit_and_others_get_their_answers() {
    let (_folder, server) = serve("");
    let query = query(false);
    let responses = flood(&server, "127.0.0.2", &query, 5_000);
    let full = responses.iter().filter(|response| response.len() > 1_000).count();
    // 125 units at once and 50 per second; such an answer costs 4.
    assert!((20..500).contains(&full), "{full}");
    let short = responses.iter().filter(|response| response.len() <= 1_000);
    assert!(short.clone().all(|response| response.len() <= query.len() && response[2] & 2 != 0));
    assert!(short.count() > 100);
    assert!(acted(&server, "truncated") > 0 && acted(&server, "passed") >= full as u64);
    // dig falls back to TCP at the limited address, and is not limited at another one.
    let limited = dig(server.address(), "+tries=20 +time=1 -b 127.0.0.2 big.example.com TXT +nocookie");
    assert_eq!(limited.data().len(), 9, "{}", limited.text);
    let other = dig(server.address(), "-b 127.0.1.2 big.example.com TXT +notcp +ignore +nocookie");
    assert_eq!(other.data().len(), 9, "{}", other.text);
}

#[test]
fn a_cookie_passes_at_a_flooded_address() {
    let (_folder, server) = serve("per_address = 1\nburst = 1\nper_network = 100");
    // Over the limit, but no flood.
    flood(&server, "127.0.0.2", &query(false), 10);
    // dig gets BADCOOKIE with a fresh cookie, and asks again with it.
    let answer = dig(server.address(), "-b 127.0.0.2 big.example.com TXT +notcp +ignore +cookie=2464c4abcf10c957");
    assert_eq!(answer.data().len(), 9, "{}", answer.text);
    assert!(acted(&server, "badcookie") >= 1 && acted(&server, "cookie") >= 1);
}

#[test]
fn exempt_networks_and_dry_runs_are_answered() {
    let (_folder, server) = serve("per_address = 1\nburst = 1\nper_network = 1\nexempt = [\"127.0.0.0/30\"]");
    let responses = flood(&server, "127.0.0.2", &query(false), 500);
    assert!(responses.iter().all(|response| response.len() > 1_000));
    eventually("it is counted", || acted(&server, "exempt") >= 400);
    let (_folder, server) = serve("per_address = 1\nburst = 1\nper_network = 1\ndry_run = true");
    let responses = flood(&server, "127.0.0.2", &query(true), 500);
    assert!(responses.iter().all(|response| response.len() > 1_000));
    eventually("it is counted", || acted(&server, "badcookie") + acted(&server, "dropped") >= 400);
}

#[test]
fn memory_for_limits_is_resident_only_where_it_is_used() {
    let start = |limits: &str| {
        let (folder, server) = serve(limits);
        dig(server.address(), "www.example.com A");
        (server.memory().0, folder, server)
    };
    let (off, ..) = start("enabled = false");
    let (on, ..) = start("memory = \"256MiB\"");
    assert!(on - off < 20.0, "{on} MB instead of {off} MB");
}
