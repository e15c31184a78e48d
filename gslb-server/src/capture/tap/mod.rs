//! Taps: each worker copies its answers into a ring, and one thread reads all rings.
//!
//! A worker never waits: if its ring is full, the answer is counted as lost to the readers, and is still sent. The
//! reading thread resolves names, encodes and forwards. While there is no reader, there is no ring, and a worker only
//! checks once per batch whether there is one.

mod ends;
mod reader;
mod ring;
mod worker;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::SystemTime;

use gslb_api::traffic::tail::Tail;
use gslb_core::count::Count;
use gslb_core::respond::Transport;
use gslb_core::steer::trace::Decided;

use ring::Ring;

pub use reader::{Record, TapReader};
pub use worker::{ActiveReaders, Query, QueryPath, Tap, WantedBy};

/// Octets of queries and responses in a worker's ring: 16,000 ordinary answers, so that a worker with half a million
/// answers a second can continue for 30 ms while the reading thread has no CPU.
pub const RING_OCTETS: usize = 4 << 20;
/// Answers in a ring.
pub const RING_ANSWERS: usize = 16 << 10;
/// Endpoints of the answers in a ring.
pub const RING_ENDPOINTS: usize = 32 << 10;
/// Additional decisions in a ring: enough for two services per answer.
pub const RING_DECISIONS: usize = RING_ANSWERS;

/// Which readers are active; shared by all workers.
#[derive(Debug, Clone, Default)]
pub struct Switch {
    /// Answers with a random number up to this go to dnstap; `None` if dnstap is off.
    pub dnstap: Option<u64>,
    /// Followers through the API.
    pub tail: Tail,
}

impl Switch {
    /// A switch that sends a share of answers, from 0 to 1, to dnstap, and answers to followers.
    pub fn new(share: Option<f64>, tail: Tail) -> Self {
        // 1 means all, although the product would not be exactly the largest number.
        let most = |share: f64| if share >= 1.0 { u64::MAX } else { (share * 2f64.powi(64)) as u64 };
        Self { dnstap: share.map(most), tail }
    }
}

/// Counters of one worker's tap; only that worker writes them.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Counts {
    /// Answers lost to dnstap because the ring was full.
    pub lost_to_dnstap: Count,
    /// Answers lost to followers because the ring was full.
    pub lost_to_tail: Count,
}

/// The fixed-size part of an answer in a ring. Octets, endpoints and further decisions are in rings of their own.
#[derive(Debug, Clone, Copy)]
struct Head {
    path: QueryPath,
    received_at: SystemTime,
    answered: SystemTime,
    generation: u64,
    topology_id: u64,
    /// The decision of the first service; nearly always the only one.
    decided: Option<Decided>,
    /// How many decisions follow it.
    further: u8,
    /// Octets of the query.
    query: usize,
    /// Octets of the response.
    response: usize,
    /// Number of endpoints in the answer.
    chosen: usize,
    wanted: WantedBy,
}

/// A tap for a worker, and its reader. The ring between them exists while needed: always if dnstap is on, otherwise
/// from when a client starts to follow until [`TapReader::close`].
pub fn pair(switch: Arc<Switch>, seed: u64) -> (Tap, TapReader) {
    let (ring, counts) = (Arc::<Ring>::default(), Arc::<Counts>::default());
    if switch.dnstap.is_some() {
        ring.open();
    } else {
        let ring = Arc::downgrade(&ring);
        switch.tail.before_watching(move || ring.upgrade().iter().for_each(|ring| ring.open()));
    }
    (Tap::new(switch, Arc::clone(&ring), seed, Arc::clone(&counts)), TapReader::new(ring, counts))
}

/// Taps without readers for `workers` workers.
pub fn none(workers: usize) -> Vec<Tap> {
    (0..workers).map(|_| pair(Arc::default(), 0).0).collect()
}

impl QueryPath {
    /// The same path with the local address of the datagram, if that is known.
    #[must_use]
    pub fn to(self, address: Option<IpAddr>) -> Self {
        let local = address.map_or(self.local, |address| SocketAddr::new(address, self.local.port()));
        Self { local, ..self }
    }

    /// The path of a query.
    pub fn new(transport: Transport, resolver: SocketAddr, local: SocketAddr) -> Self {
        Self { transport, resolver, local }
    }
}
