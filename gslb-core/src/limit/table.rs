//! The lines of a worker. Memory that no network has used yet is not resident.

use std::net::IpAddr;

use super::line::{Line, WORDS};
use super::source::Source;

/// Octets of a line.
const LINE: usize = WORDS * 4;

/// As many lines as fit into the memory, a power of two.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// All lines, and before them what aligns them to cache lines. Zeros from the allocator: pages are taken when they
    /// are written.
    words: Vec<u32>,
    /// Words before the first line.
    before: usize,
    /// Number of lines less one.
    mask: usize,
    /// Secrets of the hash.
    keys: [u64; 2],
}

impl Table {
    /// Lines in at most `memory` octets, and at least one.
    pub(super) fn new(memory: usize, seed: u64) -> Table {
        let lines = 1 << (memory / LINE).max(1).ilog2();
        let words = vec![0; (lines + 1) * WORDS];
        let before = words.as_ptr().align_offset(LINE).min(WORDS);
        // Two odd numbers from one seed (Steele and others, "Fast splittable pseudorandom number generators").
        let keys = [1, 2].map(|step| {
            let mut key = seed.wrapping_add(0x9E37_79B9_7F4A_7C15_u64.wrapping_mul(step));
            key = (key ^ key >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            key = (key ^ key >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
            (key ^ key >> 31) | 1
        });
        Table { words, before, mask: lines - 1, keys }
    }

    /// Where the bucket of an address is.
    #[inline]
    pub(super) fn source(&self, address: IpAddr) -> Source {
        Source::of(address.to_canonical(), self.keys)
    }

    #[inline]
    fn first_word(&self, source: Source) -> usize {
        self.before + (source.network as usize & self.mask) * WORDS
    }

    /// Reads a word of the line.
    #[inline]
    pub(super) fn touch(&self, source: Source) -> u32 {
        self.words.get(self.first_word(source)).copied().unwrap_or(0)
    }

    /// The line of a source's network, which other networks may share.
    #[inline]
    pub(super) fn line(&mut self, source: Source) -> Option<Line<'_>> {
        let at = self.first_word(source);
        self.words.get_mut(at..)?.first_chunk_mut().map(Line)
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
                assert_eq!(line.0.as_ptr().addr() % LINE, 0, "{memory}");
            }
        }
    }
}
