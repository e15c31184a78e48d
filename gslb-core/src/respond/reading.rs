//! A batch of messages, read before any is answered, so that they wait for memory together and not each in turn.
//!
//! What a worker needs of a large table is seldom in its core's own cache, and a read from behind that takes as long as
//! half an answer. The processor waits for many such reads at once, as long as none depends on another: hence these
//! loops, each of which does little but load, once for all messages of the batch.

use std::hint::black_box;

use crate::dns::wire::qname::NameKey;
use crate::dns::wire::query::{Fault, Query};
use crate::table::RoutingTable;

/// Messages of a batch, at most: as many as a system call brings.
pub const MAX_BATCH: usize = 64;
/// With fewer messages there is little to be shared.
const WORTHWHILE: usize = 4;

/// One message that was read.
#[derive(Debug, Clone)]
pub(super) struct Reading {
    pub(super) query: Query,
    pub(super) key: NameKey,
    /// How long it is.
    pub(super) octets: usize,
    /// Why there is nothing to answer, where that is so.
    pub(super) fault: Option<Fault>,
    /// Hash by which the name will be looked up first.
    hash: u64,
}

impl Default for Reading {
    fn default() -> Reading {
        Reading { query: Query::default(), key: NameKey::default(), octets: 0, fault: Some(Fault::Short), hash: 0 }
    }
}

impl Reading {
    /// Reads the message in the first `len` octets of `buffer`.
    #[inline(always)]
    pub(super) fn read(&mut self, buffer: &[u8], len: usize) {
        // Should reading end in a panic, then nothing was read, and what was read before must not be answered again.
        (self.fault, self.octets) = (Some(Fault::Short), len);
        self.fault = self.query.read(buffer, len, &mut self.key).err();
    }
}

/// Loads what answering `readings` will need. This is a guess, and changes no answer.
pub(super) fn fetch(readings: &mut [Reading], table: &RoutingTable) {
    if readings.len() < WORTHWHILE {
        return;
    }
    let topology = table.topology();
    let catalog = &topology.catalog;
    let mut seen = 0;
    for reading in readings.iter_mut().filter(|reading| reading.fault.is_none()) {
        reading.hash = catalog.first_hash(&reading.key);
        seen ^= catalog.prefetch_node(reading.hash);
    }
    for reading in readings.iter().filter(|reading| reading.fault.is_none()) {
        seen ^= catalog.prefetch_name(reading.hash);
        let subnet = reading.query.edns.as_ref().and_then(|edns| edns.subnet.as_ref());
        let service = subnet.and_then(|_| catalog.likely_service(reading.hash));
        let service = service.and_then(|index| topology.services.get(index as usize));
        if let (Some(service), Some(subnet)) = (service, subnet) {
            let column = topology.columns.get(service.column as usize);
            seen ^= column.map_or(0, |column| column.touch(subnet.address()));
        }
    }
    // The loads are the purpose; what they bring must not look unused.
    black_box(seen);
}
