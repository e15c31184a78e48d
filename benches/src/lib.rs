//! The subject of the benchmarks: one site, one query per kind of answer, and a worker.

use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use gslb::capture::tap::{Query, QueryPath, Tap};
use gslb_core::dns::name::Name;
use gslb_core::live::states::carried_states;
use gslb_core::respond::{MAX_BATCH, Reply, Settings, Transport, Worker};
use gslb_core::site::document;
use gslb_core::steer::trace::NoTrace;
use gslb_core::table::{RoutingTable, compile};

pub mod bodies;
pub mod change;
pub mod control;
pub mod counters;
pub mod expected;
pub mod figures;
pub mod further;
pub mod growth;
pub mod histogram;
pub mod load;
pub mod mix;
pub mod queries;
pub mod quiet;
pub mod random;
pub mod restarts;
pub mod rounds;
pub mod scrape;
pub mod sites;
pub mod usage;
pub mod verdict;
pub mod world;

/// The kinds of answers that are measured, by name.
pub const KINDS: [&str; 9] =
    ["static", "mx", "steered-v4", "steered-v6", "sticky", "nxdomain", "referral", "alias", "garbage"];

/// The table of a document whose zone file is `zone`; databases as given. Its answers are counted, as a server's are.
///
/// # Panics
/// If the document is invalid, which is a bug here.
pub fn table(document: &str, zone: &str, databases: &[Arc<geoip::Database>]) -> RoutingTable {
    compiled(document, &mut || zone.as_bytes().to_vec(), databases, None).counting(1, None)
}

/// The same, as the successor of `previous`.
fn table_after(
    previous: &RoutingTable,
    document: &str,
    zone: &str,
    databases: &[Arc<geoip::Database>],
) -> RoutingTable {
    compiled(document, &mut || zone.as_bytes().to_vec(), databases, Some(previous))
}

/// The same, with a zone file that is not stored: `zone` returns its octets.
fn compiled(
    document: &str,
    zone: &mut dyn FnMut() -> Vec<u8>,
    databases: &[Arc<geoip::Database>],
    previous: Option<&RoutingTable>,
) -> RoutingTable {
    let mut load = |name: &str, _: &str| Ok((Arc::from(name), zone()));
    let reading = document::read("bench.toml", document, &mut load);
    let problems = reading.problems;
    let site = reading.site.unwrap_or_else(|| panic!("{problems:#?}"));
    let compiled = compile::compile(site, databases, &Arc::default(), previous.map(RoutingTable::topology));
    let problems = compiled.problems;
    let topology = compiled.topology.unwrap_or_else(|| panic!("{problems:#?}"));
    let Some(previous) = previous else { return RoutingTable::initial(topology) };
    let states = carried_states(&previous.topology().site, &previous.states(), &topology.site);
    previous.next(topology, &states)
}

/// The query of a kind of answer, for the site of [`sites::example`].
pub fn query(kind: &str) -> Vec<u8> {
    match kind {
        "static" => datagram("mail.example.com", 1, None),
        "mx" => datagram("example.com", 15, None),
        "steered-v4" => datagram("geo.example.com", 1, Some(&[0, 1, 24, 0, 193, 0, 6])),
        "steered-v6" => datagram("geo.example.com", 28, Some(&[0, 2, 56, 0, 0x2a, 0x02, 0x26, 0xf0, 0, 0x12, 0x34])),
        "sticky" => datagram("sticky.example.com", 1, Some(&[0, 1, 24, 0, 17, 0, 0])),
        "nxdomain" => datagram("no.such.name.example.com", 1, None),
        "referral" => datagram("host.lab.example.com", 1, None),
        "alias" => datagram("ftp.example.com", 1, Some(&[0, 1, 24, 0, 133, 11, 0])),
        "garbage" => (0..64u8).map(|octet| octet.wrapping_mul(37) & 0x7F).collect(),
        other => panic!("no kind of answer is called {other}"),
    }
}

