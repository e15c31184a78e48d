//! The workers that answer TCP queries, shared by all connections because answering takes a microsecond.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use gslb_core::respond::{Reply, Settings, Tally, Transport, Worker};
use gslb_core::steer::trace::NoTrace;
use gslb_core::table::Published;

use super::counts::SharedCounts;
use crate::capture::sample::{self, Reservoir};
use crate::capture::tap::{Query, Tap, Way};
use crate::dns::udp::seed;

/// Longest message that fits behind a length of two octets.
const LONGEST: usize = u16::MAX as usize;

/// As many workers as there are threads to use them.
pub(super) struct Responders {
    published: Arc<Published>,
    desks: Box<[Mutex<Desk>]>,
    shown: Box<[Shown]>,
}

/// What others see of a worker while it is at work.
struct Shown {
    tally: Arc<Tally>,
    sample: Arc<Mutex<Reservoir>>,
}

/// A worker, and the room in which it answers.
struct Desk {
    worker: Worker,
    sample: Arc<Mutex<Reservoir>>,
    out: Box<[u8]>,
    tap: Tap,
}

/// The two ends of a connection.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    /// Of the client.
    pub(super) peer: SocketAddr,
    /// Of ours.
    pub(super) local: SocketAddr,
}

impl Responders {
    /// As many as `taps`, by which they show their answers.
    pub(super) fn new(published: Arc<Published>, settings: &Arc<Settings>, row: usize, taps: Vec<Tap>) -> Self {
        let (threads, free_space) = (taps.len(), sample::worker_capacity(taps.len()));
        let sample = || Arc::new(Mutex::new(Reservoir::new(free_space, seed())));
        let shown: Box<[Shown]> = (0..threads).map(|_| Shown { tally: Arc::default(), sample: sample() }).collect();
        let desk = |((shown, tap), row): ((&Shown, Tap), usize)| {
            let worker = Worker::new(settings.clone(), seed()).with_counters(row).with_tally(shown.tally.clone());
            Mutex::new(Desk { worker, sample: shown.sample.clone(), out: vec![0; LONGEST].into(), tap })
        };
        let desks = shown.iter().zip(taps).zip(row..).map(desk).collect();
        Self { published, desks, shown }
    }

    /// Appends the answer to `query`, with its length before it, to `output`. Returns whether there is one.
    pub(super) fn answer(&self, ends: Ends, query: &[u8], output: &mut Vec<u8>, counts: &SharedCounts) -> bool {
        let mut desk = self.free_desk();
        let Desk { worker, sample, out, tap } = &mut *desk;
        let table = self.published.load();
        // No message is longer than its length of two octets can say, so it fits.
        out[..query.len()].copy_from_slice(query);
        let (peer, octets) = (ends.peer, query.len());
        let watched = tap.watched();
        let reply = catch_unwind(AssertUnwindSafe(|| match tap.wanted(watched) {
            None => worker.respond(&table, peer, Transport::Tcp, out, octets, &mut NoTrace),
            Some(wanted) => {
                let way = Way::new(Transport::Tcp, peer, ends.local);
                let query = Query { way, asked: SystemTime::now(), octets, table: &table };
                tap.show(wanted, query, out, |out, noted| {
                    worker.respond(&table, peer, Transport::Tcp, out, octets, noted)
                })
            }
        }));
        // While it is being taken, the answers stay for the next time.
        if worker.has_sample()
            && let Ok(mut reservoir) = sample.try_lock()
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

    /// There are as many as threads, and no task holds one across an await, so one is free.
    fn free_desk(&self) -> MutexGuard<'_, Desk> {
        let free = self.desks.iter().find_map(|desk| desk.try_lock().ok());
        free.unwrap_or_else(|| self.desks[0].lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The sum of all tallies.
    pub(super) fn tally(&self) -> Tally {
        let sum = Tally::default();
        self.shown.iter().for_each(|shown| sum.add(&shown.tally));
        sum
    }

    /// The sample of each worker.
    pub(super) fn samples(&self) -> impl Iterator<Item = &Mutex<Reservoir>> {
        self.shown.iter().map(|shown| &*shown.sample)
    }
}
