//! The two ends of a ring: a worker writes to one, and the thread that reads has the other.

use gslb_core::respond::{Chosen, Noted};
use gslb_core::steer::trace::Decided;
use rtrb::{Consumer, Producer};

use super::Head;

/// Longest query: what the length of two octets can say.
pub(super) const LONGEST: usize = u16::MAX as usize;

/// What a worker writes its answers to while somebody watches.
pub(super) struct Desk {
    pub(super) heads: Producer<Head>,
    pub(super) octets: Producer<u8>,
    pub(super) chosen: Producer<Chosen>,
    pub(super) further: Producer<Decided>,
    /// The query, over which the response is written.
    pub(super) query: Box<[u8]>,
}

impl Desk {
    pub(super) fn new(
        heads: Producer<Head>,
        octets: Producer<u8>,
        chosen: Producer<Chosen>,
        further: Producer<Decided>,
    ) -> Self {
        Self { heads, octets, chosen, further, query: vec![0; LONGEST].into() }
    }

    /// Puts an answer into the ring: all of it or nothing. Returns whether there was room for it.
    pub(super) fn put(&mut self, head: Head, noted: &Noted, response: &[u8]) -> bool {
        let Self { heads, octets, chosen, further, query } = self;
        let more = noted.decisions().get(1..).unwrap_or_default();
        has_room(octets, head.query + head.response)
            && has_room(chosen, head.chosen)
            && (more.is_empty() || has_room(further, more.len()))
            && has_room(heads, 1)
            && octets.push_entire_slice(&query[..head.query]).is_ok()
            && octets.push_entire_slice(response).is_ok()
            && chosen.push_entire_slice(noted.chosen()).is_ok()
            && (more.is_empty() || further.push_entire_slice(more).is_ok())
            && heads.push(head).is_ok()
    }
}

/// What the reader takes answers from.
pub(super) struct Rings {
    pub(super) heads: Consumer<Head>,
    pub(super) octets: Consumer<u8>,
    pub(super) chosen: Consumer<Chosen>,
    pub(super) further: Consumer<Decided>,
}

/// Whether there is room for so many more. What is known already is looked at before the other side is asked.
#[inline]
fn has_room<T>(ring: &Producer<T>, more: usize) -> bool {
    ring.cached_slots() >= more || ring.slots() >= more
}
