//! UDP: a thread per worker and listen address, each with its own socket.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::mem;
use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::thread::{self, JoinHandle};

use gslb_core::limit::Limiter;
use gslb_core::respond::{Settings, Worker};
use gslb_core::table::Published;
use parking_lot::Mutex;

use crate::capture::sample::{self, Reservoir};
use crate::capture::tap::Tap;
use crate::dns::cookies::WorkerCookies;
use crate::dns::protection::Protection;
use crate::dns::proxy::Proxies;
use crate::dns::pulse::Pulse;

mod counts;
#[doc(hidden)] // public only for the load generator of the benches package
pub mod mmsg;
mod proxied;
mod retiring;
mod socket;
mod worker;

pub use counts::{UdpCounters, UdpCounts};
pub use retiring::Retiring;
pub(crate) use socket::check_only_v6;

/// Opens `workers` sockets that share `address`; port 0 chooses a free one.
///
/// # Errors
/// As `bind(2)`: the address is in use by another user or without sharing, is not this host's, or is not permitted.
pub fn bind(mut address: SocketAddr, workers: usize) -> io::Result<Vec<UdpSocket>> {
    let mut sockets = Vec::with_capacity(workers);
    for _ in 0..workers {
        let socket = socket::bind(address)?;
        address.set_port(socket.local_addr()?.port());
        sockets.push(socket);
    }
    Ok(sockets)
}

/// Makes a socket ready that another process has bound.
///
/// # Errors
/// If it cannot be used for answering.
pub fn adopt(socket: &UdpSocket) -> io::Result<()> {
    socket::adopt(socket)
}

/// A socket from [`bind`]; with proxies if it is for them only.
pub type Listener = (UdpSocket, Option<Arc<Proxies>>);

/// Running UDP workers. They end when it is dropped; [`Workers::stop`] also waits for that.
pub struct Workers {
    stop: Arc<Stop>,
    threads: Vec<JoinHandle<()>>,
    counters: UdpCounters,
    pulses: Arc<[Pulse]>,
}

impl Workers {
    /// Starts a worker on each of `sockets`; their counters are the first rows of published tables. Each has its own
    /// tap to capture answers; there must be one per socket.
    ///
    /// # Errors
    /// When the system starts no more threads; those already started are stopped.
    pub fn start(
        sockets: Vec<Listener>,
        published: &Arc<Published>,
        settings: &Arc<Settings>,
        protection: &Protection,
        taps: Vec<Tap>,
    ) -> io::Result<Self> {
        let capacity = sample::worker_capacity(sockets.len());
        let board = |_: &Listener| counts::Board {
            tally: Arc::default(),
            counting: counts::Counting::default(),
            sample: Mutex::new(Reservoir::new(capacity, seed())),
        };
        let counters = UdpCounters(sockets.iter().map(board).collect());
        let pulses = sockets.iter().map(|_| Pulse::default()).collect();
        let mut workers = Self { stop: Arc::default(), threads: Vec::with_capacity(sockets.len()), counters, pulses };
        let addresses: Vec<_> = sockets.iter().map(|(socket, _)| socket.local_addr().ok()).collect();
        for (number, ((socket, proxies), tap)) in sockets.into_iter().zip(taps).enumerate() {
            let (published, settings, stop) = (published.clone(), settings.clone(), workers.stop.clone());
            let cookies = protection.cookies.clone().map(WorkerCookies::new);
            let limits = protection.limits.clone();
            // A proxy may send from one port, and then a single worker gets the queries of all its clients.
            let peers = match proxies {
                Some(_) => 1,
                None => addresses.iter().filter(|address| **address == addresses[number]).count(),
            };
            let (boards, pulses) = (workers.counters.clone(), Arc::clone(&workers.pulses));
            let thread = thread::Builder::new().name(format!("udp-{number}")).spawn(move || {
                let (board, pulse) = (&boards.0[number], &pulses[number]);
                let mut worker = Worker::new(settings, seed()).with_counters(number).with_tally(board.tally.clone());
                // In the worker's own thread, so that its memory is near.
                worker.set_limiter(limits.map(|limits| Limiter::new(limits, peers, seed())));
                worker::UdpWorker::new(&socket, proxies, &published, board, worker, cookies, tap).run(&stop, pulse);
            });
            workers.threads.push(thread?);
        }
        Ok(workers)
    }

    /// The workers' counters, readable even after they have stopped.
    pub fn counters(&self) -> UdpCounters {
        self.counters.clone()
    }

    /// The pulse of each worker: it beats with each batch, and several times a second without one.
    pub fn pulses(&self) -> Arc<[Pulse]> {
        Arc::clone(&self.pulses)
    }

    /// Lets the workers answer received queries, and waits until they have.
    pub fn stop(self) {
        self.end(Stop::CLOSE);
    }

    /// Lets the workers answer the queries that they have taken from their sockets, and waits until they have. The rest
    /// is for another process that has the sockets too.
    pub fn leave(self) {
        self.end(Stop::LEAVE);
    }

    fn end(mut self, how: u8) {
        self.stop.set(how);
        for thread in mem::take(&mut self.threads) {
            // A worker that panicked has already logged it.
            let _ = thread.join();
        }
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        self.stop.set(Stop::CLOSE);
    }
}

/// Whether and how workers are to end.
#[derive(Default)]
struct Stop(AtomicU8);

impl Stop {
    /// Empty the sockets first.
    const CLOSE: u8 = 1;
    /// Leave the sockets as they are.
    const LEAVE: u8 = 2;

    /// Ends the workers; only the first call decides how.
    fn set(&self, how: u8) {
        let _ = self.0.compare_exchange(0, how, Ordering::Relaxed, Ordering::Relaxed);
    }

    fn get(&self) -> u8 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number that no one can guess, to start a worker's dice: the standard library keys its hashes from the system's
/// randomness.
pub(crate) fn seed() -> u64 {
    RandomState::new().build_hasher().finish()
}
