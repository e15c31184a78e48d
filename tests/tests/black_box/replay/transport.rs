//! A query out and a response in, over UDP and TCP.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use gslb_tests::PATIENCE;

/// Whether every server answers a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// It is.
    Answered,
    /// A server may be silent, which is known once the probe, sent right after it, is answered.
    Odd,
}

/// ID of the query after an odd one.
const PROBE: u16 = 0xFFFE;

/// A query that every server answers: `. SOA`.
fn probe() -> Vec<u8> {
    [&PROBE.to_be_bytes()[..], &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 1]].concat()
}

fn is_probe(response: &[u8]) -> bool {
    response.starts_with(&PROBE.to_be_bytes())
}

/// Pause after an odd query at first. NSD drops the first of two queries received in one call if it is malformed.
const AHEAD: Duration = Duration::from_millis(20);
/// Retries of an odd query that only one of two servers answers, with twice the pause each time: a busy server may have
/// received it together with the next one.
pub(super) const TRIES: u32 = 6;

/// Sends the query over UDP for the `tries`-th time, and waits for the response, or for none if an odd query has none.
pub(super) fn over_udp(address: SocketAddr, query: &[u8], kind: Kind, tries: u32) -> Option<Vec<u8>> {
    let socket = sent(address, query)?;
    match kind {
        Kind::Answered => received(&socket, PATIENCE),
        Kind::Odd => received(&socket, AHEAD * 2_u32.pow(tries)).or_else(|| {
            socket.send(&probe()).ok()?;
            received(&socket, PATIENCE).filter(|response| !is_probe(response))
        }),
    }
}

/// Whether a server that is starting answers already.
pub(super) fn is_answered(address: SocketAddr, query: &[u8], holds: impl Fn(&[u8]) -> bool) -> bool {
    let response = sent(address, query).and_then(|socket| received(&socket, Duration::from_millis(500)));
    response.is_some_and(|response| holds(&response))
}

fn sent(address: SocketAddr, query: &[u8]) -> Option<UdpSocket> {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(address).unwrap();
    socket.send(query).ok()?;
    Some(socket)
}

fn received(socket: &UdpSocket, patience: Duration) -> Option<Vec<u8>> {
    socket.set_read_timeout(Some(patience)).unwrap();
    let mut buffer = vec![0; 65_535];
    let len = socket.recv(&mut buffer).ok()?;
    buffer.truncate(len);
    Some(buffer)
}

/// A kept connection, or a new one if the server has closed it.
pub(super) struct Tcp(pub(super) SocketAddr, pub(super) Option<TcpStream>);

impl Tcp {
    pub(super) fn ask(&mut self, query: &[u8], kind: Kind) -> Option<Vec<u8>> {
        if kind == Kind::Odd {
            return self.ask_odd(query);
        }
        for _ in 0..2 {
            let stream = self.1.take().unwrap_or_else(|| self.connect());
            if let Some(response) = exchange(&stream, &framed(query)) {
                self.1 = Some(stream);
                return Some(response);
            }
        }
        None
    }

    /// On a separate connection, which a server may close.
    fn ask_odd(&self, query: &[u8]) -> Option<Vec<u8>> {
        let both = [framed(query), framed(&probe())].concat();
        exchange(&self.connect(), &both).filter(|response| !is_probe(response))
    }

    fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.0).expect("it takes connections");
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    }
}

fn framed(query: &[u8]) -> Vec<u8> {
    [&(query.len() as u16).to_be_bytes(), query].concat()
}

/// Writes, and reads one response.
fn exchange(mut stream: &TcpStream, written: &[u8]) -> Option<Vec<u8>> {
    stream.write_all(written).ok()?;
    let mut len = [0; 2];
    stream.read_exact(&mut len).ok()?;
    let mut response = vec![0; usize::from(u16::from_be_bytes(len))];
    stream.read_exact(&mut response).ok()?;
    Some(response)
}
