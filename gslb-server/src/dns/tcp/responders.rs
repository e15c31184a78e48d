//! The workers that answer queries of connections, shared by all connections because answering takes a microsecond.

use std::net::{IpAddr, SocketAddr};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use gslb_core::limit::{Limiter, Limits};
use gslb_core::respond::{Reply, Settings, Tally, Transport, Worker};
use gslb_core::steer::trace::NoTrace;
use gslb_core::table::Published;
use parking_lot::{Mutex, MutexGuard};

use super::counts::SharedCounts;
use crate::capture::sample::{self, Reservoir};
use crate::capture::tap::{Query, QueryPath, Tap};
use crate::dns::batch_clock::BatchClock;
use crate::dns::cookies::WorkerCookies;
use crate::dns::protection::Protection;
use crate::dns::udp::seed;

/// Longest message that fits behind a length of two octets.
const LONGEST: usize = u16::MAX as usize;

/// As many workers as there are threads to use them.
pub(super) struct Responders {
    published: Arc<Published>,
    responders: Box<[Mutex<Responder>]>,
    stats: Box<[WorkerStats]>,
    /// Whether responders limit the clients that reached a proxy by datagrams.
    limited: bool,
}

/// The parts of a worker that others read.
struct WorkerStats {
    tally: Arc<Tally>,
    sample: Arc<Mutex<Reservoir>>,
}

/// A worker and its buffers.
struct Responder {
    worker: Worker,
    clock: BatchClock,
    cookies: Option<WorkerCookies>,
    sample: Arc<Mutex<Reservoir>>,
    out: Box<[u8]>,
    tap: Tap,
}

/// The two ends of a connection, and how it carries messages.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    /// The client's.
    pub(super) peer: SocketAddr,
    /// The server's.
    pub(super) local: SocketAddr,
    /// TCP or TLS; UDP if the client reached a proxy by datagrams.
    pub(super) transport: Transport,
}

impl Responders {
    /// One responder per tap of `taps`, which captures its answers. `limits` are those of clients that reach a proxy by
    /// datagrams; others over connections have none.
    pub(super) fn new(
        published: Arc<Published>,
        settings: &Arc<Settings>,
        protection: &Protection,
        limits: Option<&Limits>,
        row: usize,
        taps: Vec<Tap>,
    ) -> Self {
        let (threads, free_space) = (taps.len(), sample::worker_capacity(taps.len()));
        let sample = || Arc::new(Mutex::new(Reservoir::new(free_space, seed())));
        let stats: Box<[WorkerStats]> =
            (0..threads).map(|_| WorkerStats { tally: Arc::default(), sample: sample() }).collect();
        let responder = |((stats, tap), row): ((&WorkerStats, Tap), usize)| {
            let mut worker = Worker::new(settings.clone(), seed()).with_counters(row).with_tally(stats.tally.clone());
            // Each has the whole limit, because all queries of a network go to the same one.
            worker.set_limiter(limits.map(|limits| Limiter::new(limits.clone(), 1, seed())));
            let cookies = protection.cookies.clone().map(WorkerCookies::new);
            let (sample, out) = (stats.sample.clone(), vec![0; LONGEST].into());
            Mutex::new(Responder { worker, clock: BatchClock::start(), cookies, sample, out, tap })
        };
        let responders = stats.iter().zip(taps).zip(row..).map(responder).collect();
        Self { published, responders, stats, limited: limits.is_some() }
    }

    /// Appends the answer to `query`, with its length before it, to `output`. Returns whether there is one.
    pub(super) fn answer(&self, ends: Ends, query: &[u8], output: &mut Vec<u8>, counts: &SharedCounts) -> bool {
        let mut responder = match ends.transport {
            Transport::Udp if self.limited => self.network_responder(ends.peer.ip()),
            Transport::Udp | Transport::Tcp | Transport::Tls => self.free_responder(),
        };
        let Responder { worker, clock, cookies, sample, out, tap } = &mut *responder;
        let now = clock.at(Instant::now());
        worker.set_time(now);
        if let Some(cookies) = cookies {
            cookies.refresh(worker, now.unix);
        }
        let table = self.published.load();
        // No message is longer than its length of two octets can say, so it fits.
        out[..query.len()].copy_from_slice(query);
        let (Ends { peer, local, transport }, octets) = (ends, query.len());
        let active_readers = tap.active_readers();
        let reply = catch_unwind(AssertUnwindSafe(|| match tap.wanted(active_readers) {
            None => worker.respond(&table, peer, transport, out, octets, &mut NoTrace),
            Some(wanted) => {
                let path = QueryPath::new(transport, peer, local);
                let query = Query { path, received_at: SystemTime::now(), octets, table: &table };
                tap.show(wanted, query, out, |out, noted| worker.respond(&table, peer, transport, out, octets, noted))
            }
        }));
        // While it is locked, the answers stay for the next time.
        if worker.has_sample()
            && let Some(mut reservoir) = sample.try_lock()
            && let Some((answer, weight)) = worker.take_sample()
        {
            reservoir.add(answer, weight);
        }
        match reply {
            Ok(Reply::Send(length)) => {
                let message = &out[..length.min(LONGEST)];
                output.extend_from_slice(&(message.len() as u16).to_be_bytes());
                output.extend_from_slice(message);
                true
            }
            Ok(Reply::Drop) => false,
            Err(_) => {
                counts.panics.count();
                false
            }
        }
    }

    /// There are as many as threads, and no task keeps one across an await, so one is free.
    fn free_responder(&self) -> MutexGuard<'_, Responder> {
        let free = self.responders.iter().find_map(Mutex::try_lock);
        free.unwrap_or_else(|| self.responders[0].lock())
    }

    /// The responder that has the buckets of the client's network. It may have to finish another answer first.
    fn network_responder(&self, client: IpAddr) -> MutexGuard<'_, Responder> {
        let network = match client.to_canonical() {
            IpAddr::V4(address) => u64::from(address.to_bits() >> 8),
            IpAddr::V6(address) => (address.to_bits() >> 72) as u64,
        };
        self.responders[(network % self.responders.len() as u64) as usize].lock()
    }

    /// The sum of all tallies.
    pub(super) fn tally(&self) -> Tally {
        let sum = Tally::default();
        self.stats.iter().for_each(|stats| sum.add(&stats.tally));
        sum
    }

    /// The sample of each worker.
    pub(super) fn samples(&self) -> impl Iterator<Item = &Mutex<Reservoir>> {
        self.stats.iter().map(|stats| &*stats.sample)
    }
}
