//! tcp: a connection, and the data on it.

use std::io::{Read, Write};

use gslb_core::health::Failure;

use crate::origin::{Origin, closed_port, hang};
use crate::{failure, pass};

#[test]
fn a_connection_is_enough_if_nothing_is_expected() {
    let origin = Origin::new(hang);
    assert_eq!(pass(&format!("kind = \"tcp\", port = {}", origin.port())), "connected");
    assert_eq!(failure(&format!("kind = \"tcp\", port = {}", closed_port())).0, Failure::Refused);
}

#[test]
fn expectations_decide_the_outcome() {
    let redis = Origin::new(|mut stream| {
        let mut message = [0; 6];
        stream.read_exact(&mut message).unwrap();
        assert_eq!(&message, b"PING\r\n");
        // In two pieces, as the network may have it.
        let _ = stream.write_all(b"+PO");
        let _ = stream.write_all(b"NG\r\n");
        hang(stream);
    });
    let probe = |expect: &str| {
        let port = redis.port();
        format!("kind = \"tcp\", port = {port}, send = \"PING\\r\\n\", expect = \"{expect}\", timeout = \"2s\"")
    };
    assert_eq!(pass(&probe("+PONG")), "received the expected text");
    let (why, evidence) = failure(&probe("+LOADING"));
    assert_eq!((why, &*evidence), (Failure::Timeout, "no result within 2s: waiting for the text"));
}

#[test]
fn servers_that_close_or_talk_without_end_fail() {
    let closing = Origin::new(|mut stream| drop(stream.write_all(b"bye")));
    let probe = |origin: &Origin| format!("kind = \"tcp\", port = {}, expect = \"hello\"", origin.port());
    let (why, evidence) = failure(&probe(&closing));
    assert_eq!((why, &*evidence), (Failure::Body, "closed the connection after 3 octets, without the expected text"));
    let endless = Origin::new(|mut stream| while stream.write_all(&[b'x'; 65_536]).is_ok() {});
    let (why, evidence) = failure(&probe(&endless));
    assert_eq!((why, &*evidence), (Failure::Body, "sent 5120 octets, without the expected text"));
}
