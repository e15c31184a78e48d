//! Queries that are asked again and again over DNS, to see when real answers change.

use std::io;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use gslb_core::explain::response::Response;
use gslb_core::explain::{Question, datagram};
use gslb_core::rdata;
use serde_json::Value;

/// How long one answer may take.
const ANSWER: Duration = Duration::from_secs(1);
/// The pause between two looks.
const PAUSE: Duration = Duration::from_millis(10);
/// Octets of an answer that are read.
const OCTETS: usize = 4096;
/// How often a query is sent again where no answer comes.
const ATTEMPTS: usize = 3;

/// The queries, and what each names while the data center answers.
pub(super) struct Watched {
    queries: Vec<(Vec<u8>, Vec<IpAddr>)>,
    socket: UdpSocket,
}

impl Watched {
    /// The queries that a drill proposes, to be asked at `server`.
    pub(super) fn of(witnesses: &Value, server: SocketAddr) -> io::Result<Self> {
        let any: SocketAddr = if server.is_ipv4() { ([0; 4], 0).into() } else { ([0u16; 8], 0).into() };
        let socket = UdpSocket::bind(any)?;
        socket.connect(server)?;
        socket.set_read_timeout(Some(ANSWER))?;
        let queries = witnesses.as_array().into_iter().flatten().filter_map(query).collect();
        Ok(Self { queries, socket })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.queries.is_empty()
    }

    pub(super) fn len(&self) -> usize {
        self.queries.len()
    }

    /// How many of the queries name the data center now.
    pub(super) fn named(&self) -> io::Result<usize> {
        let mut named = 0;
        for (number, (query, addresses)) in (0u16..).zip(&self.queries) {
            let answer = self.ask(query, number)?;
            named += usize::from(answer.iter().any(|address| addresses.contains(address)));
        }
        Ok(named)
    }

    /// Asks until `is_done` with so many that name it; how long that was after `begun`, or nothing where it took longer
    /// than `patience`.
    pub(super) fn until(
        &self,
        begun: Instant,
        patience: Duration,
        is_done: impl Fn(usize) -> bool,
    ) -> io::Result<Option<Duration>> {
        loop {
            if is_done(self.named()?) {
                return Ok(Some(begun.elapsed()));
            }
            if begun.elapsed() > patience {
                return Ok(None);
            }
            thread::sleep(PAUSE);
        }
    }

    fn ask(&self, query: &[u8], number: u16) -> io::Result<Vec<IpAddr>> {
        let mut query = query.to_vec();
        // The socket is connected, and hears nobody else; the id tells late answers from the one that is waited for.
        query.get_mut(..2).into_iter().for_each(|id| id.copy_from_slice(&number.to_be_bytes()));
        let mut failed = io::Error::from(io::ErrorKind::TimedOut);
        for _ in 0..ATTEMPTS {
            self.socket.send(&query)?;
            match self.answer(number) {
                Ok(addresses) => return Ok(addresses),
                Err(error) => failed = error,
            }
        }
        Err(failed)
    }

    fn answer(&self, number: u16) -> io::Result<Vec<IpAddr>> {
        let mut octets = [0; OCTETS];
        loop {
            let length = self.socket.recv(&mut octets)?;
            let Ok(response) = Response::parse(octets.get(..length).unwrap_or_default()) else { continue };
            if response.id == number {
                let records = response.sections.first().map(Vec::as_slice).unwrap_or_default();
                let address = |rtype, rdata: &[u8]| rdata::to_text(rtype, rdata).parse().ok();
                return Ok(records.iter().filter_map(|record| address(record.rtype, &record.rdata)).collect());
            }
        }
    }
}

/// The query of a witness, as octets.
fn query(witness: &Value) -> Option<(Vec<u8>, Vec<IpAddr>)> {
    let text = |name: &str| witness[name].as_str();
    let name = text("name")?.parse().ok()?;
    let qtype = rdata::type_from_text(text("type")?)?;
    let client = Some(text("client")?.parse().ok()?);
    let resolver = IpAddr::from([127, 0, 0, 1]);
    let addresses = witness["addresses"].as_array()?.iter().filter_map(|it| it.as_str()?.parse().ok()).collect();
    Some((datagram(&Question { name, qtype, client, resolver }), addresses))
}
