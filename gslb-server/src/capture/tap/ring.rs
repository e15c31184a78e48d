//! A worker's ring: created when a client starts to follow, freed when none does.
//!
//! A ring takes several megabytes, and most servers have no followers. A new follower creates the rings on its own
//! thread, before the workers see that there is one. The reading thread frees them. A worker only ever tries the lock.

use gslb_core::respond::Chosen;
use gslb_core::steer::trace::Decided;
use parking_lot::{Mutex, MutexGuard};

use super::ends::{RingWriter, Rings};
use super::{RING_ANSWERS, RING_DECISIONS, RING_ENDPOINTS, RING_OCTETS};

/// The two ends of a worker's ring, while there is one.
#[derive(Default)]
pub(super) struct Ring {
    /// The worker's end.
    writer: Mutex<Option<RingWriter>>,
    /// The reader's end, until the reader has taken it.
    rings: Mutex<Option<Rings>>,
}

impl Ring {
    /// Creates the ring if there is none.
    pub(super) fn open(&self) {
        let (heads, read_heads) = rtrb::RingBuffer::new(RING_ANSWERS);
        let (octets, read_octets) = rtrb::RingBuffer::new(RING_OCTETS);
        let (chosen, read_chosen) = rtrb::RingBuffer::<Chosen>::new(RING_ENDPOINTS);
        let (further, read_further) = rtrb::RingBuffer::<Decided>::new(RING_DECISIONS);
        let made = RingWriter::new(heads, octets, chosen, further);
        let rings = Rings { heads: read_heads, octets: read_octets, chosen: read_chosen, further: read_further };
        let mut writer = self.writer.lock();
        if writer.is_none() {
            *self.rings.lock() = Some(rings);
            *writer = Some(made);
        }
    }

    /// The worker's end, unless it is locked at the moment.
    #[inline]
    pub(super) fn writer(&self) -> Option<MutexGuard<'_, Option<RingWriter>>> {
        self.writer.try_lock()
    }

    /// The reader's end, if the ring was created since the last call.
    pub(super) fn take(&self) -> Option<Rings> {
        self.rings.lock().take()
    }

    /// Frees the worker's end, and the reader's end if it was not taken. Returns false if the worker has the lock.
    pub(super) fn close(&self) -> bool {
        let Some(mut writer) = self.writer() else { return false };
        let (writer, rings) = (writer.take(), self.take());
        drop((writer, rings));
        true
    }
}
