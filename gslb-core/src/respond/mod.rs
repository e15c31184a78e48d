//! The answer path: datagram in, response out. It never waits, allocates or panics.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used, clippy::panic))]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use chain::Chain;
use reading::Reading;
use sample::Sampling;
use tally::{Outcome, SubnetUse};

use crate::dns::wire::message::{Message, OptReply};
use crate::dns::wire::number::{Rcode, class};
use crate::dns::wire::query::Fault;
use crate::steer::draw::Dice;
use crate::steer::trace::{NoTrace, Trace};
#[cfg(doc)]
use crate::table::Published;
use crate::table::RoutingTable;
use crate::table::counts::Row;

mod answer;
mod chain;
mod chaos;
mod name_offset;
mod noted;
mod reading;
mod sample;
mod steered;
pub mod tally;

pub use noted::{Chosen, MAX_CHOSEN, MAX_DECISIONS, Noted};
pub use reading::MAX_BATCH;
pub use sample::SteeredAnswer;
pub use tally::Tally;

/// Datagram size in octets that every client accepts (RFC 1035 §4.2.1, RFC 6891 §6.2.3).
const SMALLEST_PAYLOAD: u16 = 512;

/// The transport of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// UDP datagram.
    Udp,
    /// TCP connection.
    Tcp,
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

/// Per-thread answering state: random generator, counters, scratch space.
#[derive(Debug)]
pub struct Worker {
    settings: Arc<Settings>,
    dice: Dice,
    readings: Box<[Reading]>,
    chain: Chain,
    sampling: Sampling,
    /// Index of this worker's row in the table's counters.
    row: usize,
    /// This worker's counters; only this worker writes them.
    pub tally: Arc<Tally>,
}

/// The sender of a query, and its transport.
#[derive(Debug, Clone, Copy)]
struct Sender {
    resolver: SocketAddr,
    transport: Transport,
}

impl Worker {
    /// Creates a worker whose random draws are seeded with `seed`.
    pub fn new(settings: Arc<Settings>, seed: u64) -> Worker {
        Worker {
            settings,
            dice: Dice::new(seed),
            readings: vec![Reading::default(); MAX_BATCH].into(),
            chain: Chain::default(),
            sampling: Sampling::new(!seed),
            row: usize::MAX,
            tally: Arc::default(),
        }
    }

    /// Counts answers in row `row` of the table's [counters](Published::counting). Each row belongs to one worker at a
    /// time.
    pub fn with_counters(self, row: usize) -> Worker {
        Worker { row, ..self }
    }

    /// Counts in `tally`, which others can read. Each tally belongs to one worker at a time.
    pub fn with_tally(self, tally: Arc<Tally>) -> Worker {
        Worker { tally, ..self }
    }

    /// Whether a steered answer is available for sampling.
    #[inline]
    pub fn has_sample(&self) -> bool {
        self.sampling.seen > 0
    }

    /// A uniformly random steered answer since the last call, and how many there were. `None` unless the worker has
    /// counters.
    #[inline]
    pub fn take_sample(&mut self) -> Option<(SteeredAnswer, u64)> {
        self.sampling.take()
    }

    /// Answers the message in the first `len` octets of `buffer`, and overwrites it with the response. The buffer must
    /// hold at least 512 octets; its content beyond the message does not matter.
    #[inline]
    pub fn respond(
        &mut self,
        table: &RoutingTable,
        source: SocketAddr,
        transport: Transport,
        buffer: &mut [u8],
        len: usize,
    ) -> Reply {
        self.respond_traced(table, source, transport, buffer, len, &mut NoTrace)
    }

    /// Like [`respond`](Self::respond), and records every step in a trace.
    #[inline(always)]
    pub fn respond_traced(
        &mut self,
        table: &RoutingTable,
        resolver: SocketAddr,
        transport: Transport,
        buffer: &mut [u8],
        len: usize,
        trace: &mut impl Trace,
    ) -> Reply {
        self.read(0, buffer, len);
        self.answer_traced(0, table, resolver, transport, buffer, trace)
    }

    /// Parses the message in the first `len` octets of `buffer` as message `at` of a batch of at most [`MAX_BATCH`].
    #[inline(always)]
    pub fn read(&mut self, at: usize, buffer: &[u8], len: usize) {
        if let Some(reading) = self.readings.get_mut(at) {
            reading.read(buffer, len);
        }
    }

    /// Prefetches what answering the first `count` messages of a batch will need. It never changes an answer.
    #[inline]
    pub fn fetch(&mut self, table: &RoutingTable, count: usize) {
        reading::fetch(self.readings.get_mut(..count).unwrap_or_default(), table);
    }

    /// Answers message `at` of a batch, which was read from `buffer`, and overwrites it with the response.
    #[inline]
    pub fn answer(
        &mut self,
        at: usize,
        table: &RoutingTable,
        source: SocketAddr,
        transport: Transport,
        buffer: &mut [u8],
    ) -> Reply {
        self.answer_traced(at, table, source, transport, buffer, &mut NoTrace)
    }

