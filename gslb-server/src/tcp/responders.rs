//! The workers that answer TCP queries, shared by all connections because answering takes a microsecond.

use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gslb_core::respond::{Reply, Settings, Tally, Transport, Worker};
use gslb_core::table::Published;

use super::counts::SharedCounts;
use crate::udp::seed;

/// Longest message that fits behind a length of two octets.
const LONGEST: usize = u16::MAX as usize;

/// As many workers as there are threads to use them.
pub(super) struct Responders {
    published: Arc<Published>,
    desks: Box<[Mutex<Desk>]>,
}

/// A worker, and the room in which it answers.
struct Desk {
    worker: Worker,
    out: Box<[u8]>,
}

impl Responders {
    pub(super) fn new(threads: usize, published: Arc<Published>, settings: &Arc<Settings>) -> Self {
        let desk = || Desk { worker: Worker::new(settings.clone(), seed()), out: vec![0; LONGEST].into() };
        Self { published, desks: (0..threads.max(1)).map(|_| Mutex::new(desk())).collect() }
    }

    /// Appends the answer to `query`, with its length before it, to `output`. Returns whether there is one.
    pub(super) fn answer(&self, source: SocketAddr, query: &[u8], output: &mut Vec<u8>, counts: &SharedCounts) -> bool {
        let mut desk = self.free_desk();
        let Desk { worker, out } = &mut *desk;
        let table = self.published.load();
        // No message is longer than its length of two octets can say, so it fits.
        out[..query.len()].copy_from_slice(query);
        let reply = catch_unwind(AssertUnwindSafe(|| worker.respond(&table, source, Transport::Tcp, out, query.len())));
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

    /// One is free unless someone reads the tallies just now, since no task holds one across an await.
    fn free_desk(&self) -> MutexGuard<'_, Desk> {
        let free = self.desks.iter().find_map(|desk| desk.try_lock().ok());
        free.unwrap_or_else(|| self.desks[0].lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The sum of all tallies.
    pub(super) fn tally(&self) -> Tally {
        let mut sum = Tally::default();
        for desk in &self.desks {
            sum.add(&desk.lock().unwrap_or_else(PoisonError::into_inner).worker.tally);
        }
        sum
    }
}
