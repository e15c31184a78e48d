//! DNS over TCP as other servers do it.

use std::io::{Read, Write};
use std::net::TcpStream;

use gslb_tests::ask::dig;
use gslb_tests::{PATIENCE, eventually};

use crate::sites::small;

/// `www.example.com. A`, with its length before it.
fn framed_query() -> Vec<u8> {
    let header = [0, 7, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let message = [&header[..], b"\x03www\x07example\x03com\x00\x00\x01\x00\x01"].concat();
    [&(message.len() as u16).to_be_bytes()[..], &message].concat()
}

#[test]
fn a_message_shorter_than_a_header_closes_the_connection_after_the_answers_before_it() {
    let folder = small("");
    let server = folder.serve();
    for length in [0, 1, 11] {
        let mut client = TcpStream::connect(server.address()).unwrap();
        client.set_read_timeout(Some(PATIENCE)).unwrap();
        let message = [&[0, length][..], &vec![0; length.into()]].concat();
        client.write_all(&[framed_query(), framed_query(), message].concat()).unwrap();
        let mut answers = Vec::new();
        client.read_to_end(&mut answers).unwrap();
        let first = usize::from(u16::from_be_bytes([answers[0], answers[1]])) + 2;
        assert_eq!(answers.len(), 2 * first, "two whole answers, then the end");
        assert_eq!(answers[2..4], [0, 7]);
    }
    eventually("all three are counted", || server.metric("gslb_tcp_closed_total{cause=\"short\"}") == 3);
    assert_eq!(dig(server.address(), "+tcp www.example.com A").data(), ["192.0.2.1"]);
}