/// A query with EDNS, and with a client subnet option of this data where given.
pub fn datagram(name: &str, qtype: u16, subnet: Option<&[u8]>) -> Vec<u8> {
    let name: Name = name.parse().expect("a benchmark queries names");
    let mut octets = vec![0x12, 0x34, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    octets.extend_from_slice(name.as_wire());
    octets.extend_from_slice(&qtype.to_be_bytes());
    octets.extend_from_slice(&[0, 1, 0, 0, 41, 0x10, 0, 0, 0, 0, 0]);
    let option = subnet.map(|data| [&[0, 8, 0, data.len() as u8], data].concat()).unwrap_or_default();
    octets.extend_from_slice(&(option.len() as u16).to_be_bytes());
    octets.extend_from_slice(&option);
    octets
}

/// A worker with its buffers.
#[derive(Debug)]
pub struct Querier {
    worker: Worker,
    source: SocketAddr,
    buffer: Vec<u8>,
    slots: Vec<[u8; 4096 + 128]>,
}

impl Default for Querier {
    fn default() -> Querier {
        let worker = Worker::new(Arc::new(Settings::default()), 1).with_counters(0);
        Querier {
            worker,
            source: SocketAddr::from(([192, 0, 2, 1], 53)),
            buffer: vec![0; 4096],
            slots: vec![[0; 4096 + 128]; MAX_BATCH],
        }
    }
}

impl Querier {
    /// Answers one query, and returns the length of the response.
    #[inline(never)]
    pub fn ask(&mut self, table: &RoutingTable, query: &[u8]) -> usize {
        // Copies the query as if received; not part of the measured work, but unavoidable.
        if let Some(front) = self.buffer.get_mut(..query.len()) {
            front.copy_from_slice(query);
        }
        let reply =
            self.worker.respond(table, self.source, Transport::Udp, &mut self.buffer, query.len(), &mut NoTrace);
        // As a worker does after each batch, which is one query here.
        black_box(self.worker.take_sample());
        match reply {
            Reply::Send(len) => len,
            Reply::Drop => 0,
        }
    }

    /// Asks once, and gives the response.
    pub fn response(&mut self, table: &RoutingTable, query: &[u8]) -> &[u8] {
        let len = self.ask(table, query);
        &self.buffer[..len]
    }

    /// Answers a batch of at most [`MAX_BATCH`] queries like a UDP worker, and returns the total length of the
    /// responses.
    pub fn ask_batch<'q>(&mut self, table: &RoutingTable, queries: impl Iterator<Item = &'q [u8]>) -> usize {
        let mut count = 0;
        for (slot, query) in self.slots.iter_mut().zip(queries) {
            slot[..query.len()].copy_from_slice(query);
            self.worker.parse(count, slot, query.len());
            count += 1;
        }
        self.worker.prefetch(table, count);
        let mut octets = 0;
        for (at, slot) in self.slots.iter_mut().take(count).enumerate() {
            if let Reply::Send(len) = self.worker.answer(at, table, self.source, Transport::Udp, slot, &mut NoTrace) {
                octets += len;
            }
        }
        black_box(self.worker.take_sample());
        octets
    }

    /// The same, while `tap` captures the answers, as in a UDP worker.
    pub fn ask_batch_shown<'q>(
        &mut self,
        table: &RoutingTable,
        tap: &mut Tap,
        queries: impl Iterator<Item = &'q [u8]>,
    ) -> usize {
        let mut lens = [0; MAX_BATCH];
        let mut count = 0;
        for ((slot, len), query) in self.slots.iter_mut().zip(&mut lens).zip(queries) {
            slot[..query.len()].copy_from_slice(query);
            *len = query.len();
            self.worker.parse(count, slot, query.len());
            count += 1;
        }
        self.worker.prefetch(table, count);
        let (active_readers, received_at, resolver) = (tap.active_readers(), SystemTime::now(), self.source);
        let (path, worker) = (QueryPath::new(Transport::Udp, resolver, ([192, 0, 2, 53], 53).into()), &mut self.worker);
        let mut sum = 0;
        for (at, slot) in self.slots.iter_mut().take(count).enumerate() {
            let reply = match tap.wanted(active_readers) {
                None => worker.answer(at, table, resolver, Transport::Udp, slot, &mut NoTrace),
                Some(wanted) => {
                    let query = Query { path, received_at, octets: lens[at], table };
                    tap.show(wanted, query, slot, |slot, noted| {
                        worker.answer(at, table, resolver, Transport::Udp, slot, noted)
                    })
                }
            };
            if let Reply::Send(len) = reply {
                sum += len;
            }
        }
        black_box(self.worker.take_sample());
        sum
    }
}
