//! The reader's side of a tap: takes answers out of the ring, in order.

use std::sync::Arc;

use gslb_core::respond::Chosen;

use super::ends::Rings;
use super::ring::Ring;
use super::{Counts, Head, QueryPath, WantedBy};
use gslb_core::steer::trace::Decided;
use std::time::SystemTime;

/// The reader of one worker's answers.
pub struct TapReader {
    ring: Arc<Ring>,
    /// The reader's end of the ring, while there is one.
    rings: Option<Rings>,
    /// The octets of the last answer.
    octets: Vec<u8>,
    chosen: Vec<Chosen>,
    decisions: Vec<Decided>,
    /// Counters of lost answers.
    pub counts: Arc<Counts>,
}

/// A captured answer.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// The path of its query.
    pub path: QueryPath,
    /// When the query arrived.
    pub received_at: SystemTime,
    /// When it was answered, which is before it was sent.
    pub answered: SystemTime,
    /// Generation of the table that answered.
    pub generation: u64,
    /// Topology of that table.
    pub topology_id: u64,
    /// The decisions of services, in order; may be empty.
    pub decisions: &'a [Decided],
    /// The endpoints in the answer.
    pub chosen: &'a [Chosen],
    /// Which readers want it.
    pub wanted: WantedBy,
    /// The query's octets.
    pub query: &'a [u8],
    /// The response's.
    pub response: &'a [u8],
}

impl TapReader {
    pub(super) fn new(ring: Arc<Ring>, counts: Arc<Counts>) -> Self {
        Self { ring, rings: None, octets: Vec::new(), chosen: Vec::new(), decisions: Vec::new(), counts }
    }

    /// Frees the ring, if there are no readers any more.
    pub fn close(&mut self) {
        if self.rings.is_none() {
            self.rings = self.ring.take();
        }
        if self.rings.is_some() && self.ring.close() {
            self.rings = None;
            (self.octets, self.chosen, self.decisions) = (Vec::new(), Vec::new(), Vec::new());
        }
    }

    /// Takes the next answer; `None` if there is none yet.
    pub fn take(&mut self) -> Option<Record<'_>> {
        if self.rings.is_none() {
            self.rings = self.ring.take();
        }
        let rings = self.rings.as_mut()?;
        let head = rings.heads.pop().ok()?;
        self.octets.resize(head.query + head.response, 0);
        let filler = Chosen { service: 0, pool: gslb_core::site::model::PoolId(0), endpoint: 0 };
        self.chosen.resize(head.chosen, filler);
        // These were written before their head.
        rings.octets.pop_entire_slice(&mut self.octets).ok()?;
        rings.chosen.pop_entire_slice(&mut self.chosen).ok()?;
        self.decisions.clear();
        self.decisions.extend(head.decided);
        for _ in 0..head.further {
            self.decisions.push(rings.further.pop().ok()?);
        }
        let (query, response) = self.octets.split_at(head.query);
        let Head { path, received_at, answered, generation, topology_id, wanted, .. } = head;
        let (decisions, chosen) = (&self.decisions, &self.chosen);
        Some(Record {
            path,
            received_at,
            answered,
            generation,
            topology_id,
            decisions,
            chosen,
            wanted,
            query,
            response,
        })
    }
}
