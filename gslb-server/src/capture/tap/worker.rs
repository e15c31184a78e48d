//! The worker's side of a tap: an answer is copied into the ring, or counted where there is no room.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::SystemTime;

use gslb_core::respond::{Noted, Reply, Transport};
use gslb_core::steer::draw::Dice;
use gslb_core::table::RoutingTable;

use super::ends::LONGEST;
use super::ring::Ring;
use super::{Counts, Head, Switch};

/// Who watches at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Watched {
    dnstap: Option<u64>,
    tail: bool,
}

impl Watched {
    /// Whether anybody does.
    #[inline]
    pub fn by_anybody(self) -> bool {
        self.dnstap.is_some() || self.tail
    }
}

/// By whom an answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// By dnstap: it is in the share that goes there.
    pub dnstap: bool,
    /// By those who watch through the API.
    pub tail: bool,
}

/// Which way a query came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Way {
    /// In a datagram or on a connection.
    pub transport: Transport,
    /// Who sent it.
    pub resolver: SocketAddr,
    /// Where it was sent to.
    pub local: SocketAddr,
}

/// What one worker shows its answers by. It has a ring only while somebody watches; others make and free it.
pub struct Tap {
    switch: Arc<Switch>,
    ring: Arc<Ring>,
    /// Which answers are in the share for dnstap: dice of its own, so that no draw depends on who watches.
    dice: Dice,
    noted: Noted,
    counts: Arc<Counts>,
}

impl Tap {
    pub(super) fn new(switch: Arc<Switch>, ring: Arc<Ring>, seed: u64, counts: Arc<Counts>) -> Self {
        Self { switch, ring, dice: Dice::new(seed), noted: Noted::default(), counts }
    }

    /// Who watches; asked once for a batch.
    #[inline]
    pub fn watched(&self) -> Watched {
        Watched { dnstap: self.switch.dnstap, tail: self.switch.tail.is_watched() }
    }

    /// Whether the next answer is to be shown, while `watched`.
    #[inline]
    pub fn wanted(&mut self, watched: Watched) -> Option<Wanted> {
        let dnstap = watched.dnstap.is_some_and(|most| most == u64::MAX || self.dice.roll() < most);
        (dnstap || watched.tail).then_some(Wanted { dnstap, tail: watched.tail })
    }

    /// Has the query in the first `octets` of `buffer` answered, as `answer` does it, and shows the response that is
    /// written over it.
    #[inline(always)]
    pub fn show(
        &mut self,
        wanted: Wanted,
        query: Query<'_>,
        buffer: &mut [u8],
        answer: impl FnOnce(&mut [u8], &mut Noted) -> Reply,
    ) -> Reply {
        let Self { ring, noted, counts, .. } = self;
        // Never waits: it is held by another only while the ring is made or freed.
        let mut desk = ring.desk();
        let octets = query.octets.min(LONGEST).min(buffer.len());
        if let Some(desk) = desk.as_deref_mut().and_then(Option::as_mut) {
            desk.query[..octets].copy_from_slice(&buffer[..octets]);
        }
        noted.clear();
        let reply = answer(buffer, noted);
        if let Reply::Send(response) = reply {
            let decisions = noted.decisions();
            let head = Head {
                way: query.way,
                asked: query.asked,
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
            let desk = desk.as_deref_mut().and_then(Option::as_mut);
            if !desk.is_some_and(|desk| desk.put(head, noted, &buffer[..head.response])) {
                lose(counts, wanted);
            }
        }
        reply
    }
}

#[cold]
fn lose(counts: &Counts, wanted: Wanted) {
    counts.lost_to_dnstap.add(u64::from(wanted.dnstap));
    counts.lost_to_tail.add(u64::from(wanted.tail));
}

/// A query that is to be answered and shown.
#[derive(Debug, Clone, Copy)]
pub struct Query<'t> {
    /// Which way it came.
    pub way: Way,
    /// When it came.
    pub asked: SystemTime,
    /// Its length.
    pub octets: usize,
    /// What it is answered from.
    pub table: &'t RoutingTable,
}
