//! Queries as octets, and the check that a message answers one.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long a test waits: only a failing test waits this long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// A query for `example. A` with this ID.
pub(crate) fn query(id: u16) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    let header = [high, low, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    [&header[..], b"\x07example\x00\x00\x01\x00\x01"].concat()
}

/// A PROXY header (version 2) that names a client of 192.0.2.0/24, with this family and protocol.
pub(crate) fn proxy_header(family: u8, client: u8) -> Vec<u8> {
    [&b"\r\n\r\n\0\r\nQUIT\n\x21"[..], &[family, 0, 12, 192, 0, 2, client, 127, 0, 0, 1, 16, 0, 0, 53]].concat()
}

/// Whether a response is truncated.
pub(crate) fn is_truncated(message: &[u8]) -> bool {
    message[2] & 2 != 0
}

/// The ID of the query that `message` answers.
pub(crate) fn answered(message: &[u8]) -> u16 {
    assert!(message.len() >= 12, "{message:?} is no DNS message");
    assert_ne!(message[2] & 0x80, 0, "{message:?} is no response");
    u16::from_be_bytes([message[0], message[1]])
}

/// A message with its length before it, as TCP carries it.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes()[..], message].concat()
}

/// Reads one response and returns its ID.
pub(crate) fn read_answer(stream: &mut TcpStream) -> u16 {
    let mut length = [0; 2];
    stream.read_exact(&mut length).expect("an answer");
    let mut message = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut message).expect("the rest of the answer");
    answered(&message)
}

/// Asks and reads the answer.
pub(crate) fn ask(stream: &mut TcpStream, id: u16) {
    stream.write_all(&framed(&query(id))).expect("a query to be taken");
    assert_eq!(read_answer(stream), id);
}

/// Waits until the other side closes, in order or not; fails if it sends anything before.
pub(crate) fn await_close(stream: &mut TcpStream) {
    match stream.read(&mut [0]) {
        Ok(0) => {}
        Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => {}
        // A stopped process that continues gets SIGCONT.
        Err(error) if error.kind() == std::io::ErrorKind::Interrupted => await_close(stream),
        other => panic!("the connection was to be closed, and not {other:?}"),
    }
}
