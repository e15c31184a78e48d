//! The other side of a worker's tap: answers taken out of the ring, in the order in which they were given.

use std::sync::Arc;

use gslb_core::respond::Chosen;

use super::ends::Rings;
use super::ring::Ring;
use super::{Counts, Head, Wanted, Way};
use gslb_core::steer::trace::Decided;
use std::time::SystemTime;

/// What one worker has shown.
pub struct Shown {
    ring: Arc<Ring>,
    /// What the worker writes to while somebody watches.
    rings: Option<Rings>,
    /// The octets of the answer that was taken last.
    octets: Vec<u8>,
    chosen: Vec<Chosen>,
    decisions: Vec<Decided>,
    /// What did not get here.
    pub counts: Arc<Counts>,
}

/// An answer that was given.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Which way its query came.
    pub way: Way,
    /// When the query came.
    pub asked: SystemTime,
    /// When it was answered, which is before it was sent.
    pub answered: SystemTime,
    /// Generation of the table that answered.
    pub generation: u64,
    /// Edition of that table's counts.
    pub topology_id: u64,
    /// What the services have decided, in that order; none where none decided.
    pub decisions: &'a [Decided],
    /// The endpoints that were named.
    pub chosen: &'a [Chosen],
    /// Who wants it.
    pub wanted: Wanted,
    /// The query's octets.
    pub query: &'a [u8],
    /// The response's.
    pub response: &'a [u8],
}

impl Shown {
    pub(super) fn new(ring: Arc<Ring>, counts: Arc<Counts>) -> Self {
        Self { ring, rings: None, octets: Vec::new(), chosen: Vec::new(), decisions: Vec::new(), counts }
    }

    /// Frees the ring, since nobody watches any more.
    pub fn close(&mut self) {
        if self.rings.is_none() {
            self.rings = self.ring.take();
        }
        if self.rings.is_some() && self.ring.close() {
            self.rings = None;
            (self.octets, self.chosen, self.decisions) = (Vec::new(), Vec::new(), Vec::new());
        }
    }

    /// Takes the next answer; none where there is none yet.
    pub fn take(&mut self) -> Option<Record<'_>> {
        if self.rings.is_none() {
            self.rings = self.ring.take();
        }
        let rings = self.rings.as_mut()?;
        let head = rings.heads.pop().ok()?;
        self.octets.resize(head.query + head.response, 0);
        let nobody = Chosen { service: 0, pool: gslb_core::site::model::PoolId(0), endpoint: 0 };
        self.chosen.resize(head.chosen, nobody);
        // They were put there before their head.
        rings.octets.pop_entire_slice(&mut self.octets).ok()?;
        rings.chosen.pop_entire_slice(&mut self.chosen).ok()?;
        self.decisions.clear();
        self.decisions.extend(head.decided);
        for _ in 0..head.further {
            self.decisions.push(rings.further.pop().ok()?);
        }
        let (query, response) = self.octets.split_at(head.query);
        let Head { way, asked, answered, generation, topology_id, wanted, .. } = head;
        let (decisions, chosen) = (&self.decisions, &self.chosen);
        Some(Record { way, asked, answered, generation, topology_id, decisions, chosen, wanted, query, response })
    }
}
