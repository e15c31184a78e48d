//! Reads a batch of messages before answering any of them, so that their memory loads overlap.
//!
//! Entries of a large table are rarely in a core's own cache, and one load from beyond it takes as long as half an
//! answer. The processor can have many such loads in flight as long as none depends on another. Each of these loops
//! therefore does little but load, once for all messages of the batch.

use std::hint::black_box;

use crate::dns::wire::qname::NameKey;
use crate::dns::wire::query::{Fault, Query};
use crate::table::RoutingTable;

/// Maximum messages per batch: as many as one system call returns.
pub const MAX_BATCH: usize = 64;
/// Below this, prefetching does not pay off.
const WORTHWHILE: usize = 4;

/// One parsed message. A batch of them must not crowd everything else out of the fastest cache, so what is always used
/// is together, in front.
#[derive(Debug, Clone)]
#[repr(C, align(64))]
pub(super) struct Reading {
    pub(super) query: Query,
    /// Its length in octets.
    pub(super) octets: usize,
    /// Why it cannot be answered, or `None` if it can.
    pub(super) fault: Option<Fault>,
    pub(super) key: NameKey,
}

impl Default for Reading {
    fn default() -> Reading {
        Reading { query: Query::default(), key: NameKey::default(), octets: 0, fault: Some(Fault::Short) }
    }
}

impl Reading {
    /// Reads the message in the first `len` octets of `buffer`.
    #[inline(always)]
    pub(super) fn read(&mut self, buffer: &[u8], len: usize) {
        // If parsing panics, the message counts as unread, and the previous one is not answered again.
        (self.fault, self.octets) = (Some(Fault::Short), len);
        self.fault = self.query.read(buffer, len, &mut self.key).err();
    }
}

/// Prefetches what answering `readings` will need. It is a guess and never changes an answer.
pub(super) fn prefetch(readings: &mut [Reading], table: &RoutingTable) {
    if readings.len() < WORTHWHILE {
        return;
    }
    let topology = table.topology();
    let catalog = &topology.catalog;
    let mut seen = 0;
    for reading in readings.iter_mut().filter(|reading| reading.fault.is_none()) {
        seen ^= catalog.prefetch_node(catalog.first_hash(&mut reading.key));
    }
    for reading in readings.iter_mut().filter(|reading| reading.fault.is_none()) {
        let hash = catalog.first_hash(&mut reading.key);
        seen ^= catalog.prefetch_name(hash);
        let subnet = reading.query.edns.as_ref().and_then(|edns| edns.subnet.as_ref());
        let service = subnet.and_then(|_| catalog.likely_service(hash));
        let service = service.and_then(|index| topology.services.get(index as usize));
        if let (Some(service), Some(subnet)) = (service, subnet) {
            let column = topology.columns.get(service.column as usize);
            seen ^= column.map_or(0, |column| column.touch(subnet.numeric()));
        }
    }
    // Only the loads matter; keep the compiler from removing them.
    black_box(seen);
}
