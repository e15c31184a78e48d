//! The answer path: datagram in, response out. It never waits, allocates or panics.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

use std::hint::black_box;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use chain::Chain;
use cookies::Examined;
use reading::Reading;
use sample::Sampling;

use crate::limit::Limiter;
use crate::steer::draw::Dice;
use crate::steer::trace::Trace;
#[cfg(doc)]
use crate::table::Published;
use crate::table::RoutingTable;

mod answer;
mod chain;
mod chaos;
pub mod cookies;
mod limited;
mod name_offset;
mod noted;
mod reading;
mod reply;
mod sample;
mod steered;
pub mod tally;

pub use cookies::Secrets;
pub use noted::{Chosen, MAX_CHOSEN, MAX_DECISIONS, Noted};
pub use reading::MAX_BATCH;
pub use sample::SteeredAnswer;
pub use tally::Tally;

/// The transport of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// UDP datagram.
    Udp,
    /// TCP connection.
    Tcp,
    /// TLS connection (RFC 7858).
    Tls,
}

/// What to do after a message was processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Send this many octets from the start of the buffer.
    Send(usize),
    /// Drop the message.
    Drop,
}

/// Server identity and limits; the same for all workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Maximum datagram size in octets, both sent and advertised (RFC 6891 §6.2.5).
    pub udp_payload: u16,
    /// Server identifier for NSID (RFC 5001), at most 128 octets.
    pub nsid: Option<Vec<u8>>,
    /// Answer to `version.bind` in class CH, at most 255 octets; if `None`, the query is refused.
    pub version: Option<Vec<u8>>,
    /// Answer to `id.server` and `hostname.bind` in class CH (RFC 4892), at most 255 octets; if `None`, the query is
    /// refused.
    pub hostname: Option<Vec<u8>>,
    /// Idle timeout of a connection, for the keepalive option (RFC 7828).
    pub tcp_idle: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { udp_payload: 1232, nsid: None, version: None, hostname: None, tcp_idle: Duration::from_secs(10) }
    }
}

/// A thread's parsed messages, and the state that it needs to answer them.
#[derive(Debug)]
pub struct Worker {
    settings: Arc<Settings>,
    readings: Box<[Reading]>,
    state: State,
}

/// The state of a worker between answers.
#[derive(Debug)]
struct State {
    dice: Dice,
    chain: Chain,
    sampling: Sampling,
    /// Index of this worker's row in the table's counters.
    row: usize,
    /// This worker's counters; only this worker writes them.
    tally: Arc<Tally>,
    /// The secrets of server cookies; `None` if COOKIE options are ignored.
    secrets: Option<Secrets>,
    /// The limits of responses over UDP; `None` if there are none.
    limiter: Option<Limiter>,
    /// The time of the current batch.
    now: Now,
}

/// The time of a batch. There is no clock here.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Now {
    /// Seconds since the epoch, modulo 2^32.
    pub unix: u32,
    /// Nanoseconds since any fixed time, by a clock that never goes back.
    pub elapsed: u64,
}

/// The sender of a query, and its transport.
#[derive(Debug, Clone, Copy)]
struct Sender<'a> {
    resolver: &'a SocketAddr,
    transport: Transport,
}

impl Worker {
    /// Creates a worker whose random draws are seeded with `seed`.
    pub fn new(settings: Arc<Settings>, seed: u64) -> Worker {
        let state = State {
            dice: Dice::new(seed),
            chain: Chain::default(),
            sampling: Sampling::new(!seed),
            row: usize::MAX,
            tally: Arc::default(),
            secrets: None,
            limiter: None,
            now: Now::default(),
        };
        Worker { settings, readings: vec![Reading::default(); MAX_BATCH].into(), state }
    }

    /// Counts answers in row `row` of the table's [counters](Published::counting). Each row belongs to one worker at a
    /// time.
    pub fn with_counters(mut self, row: usize) -> Worker {
        self.state.row = row;
        self
    }

    /// Counts in `tally`, which others can read. Each tally belongs to one worker at a time.
    pub fn with_tally(mut self, tally: Arc<Tally>) -> Worker {
        self.state.tally = tally;
        self
    }

    /// Makes and verifies server cookies with `secrets`; without any, COOKIE options are ignored.
    pub fn set_secrets(&mut self, secrets: Option<Secrets>) {
        self.state.secrets = secrets;
    }

    /// Limits responses over UDP.
    pub fn set_limiter(&mut self, limiter: Option<Limiter>) {
        self.state.limiter = limiter;
    }

    /// Whether responses are limited.
    #[inline]
    pub fn has_limiter(&self) -> bool {
        self.state.limiter.is_some()
    }

    /// Prefetches what limiting a response to `source` will need. It never changes an answer.
    #[inline]
    pub fn prefetch_source(&self, source: IpAddr) {
        if let Some(limiter) = &self.state.limiter {
            black_box(limiter.prefetch(source));
        }
    }

    /// Sets the time of the messages that are answered from now on. Call it once for each batch.
    #[inline]
    pub fn set_time(&mut self, now: Now) {
        self.state.now = now;
    }

    /// This worker's counters.
    pub fn tally(&self) -> &Tally {
        &self.state.tally
    }

    /// Whether a steered answer is available for sampling.
    #[inline]
    pub fn has_sample(&self) -> bool {
        self.state.sampling.seen > 0
    }

    /// A uniformly random steered answer since the last call, and how many there were. `None` unless the worker has
    /// counters.
    #[inline]
    pub fn take_sample(&mut self) -> Option<(SteeredAnswer, u64)> {
        self.state.sampling.take()
    }

    /// Answers a single message: [`Worker::parse`], then [`Worker::answer`].
    #[inline(always)]
    pub fn respond(
        &mut self,
        table: &RoutingTable,
        resolver: SocketAddr,
        transport: Transport,
        buffer: &mut [u8],
        len: usize,
        trace: &mut impl Trace,
    ) -> Reply {
        self.parse(0, buffer, len);
        self.answer(0, table, resolver, transport, buffer, trace)
    }

    /// Parses the message in the first `len` octets of `buffer` as message `at` of a batch of at most [`MAX_BATCH`].
    #[inline(always)]
    pub fn parse(&mut self, at: usize, buffer: &[u8], len: usize) {
        if let Some(reading) = self.readings.get_mut(at) {
            reading.read(buffer, len);
        }
    }

    /// Prefetches what answering the first `count` messages of a batch will need. It never changes an answer.
    #[inline]
    pub fn prefetch(&mut self, table: &RoutingTable, count: usize) {
        reading::prefetch(self.readings.get_mut(..count).unwrap_or_default(), table);
    }

    /// Answers message `at` of a batch, which was parsed from `buffer`: overwrites it with the response, and records
    /// the steps in `trace`. The buffer must hold at least 512 octets; its content beyond the message does not matter.
    #[inline(always)]
    pub fn answer(
        &mut self,
        at: usize,
        table: &RoutingTable,
        resolver: SocketAddr,
        transport: Transport,
        buffer: &mut [u8],
        trace: &mut impl Trace,
    ) -> Reply {
        let sender = Sender { resolver: &resolver, transport };
        let Some(reading) = self.readings.get_mut(at) else { return Reply::Drop };
        match reading.fault {
            None => self.state.answer(&self.settings, reading, table, sender, buffer, trace),
            Some(fault) => self.state.refuse(&self.settings, reading, sender, fault, buffer),
        }
    }
}
