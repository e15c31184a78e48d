//! The answering path: a datagram in, a response out, and nothing in between that waits, allocates or panics.

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
mod noted;
mod place;
mod reading;
mod sample;
mod steered;
pub mod tally;

pub use noted::{Chosen, MAX_CHOSEN, MAX_DECISIONS, Noted};
pub use reading::MAX_BATCH;
pub use sample::SteeredAnswer;
pub use tally::Tally;

/// Octets of a datagram that every client takes (RFC 1035 §4.2.1, RFC 6891 §6.2.3).
const SMALLEST_PAYLOAD: u16 = 512;

/// How a query came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// In a datagram.
    Udp,
    /// On a connection.
    Tcp,
}

/// What to do with a message that was looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply {
    /// Send so many octets from the start of the buffer.
    Send(usize),
    /// Say nothing.
    Drop,
}

/// What a server says of itself and is willing to send; the same for all workers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Octets of the largest datagram that is sent, and that we ask others to send (RFC 6891 §6.2.5).
    pub udp_payload: u16,
    /// Identifier for clients that ask for it (RFC 5001), at most 128 octets.
    pub nsid: Option<Vec<u8>>,
    /// Text of `version.bind` in class CH, at most 255 octets; none refuses the question.
    pub version: Option<Vec<u8>>,
    /// Text of `id.server` and `hostname.bind` in class CH (RFC 4892), at most 255 octets; none refuses the question.
    pub hostname: Option<Vec<u8>>,
    /// How long a connection may idle, for the keepalive option (RFC 7828).
    pub tcp_idle: Duration,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { udp_payload: 1232, nsid: None, version: None, hostname: None, tcp_idle: Duration::from_secs(10) }
    }
}

/// One thread's share of the answering: its dice, its counters, its scratch space.
#[derive(Debug)]
pub struct Worker {
    settings: Arc<Settings>,
    dice: Dice,
    readings: Box<[Reading]>,
    chain: Chain,
    sampling: Sampling,
    /// Which row of a table's counts is its own.
    row: usize,
    /// What it has done so far. It alone adds to it; others may read it.
    pub tally: Arc<Tally>,
}

/// Who asked, and how.
#[derive(Debug, Clone, Copy)]
struct Sender {
    resolver: SocketAddr,
    transport: Transport,
}

impl Worker {
    /// A worker whose draws follow from `seed`.
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

    /// The same worker, which is number `row` of those that [count](Published::counting) what they answer. Only one at a
    /// time may have a number.
    pub fn with_counters(self, row: usize) -> Worker {
        Worker { row, ..self }
    }

    /// The same worker, which counts in a tally that others know already. Only one at a time may have it.
    pub fn with_tally(self, tally: Arc<Tally>) -> Worker {
        Worker { tally, ..self }
    }

    /// Whether there is anything to take for a sample.
    #[inline]
    pub fn has_sample(&self) -> bool {
        self.sampling.seen > 0
    }

    /// One of the steered answers since this was called last, each as likely as any other, and how many there were.
    /// Only a worker in a row has any.
    #[inline]
    pub fn take_sample(&mut self) -> Option<(SteeredAnswer, u64)> {
        self.sampling.take()
    }

    /// Answers the message in the first `len` octets of `buffer`, and writes the response over it. The buffer must have
    /// room for 512 octets; what is in it beyond the message does not matter.
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

    /// The same, with notes of every step.
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

    /// Reads the message in the first `len` octets of `buffer`, to be answered later as number `at` of a batch of at
    /// most [`MAX_BATCH`].
    #[inline(always)]
    pub fn read(&mut self, at: usize, buffer: &[u8], len: usize) {
        if let Some(reading) = self.readings.get_mut(at) {
            reading.read(buffer, len);
        }
    }

    /// Has at hand what answers to the first `count` messages of a batch will need. It changes no answer.
    #[inline]
    pub fn fetch(&mut self, table: &RoutingTable, count: usize) {
        reading::fetch(self.readings.get_mut(..count).unwrap_or_default(), table);
    }

    /// Answers message `at` of a batch, which was read from `buffer`, and writes the response over it.
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

    /// The same, with notes.
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

/// What of a worker an answer uses besides what was read.
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
            // Room for it was kept.
            let _ = message.put_opt(opt, scope);
        }
        tally.asked(query, located);
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
            // What a malformed or unknown OPT record asks for is not done, but that we speak EDNS is said.
            let opt = OptReply { subnet: None, nsid: None, ..opt_reply(edns, sender.transport, settings) };
            let _ = message.put_opt(&opt, 0);
        }
        let octets = message.finish(query.head, u16::from(query.question > 0));
        tally.responded(rcode, Outcome::Error, false, octets);
        Reply::Send(octets)
    }
}

/// Octets that the response may have.
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
