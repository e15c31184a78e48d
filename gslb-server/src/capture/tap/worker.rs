//! The worker's side of a tap: copies answers into the ring, or counts them as lost if it is full.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use gslb_core::respond::{Noted, Reply, Transport};
use gslb_core::steer::draw::Dice;
use gslb_core::table::RoutingTable;

use super::ends::LONGEST;
use super::ring::Ring;
use super::{Counts, Head, Switch};

/// Which readers are active now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ActiveReaders {
    dnstap: Option<u64>,
    tail: bool,
}

impl ActiveReaders {
    /// Whether there is any reader.
    #[inline]
    pub fn any(self) -> bool {
        self.dnstap.is_some() || self.tail
    }
}

/// Which readers want an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WantedBy {
    /// dnstap: the answer is in its share.
    pub dnstap: bool,
    /// Followers through the API.
    pub tail: bool,
}

/// The path of a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueryPath {
    /// How it arrived.
    pub transport: Transport,
    /// The sender.
    pub resolver: SocketAddr,
    /// The local address.
    pub local: SocketAddr,
}

/// The tap of one worker. It has a ring only while there are readers; other threads create and free it.
pub struct Tap {
    switch: Arc<Switch>,
    ring: Arc<Ring>,
    /// Selects the share for dnstap: a generator of its own, so that other random choices do not depend on readers.
    dice: Dice,
    noted: Noted,
    counts: Arc<Counts>,
}

impl Tap {
    pub(super) fn new(switch: Arc<Switch>, ring: Arc<Ring>, seed: u64, counts: Arc<Counts>) -> Self {
        Self { switch, ring, dice: Dice::new(seed), noted: Noted::default(), counts }
    }

    /// The active readers; read once per batch.
    #[inline]
    pub fn active_readers(&self) -> ActiveReaders {
        ActiveReaders { dnstap: self.switch.dnstap, tail: self.switch.tail.is_watched() }
    }

    /// Which readers in `active_readers` want the next answer, if any.
    #[inline]
    pub fn wanted(&mut self, active_readers: ActiveReaders) -> Option<WantedBy> {
        let dnstap = active_readers.dnstap.is_some_and(|most| most == u64::MAX || self.dice.roll() < most);
        (dnstap || active_readers.tail).then_some(WantedBy { dnstap, tail: active_readers.tail })
    }

    /// Answers the query in the first `octets` of `buffer` with `answer`, and copies query and response into the ring.
    #[inline(always)]
    pub fn show(
        &mut self,
        wanted: WantedBy,
        query: Query<'_>,
        buffer: &mut [u8],
        answer: impl FnOnce(&mut [u8], &mut Noted) -> Reply,
    ) -> Reply {
        let Self { ring, noted, counts, .. } = self;
        // Never blocks: the lock is contended only while the ring is created or freed.
        let mut writer = ring.writer();
        let octets = query.octets.min(LONGEST).min(buffer.len());
        if let Some(writer) = writer.as_deref_mut().and_then(Option::as_mut) {
            writer.query[..octets].copy_from_slice(&buffer[..octets]);
        }
        noted.clear();
        let reply = answer(buffer, noted);
        if let Reply::Send(response) = reply {
            let decisions = noted.decisions();
            let head = Head {
                path: query.path,
                received_at: query.received_at,
                answered: SystemTime::now(),
                generation: query.table.generation(),
                topology_id: query.table.counts().map_or(0, |counts| counts.topology_id()),
                decided: decisions.first().copied(),
                // No more than MAX_DECISIONS.
                further: decisions.len().saturating_sub(1) as u8,
                query: octets,
                response: response.min(buffer.len()),
                chosen: noted.chosen().len(),
                wanted,
            };
            let writer = writer.as_deref_mut().and_then(Option::as_mut);
            if !writer.is_some_and(|writer| writer.put(head, noted, &buffer[..head.response])) {
                lose(counts, wanted);
            }
        }
        reply
    }
}

#[cold]
fn lose(counts: &Counts, wanted: WantedBy) {
    counts.lost_to_dnstap.add(u64::from(wanted.dnstap));
    counts.lost_to_tail.add(u64::from(wanted.tail));
}

/// A query to answer and capture.
#[derive(Debug, Clone, Copy)]
pub struct Query<'t> {
    /// Its path.
    pub path: QueryPath,
    /// When it arrived.
    pub received_at: SystemTime,
    /// Its length.
    pub octets: usize,
    /// The table that answers it.
    pub table: &'t RoutingTable,
}
