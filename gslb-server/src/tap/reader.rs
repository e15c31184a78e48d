//! The other side of a worker's tap: answers taken out of the ring, in the order in which they were given.

use std::sync::Arc;

use gslb_core::respond::Chosen;
use rtrb::Consumer;

use super::{Counts, Head, Wanted, Way};
use gslb_core::steer::trace::Decided;
use std::time::SystemTime;

pub(super) struct Rings {
    pub(super) heads: Consumer<Head>,
    pub(super) octets: Consumer<u8>,
    pub(super) chosen: Consumer<Chosen>,
    pub(super) further: Consumer<Decided>,
}

/// What one worker has shown.
pub struct Shown {
    rings: Rings,
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
    pub edition: u64,
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
    pub(super) fn new(rings: Rings, counts: Arc<Counts>) -> Self {
        Self { rings, octets: Vec::new(), chosen: Vec::new(), decisions: Vec::new(), counts }
    }

    /// Takes the next answer; none where there is none yet.
    pub fn take(&mut self) -> Option<Record<'_>> {
        let head = self.rings.heads.pop().ok()?;
        self.octets.resize(head.query + head.response, 0);
        let nobody = Chosen { service: 0, pool: gslb_core::model::PoolId(0), endpoint: 0 };
        self.chosen.resize(head.chosen, nobody);
        // They were put there before their head.
        self.rings.octets.pop_entire_slice(&mut self.octets).ok()?;
        self.rings.chosen.pop_entire_slice(&mut self.chosen).ok()?;
        self.decisions.clear();
        self.decisions.extend(head.decided);
        for _ in 0..head.further {
            self.decisions.push(self.rings.further.pop().ok()?);
        }
        let (query, response) = self.octets.split_at(head.query);
        let Head { way, asked, answered, generation, edition, wanted, .. } = head;
        let (decisions, chosen) = (&self.decisions, &self.chosen);
        Some(Record { way, asked, answered, generation, edition, decisions, chosen, wanted, query, response })
    }
}
