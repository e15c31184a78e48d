//! The lines of a worker. Memory that no network has used yet is not resident.

use std::net::IpAddr;

use memmap2::MmapMut;

use super::line::LINE;
use super::source::Source;

/// As many lines as fit into the memory, a power of two.
#[derive(Debug)]
pub(super) struct Table {
    /// All lines: zeros from the kernel, which takes a page when it is written. They are aligned to cache lines, since the
    /// first one begins a page. `None` if the kernel had no memory: then nothing is limited.
    octets: Option<MmapMut>,
    /// Number of lines less one.
    mask: usize,
    /// Secrets of the hash.
    keys: [u64; 2],
}

impl Table {
    /// Lines in at most `memory` octets, and at least one.
    pub(super) fn new(memory: usize, seed: u64) -> Table {
        let lines = 1 << (memory / LINE).max(1).ilog2();
        let octets = MmapMut::map_anon(lines * LINE).ok();
        // Two odd numbers from one seed (Steele and others, "Fast splittable pseudorandom number generators").
        let keys = [1, 2].map(|step| {
            let mut key = seed.wrapping_add(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(step));
            key = (key ^ key >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            key = (key ^ key >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
            (key ^ key >> 31) | 1
        });
        Table { octets, mask: lines - 1, keys }
    }

    /// Where the bucket of an address is.
    #[inline]
    pub(super) fn source(&self, address: IpAddr) -> Source {
        Source::of(address.to_canonical(), self.keys)
    }

    #[inline]
    fn first_octet(&self, source: Source) -> usize {
        (source.network as usize & self.mask) * LINE
    }

    /// Reads an octet of the line.
    #[inline]
    pub(super) fn touch(&self, source: Source) -> u32 {
        let octet = self.octets.as_ref().and_then(|octets| octets.get(self.first_octet(source)));
        octet.map_or(0, |octet| u32::from(*octet))
    }

    /// The line of a source's network, which other networks may share.
    #[inline]
    pub(super) fn line(&mut self, source: Source) -> Option<&mut [u8; LINE]> {
        let at = self.first_octet(source);
        self.octets.as_mut()?.get_mut(at..)?.first_chunk_mut()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cache_lines() {
        for memory in [0, 64, 4096, 100_000, 4 << 20] {
            let mut table = Table::new(memory, 7);
            for n in 0..1_000_u32 {
                let source = table.source(IpAddr::V4((n << 8).into()));
                let line = table.line(source).expect("every source has a line");
                assert_eq!(line.as_ptr().addr() % LINE, 0, "{memory}");
            }
        }
    }
}
