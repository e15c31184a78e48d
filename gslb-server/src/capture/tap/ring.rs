//! A worker's ring: made when somebody begins to watch, freed when nobody does any more.
//!
//! A ring takes several megabytes, and most servers are never watched. Whoever begins to watch makes the rings, on its own
//! thread, before any worker knows that it is watched. The thread that reads frees them. A worker only ever tries the lock.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

use gslb_core::respond::Chosen;
use gslb_core::steer::trace::Decided;

use super::ends::{Desk, Rings};
use super::{RING_ANSWERS, RING_DECISIONS, RING_ENDPOINTS, RING_OCTETS};

/// Where a worker and the thread that reads find the two ends of the worker's ring, while there is one.
#[derive(Default)]
pub(super) struct Ring {
    /// The worker's end.
    desk: Mutex<Option<Desk>>,
    /// The reader's end, until the reader has taken it.
    rings: Mutex<Option<Rings>>,
}

impl Ring {
    /// Makes the ring, where there is none.
    pub(super) fn open(&self) {
        let (heads, read_heads) = rtrb::RingBuffer::new(RING_ANSWERS);
        let (octets, read_octets) = rtrb::RingBuffer::new(RING_OCTETS);
        let (chosen, read_chosen) = rtrb::RingBuffer::<Chosen>::new(RING_ENDPOINTS);
        let (further, read_further) = rtrb::RingBuffer::<Decided>::new(RING_DECISIONS);
        let made = Desk::new(heads, octets, chosen, further);
        let rings = Rings { heads: read_heads, octets: read_octets, chosen: read_chosen, further: read_further };
        let mut desk = self.desk.lock().unwrap_or_else(PoisonError::into_inner);
        if desk.is_none() {
            *self.rings() = Some(rings);
            *desk = Some(made);
        }
    }

    /// The worker's end, unless it is held by another at this moment.
    #[inline]
    pub(super) fn desk(&self) -> Option<MutexGuard<'_, Option<Desk>>> {
        match self.desk.try_lock() {
            Ok(desk) => Some(desk),
            // A query that made the worker panic; what is half written is not read.
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// The reader's end, where the ring was made since this was asked last.
    pub(super) fn take(&self) -> Option<Rings> {
        self.rings().take()
    }

    /// Frees the worker's end, and the other one where it was not taken. Returns whether this was done; not while the
    /// worker holds it.
    pub(super) fn close(&self) -> bool {
        let Some(mut desk) = self.desk() else { return false };
        let (desk, rings) = (desk.take(), self.take());
        drop((desk, rings));
        true
    }

    fn rings(&self) -> MutexGuard<'_, Option<Rings>> {
        self.rings.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
