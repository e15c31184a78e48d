//! Two servers that are made to talk to each other fall silent: a response is never answered.

use std::net::SocketAddr;

use gslb_tests::ask::dig;
use gslb_tests::eventually;
use gslb_tests::server::Server;
use socket2::{Domain, Protocol, Socket, Type};

use crate::sites::small;

/// Datagrams received, those dropped for being responses, and datagrams sent.
fn counts(server: &Server) -> [u64; 3] {
    ["gslb_udp_received_total", "gslb_dns_drops_total{reason=\"response\",transport=\"udp\"}", "gslb_udp_sent_total"]
        .map(|name| server.metric(name))
}

/// Sends datagrams to one server that seem to come from the other: from its own port, shared through SO_REUSEPORT. The
/// receiver is stopped until the port is the other's alone again, so that it gets the answers.
fn send(from: SocketAddr, to: &Server, datagrams: &[Vec<u8>]) {
    to.pause();
    let socket = Socket::new(Domain::IPV4, Type::DGRAM, Some(Protocol::UDP)).unwrap();
    socket.set_reuse_port(true).unwrap();
    socket.bind(&from.into()).unwrap();
    for datagram in datagrams {
        assert_eq!(socket.send_to(datagram, &to.address().into()).unwrap(), datagram.len());
    }
    drop(socket);
    to.resume();
}

/// A message of one question with these first two octets of flags.
fn message(flags: u16) -> Vec<u8> {
    let counts = [0, 1, 0, 0, 0, 0, 0, 0];
    [&[0xBE, 0xEF], &flags.to_be_bytes()[..], &counts, b"\x03www\x07example\x03com\x00", &[0, 1, 0, 1]].concat()
}

#[test]
fn no_response_is_ever_answered() {
    let (one, other) = (small("").serve(), small("").serve());
    let responses: Vec<_> =
        (0..16).flat_map(|opcode| (0..16).map(move |rcode| 0x8000 | opcode << 11 | rcode)).collect();
    for part in responses.chunks(64) {
        let before = counts(&one)[0];
        send(other.address(), &one, &part.iter().copied().map(message).collect::<Vec<_>>());
        eventually("all are received", || counts(&one)[0] == before + part.len() as u64);
    }
    // A later query is answered, so they have been handled.
    assert_eq!(dig(one.address(), "www.example.com").data(), ["192.0.2.1"]);
    assert_eq!(dig(other.address(), "www.example.com").data(), ["192.0.2.1"]);
    eventually("256 are dropped and one is answered", || counts(&one) == [257, 256, 1]);
    eventually("the other got only one query", || counts(&other) == [1, 0, 1]);
}

#[test]
fn responses_between_two_servers_do_not_loop() {
    let (one, other) = (small("").serve(), small("").serve());
    // A query, one with an unsupported opcode, a malformed one, and one too short to answer.
    let cut = message(0x0100)[..20].to_vec();
    send(other.address(), &one, &[message(0x0100), message(0x2800), cut, vec![0xBE; 11]]);
    eventually("the answers are dropped", || counts(&other)[1] == 3);
    assert_eq!(dig(one.address(), "www.example.com").data(), ["192.0.2.1"]);
    assert_eq!(dig(other.address(), "www.example.com").data(), ["192.0.2.1"]);
    eventually("all but the short one are answered", || counts(&one) == [5, 0, 4]);
    eventually("three answers and one query came", || counts(&other) == [4, 3, 1]);
}
