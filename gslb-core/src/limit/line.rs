//! The buckets of a network: its own, and those of its busiest addresses, in one cache line.

/// Octets of a line: a cache line.
pub(super) const LINE: usize = 64;
/// Words of a line.
const WORDS: usize = LINE / 4;
/// Addresses of a line.
const ENTRIES: usize = WORDS - 4;

/// Bits of an entry that are its time.
const TIME: u32 = 0x00FF_FFFF;
/// An entry is never ahead of now by more ticks: two windows of at most 2^20 ticks each.
const REACH: u32 = 2 << 20;

/// A line: the time at which the network's bucket is empty, in two words; that of its flood bucket, which is charged for
/// queries over a limit, in two more; and the entries of its addresses. An entry is 0 if it is empty, else the tag of its
/// address in 8 bits, and the time at which its bucket is empty in 24.
pub(super) struct Line([u32; WORDS]);

/// The bucket of an address.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    /// Its index in the line.
    at: usize,
    /// In how many ticks it is empty.
    pub(super) ahead: u32,
}

impl Line {
    /// The line in these octets of memory.
    #[inline]
    pub(super) fn load(octets: &[u8; LINE]) -> Line {
        let mut words = [0; WORDS];
        for (word, octets) in words.iter_mut().zip(octets.as_chunks().0) {
            *word = u32::from_ne_bytes(*octets);
        }
        Line(words)
    }

    /// Writes it back.
    #[inline]
    pub(super) fn store(&self, octets: &mut [u8; LINE]) {
        for (octets, word) in octets.as_chunks_mut().0.iter_mut().zip(self.0) {
            *octets = word.to_ne_bytes();
        }
    }

    /// The time at which the network's bucket is empty, in nanoseconds.
    #[inline]
    pub(super) fn network_time(&self) -> u64 {
        let [low, high, ..] = self.0;
        joined(low, high)
    }

    /// Sets it. It must be at least now, whenever an entry is written.
    #[inline]
    pub(super) fn set_network_time(&mut self, time: u64) {
        let [low, high, ..] = &mut self.0;
        (*low, *high) = (time as u32, (time >> 32) as u32);
    }

    /// The time at which the flood bucket is empty, by a clock that only the caller knows.
    #[inline]
    pub(super) fn flood_time(&self) -> u64 {
        let [_, _, low, high, ..] = self.0;
        joined(low, high)
    }

    /// Sets it.
    #[inline]
    pub(super) fn set_flood_time(&mut self, time: u64) {
        let [_, _, low, high, ..] = &mut self.0;
        (*low, *high) = (time as u32, (time >> 32) as u32);
    }

    /// The bucket of the address with this tag; if it has none, a new one in place of the one that is empty first.
    ///
    /// Entries that are empty by now are removed. That is why the times of all others are unambiguous, provided that
    /// the line is [cleared](Line::clear) if it was not touched for long.
    #[inline]
    pub(super) fn entry(&mut self, tag: u8, now: u64) -> Entry {
        let [_, _, _, _, entries @ ..] = &mut self.0;
        // Without branches: the compiler makes this a few vector instructions.
        let (now, wanted, mut own) = (now as u32, u32::from(tag), ENTRIES);
        let mut ahead = [0; ENTRIES];
        for (at, (entry, ahead)) in entries.iter_mut().zip(&mut ahead).enumerate() {
            let ticks = entry.wrapping_sub(now) & TIME;
            let is_full = *entry != 0 && ticks as i32 <= REACH as i32;
            *entry = if is_full { *entry } else { 0 };
            *ahead = if is_full { ticks } else { 0 };
            own = if is_full && *entry >> 24 == wanted { at } else { own };
        }
        match ahead.get(own) {
            Some(&ahead) => Entry { at: own, ahead },
            None => {
                let first = ahead.iter().enumerate().min_by_key(|(_, ahead)| **ahead);
                Entry { at: first.map_or(0, |(at, _)| at), ahead: 0 }
            }
        }
    }

    /// Writes an entry, for the address with this tag.
    #[inline]
    pub(super) fn put_entry(&mut self, entry: Entry, tag: u8, now: u64) {
        let [_, _, _, _, entries @ ..] = &mut self.0;
        if let Some(place) = entries.get_mut(entry.at) {
            let time = (now as u32).wrapping_add(entry.ahead) & TIME;
            // 0 is no entry: one that would be is empty a tick later.
            *place = (u32::from(tag) << 24 | time).max(1);
        }
    }

    /// Empties all buckets but the network's if the line was not touched for so long that their times are ambiguous.
    #[inline]
    pub(super) fn clear_if_old(&mut self, network_ticks: u64, now: u64) {
        if now.saturating_sub(network_ticks) > u64::from(REACH) {
            let [_, _, times @ ..] = &mut self.0;
            times.fill(0);
        }
    }
}

/// A time in two words.
#[inline]
fn joined(low: u32, high: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}
