//! The two ends of a ring: the worker's and the reader's.

use gslb_core::respond::{Chosen, Noted};
use gslb_core::steer::trace::Decided;
use rtrb::{Consumer, Producer};

use super::Head;

/// Longest query: the largest 16-bit length.
pub(super) const LONGEST: usize = u16::MAX as usize;

/// The worker's end of the ring.
pub(super) struct RingWriter {
    pub(super) heads: Producer<Head>,
    pub(super) octets: Producer<u8>,
    pub(super) chosen: Producer<Chosen>,
    pub(super) further: Producer<Decided>,
    /// A copy of the query, since the response overwrites it.
    pub(super) query: Box<[u8]>,
}

impl RingWriter {
    pub(super) fn new(
        heads: Producer<Head>,
        octets: Producer<u8>,
        chosen: Producer<Chosen>,
        further: Producer<Decided>,
    ) -> Self {
        Self { heads, octets, chosen, further, query: vec![0; LONGEST].into() }
    }

    /// Puts an answer into the ring, all or nothing. Returns whether there was capacity for it.
    pub(super) fn put(&mut self, head: Head, noted: &Noted, response: &[u8]) -> bool {
        let Self { heads, octets, chosen, further, query } = self;
        let more = noted.decisions().get(1..).unwrap_or_default();
        has_capacity(octets, head.query + head.response)
            && has_capacity(chosen, head.chosen)
            && (more.is_empty() || has_capacity(further, more.len()))
            && has_capacity(heads, 1)
            && octets.push_entire_slice(&query[..head.query]).is_ok()
            && octets.push_entire_slice(response).is_ok()
            && chosen.push_entire_slice(noted.chosen()).is_ok()
            && (more.is_empty() || further.push_entire_slice(more).is_ok())
            && heads.push(head).is_ok()
    }
}

/// The reader's end of the ring.
pub(super) struct Rings {
    pub(super) heads: Consumer<Head>,
    pub(super) octets: Consumer<u8>,
    pub(super) chosen: Consumer<Chosen>,
    pub(super) further: Consumer<Decided>,
}

/// Whether `more` items fit. The cached count is checked first, to avoid the shared one.
#[inline]
fn has_capacity<T>(ring: &Producer<T>, more: usize) -> bool {
    ring.cached_slots() >= more || ring.slots() >= more
}