    /// Like [`answer`](Self::answer), with a trace.
    #[inline(always)]
    pub fn answer_traced(
        &mut self,
        at: usize,
        table: &RoutingTable,
        resolver: SocketAddr,
        transport: Transport,
        buffer: &mut [u8],
        trace: &mut impl Trace,
    ) -> Reply {
        let sender = Sender { resolver, transport };
        let Worker { settings, dice, readings, chain, sampling, row, tally } = self;
        let Some(reading) = readings.get_mut(at) else { return Reply::Drop };
        let answering = AnswerContext { settings, dice, chain, sampling, row: table.row(*row), tally };
        match reading.fault {
            None => answering.answer(reading, table, sender, buffer, trace),
            Some(fault) => answering.refuse(reading, sender, fault, buffer),
        }
    }
}

/// The parts of a worker that an answer uses, besides the parsed message.
struct AnswerContext<'a> {
    settings: &'a Settings,
    dice: &'a mut Dice,
    chain: &'a mut Chain,
    sampling: &'a mut Sampling,
    row: Option<&'a Row>,
    tally: &'a Tally,
}

impl AnswerContext<'_> {
    #[inline(always)]
    fn answer(
        self,
        reading: &mut Reading,
        table: &RoutingTable,
        sender: Sender,
        buffer: &mut [u8],
        trace: &mut impl Trace,
    ) -> Reply {
        let AnswerContext { settings, dice, chain, sampling, row, tally } = self;
        let Reading { query, key, octets, .. } = reading;
        let query = &*query;
        tally.received(sender, *octets, Some(query.qtype));
        let limit = limit(sender.transport, query.edns.as_ref().map(|edns| edns.payload), settings);
        let opt = query.edns.as_ref().map(|edns| opt_reply(edns, sender.transport, settings));
        let opt_len = opt.as_ref().map_or(0, OptReply::wire_len);
        let mut message = Message::new(buffer, limit, query.question);
        message.reserve(opt_len);
        let mut outcome = Outcome::Static;
        let mut located = false;
        let scope = match query.qclass {
            class::IN => {
                let message = &mut message;
                let mut answering = answer::Answering {
                    key,
                    chain,
                    dice,
                    sampling,
                    row,
                    table,
                    sender,
                    query,
                    message,
                    scope: 0,
                    located: false,
                    outcome,
                    trace,
                };
                answering.run();
                (outcome, located) = (answering.outcome, answering.located);
                answering.scope
            }
            class::CH => {
                chaos::answer(settings, query, key, &mut message);
                0
            }
            _ => {
                message.rcode = Rcode::Refused;
                0
            }
        };
        message.release(opt_len);
        if let Some(opt) = &opt {
            // Space for it is reserved.
            let _ = message.put_opt(opt, scope);
        }
        tally.count_subnet(query, located);
        let (rcode, truncated) = (message.rcode, message.truncated);
        let octets = message.finish(query.head, 1);
        tally.responded(rcode, outcome, truncated, octets);
        Reply::Send(octets)
    }

    #[cold]
    fn refuse(self, reading: &Reading, sender: Sender, fault: Fault, buffer: &mut [u8]) -> Reply {
        let (AnswerContext { settings, tally, .. }, query) = (self, &reading.query);
        let rcode = match fault {
            Fault::Short => {
                tally.short.add(1);
                return Reply::Drop;
            }
            Fault::Response => {
                tally.stray.add(1);
                return Reply::Drop;
            }
            Fault::Refuse(rcode) => rcode,
        };
        tally.received(sender, reading.octets, None);
        if let Some(family) = query.edns.as_ref().and_then(|edns| edns.malformed_subnet) {
            tally.subnet(family, SubnetUse::Malformed);
        }
        let mut message = Message::new(buffer, usize::from(SMALLEST_PAYLOAD), query.question);
        message.rcode = rcode;
        if let Some(edns) = &query.edns {
            // A malformed or unknown OPT record is ignored, except that the response says we speak EDNS.
            let opt = OptReply { subnet: None, nsid: None, ..opt_reply(edns, sender.transport, settings) };
            let _ = message.put_opt(&opt, 0);
        }
        let octets = message.finish(query.head, u16::from(query.question > 0));
        tally.responded(rcode, Outcome::Error, false, octets);
        Reply::Send(octets)
    }
}

/// Maximum size of the response in octets.
#[inline]
fn limit(transport: Transport, payload: Option<u16>, settings: &Settings) -> usize {
    match (transport, payload) {
        (Transport::Tcp, _) => usize::from(u16::MAX),
        (Transport::Udp, None) => usize::from(SMALLEST_PAYLOAD),
        (Transport::Udp, Some(payload)) => usize::from(payload.min(settings.udp_payload).max(SMALLEST_PAYLOAD)),
    }
}

#[inline]
fn opt_reply<'a>(edns: &crate::dns::wire::edns::Edns, transport: Transport, settings: &'a Settings) -> OptReply<'a> {
    // RFC 7828 §3.2.2: over UDP the option is ignored.
    let keepalive = match transport {
        Transport::Udp => None,
        Transport::Tcp => Some(u16::try_from(settings.tcp_idle.as_millis() / 100).unwrap_or(u16::MAX)),
    };
    OptReply::to(edns, settings.udp_payload, settings.nsid.as_deref(), keepalive)
}
