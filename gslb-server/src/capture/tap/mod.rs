//! What workers show of their answers to who watches: a ring for each worker, and one thread that reads them all.
//!
//! A worker shows an answer by copying it into its ring, and never waits: where the ring is full the answer is counted as
//! lost and sent all the same. The thread on the other side names, encodes and hands on. While nobody watches, there is no
//! ring, and a worker does nothing but ask once per batch whether somebody does.

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

pub use reader::{Record, Shown};
pub use worker::{Query, Tap, Wanted, Watched, Way};

/// Octets of queries and responses that a worker's ring holds: 16,000 ordinary answers, so that a worker that answers
/// half a million a second can go on for 30 ms while the thread that reads has no processor.
pub const RING_OCTETS: usize = 4 << 20;
/// Answers that it holds.
pub const RING_ANSWERS: usize = 16 << 10;
/// Endpoints named by answers that it holds.
pub const RING_ENDPOINTS: usize = 32 << 10;
/// Decisions after the first ones of the answers that it holds: as if each were of two services.
pub const RING_DECISIONS: usize = RING_ANSWERS;

/// Who may watch, as all workers know it.
#[derive(Debug, Clone, Default)]
pub struct Switch {
    /// Of answers for dnstap, those whose roll of the dice is no greater; none where nobody wants them.
    pub dnstap: Option<u64>,
    /// Who watches by the API.
    pub tail: Tail,
}

impl Switch {
    /// For a share of all answers to dnstap, from 0 to 1, and those who watch.
    pub fn new(share: Option<f64>, tail: Tail) -> Self {
        // 1 is all of them, though no number with a fraction is as great as the greatest roll.
        let most = |share: f64| if share >= 1.0 { u64::MAX } else { (share * 2f64.powi(64)) as u64 };
        Self { dnstap: share.map(most), tail }
    }
}

/// What one worker counts of what it shows; it alone writes.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Counts {
    /// Answers that were for dnstap, and found no room in the ring.
    pub lost_to_dnstap: Count,
    /// The same of those who watch by the API.
    pub lost_to_tail: Count,
}

/// An answer as it stands in a ring, but for its octets, endpoints and decisions after the first, which are beside it.
#[derive(Debug, Clone, Copy)]
struct Head {
    way: Way,
    asked: SystemTime,
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
    /// Endpoints that are named.
    chosen: usize,
    wanted: Wanted,
}

/// A tap for a worker, and what reads from it. The ring between them is there while somebody watches: at once where
/// answers go to dnstap, and otherwise from when somebody begins to watch until [`Shown::close`].
pub fn pair(switch: Arc<Switch>, seed: u64) -> (Tap, Shown) {
    let (ring, counts) = (Arc::<Ring>::default(), Arc::<Counts>::default());
    if switch.dnstap.is_some() {
        ring.open();
    } else {
        let ring = Arc::downgrade(&ring);
        switch.tail.before_watching(move || ring.upgrade().iter().for_each(|ring| ring.open()));
    }
    (Tap::new(switch, Arc::clone(&ring), seed, Arc::clone(&counts)), Shown::new(ring, counts))
}

/// Taps for so many workers that nobody reads from, since nobody watches.
pub fn none(workers: usize) -> Vec<Tap> {
    (0..workers).map(|_| pair(Arc::default(), 0).0).collect()
}

impl Way {
    /// The same way, by which the datagram came to `address`, where that is known.
    #[must_use]
    pub fn to(self, address: Option<IpAddr>) -> Self {
        let local = address.map_or(self.local, |address| SocketAddr::new(address, self.local.port()));
        Self { local, ..self }
    }

    /// A way over UDP or TCP.
    pub fn new(transport: Transport, resolver: SocketAddr, local: SocketAddr) -> Self {
        Self { transport, resolver, local }
    }
}
