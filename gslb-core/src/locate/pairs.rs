//! Numbers for pairs of numbers, for when there are millions of pairs and few that differ.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// No number yet.
const NONE: u32 = u32::MAX;

/// The number of every pair that was met so far.
///
/// Most pairs have the same first half (no prefix, nothing known before): those are found in an array by their second
/// half, which is an index and so not much greater than there are pairs.
#[derive(Debug)]
pub(crate) struct Pairs {
    usual: u32,
    by_second: Vec<u32>,
    others: HashMap<u64, u32, Mixing>,
}

impl Pairs {
    /// No pairs yet; most will begin with `usual`.
    pub(crate) fn new(usual: u32) -> Pairs {
        Pairs { usual, by_second: Vec::new(), others: HashMap::default() }
    }

    /// The number of a pair; `number` gives a new one its own.
    pub(crate) fn number(&mut self, first: u32, second: u32, number: impl FnOnce() -> u32) -> u32 {
        if first != self.usual {
            return *self.others.entry(u64::from(first) << 32 | u64::from(second)).or_insert_with(number);
        }
        let index = second as usize;
        if index >= self.by_second.len() {
            self.by_second.resize(index + 1, NONE);
        }
        match self.by_second.get_mut(index) {
            Some(known) if *known == NONE => {
                *known = number();
                *known
            }
            Some(known) => *known,
            None => NONE,
        }
    }
}

/// Hashes numbers by multiplication, many times as fast as the standard hash. For keys that nobody chooses to collide.
pub(crate) type Mixing = BuildHasherDefault<Mixer>;

#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mixer(u64);

impl Hasher for Mixer {
    fn write(&mut self, octets: &[u8]) {
        let (words, rest) = octets.as_chunks::<8>();
        words.iter().for_each(|word| self.write_u64(u64::from_le_bytes(*word)));
        rest.iter().for_each(|octet| self.write_u64(u64::from(*octet)));
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn write_u64(&mut self, number: u64) {
        let product = (self.0 ^ number).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        // The upper half depends on all bits, the lower one does not; a hash table looks at both.
        self.0 = product ^ product >> 32;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_pairs_have_one_number_whichever_half_is_usual() {
        let mut pairs = Pairs::new(7);
        let mut next = 0;
        let mut number = |first, second| {
            pairs.number(first, second, || {
                next += 1;
                next
            })
        };
        let numbers = [(7, 3), (1, 3), (7, 0), (3, 1), (1, 3), (7, 3)].map(|(first, second)| number(first, second));
        assert_eq!(numbers, [1, 2, 3, 4, 2, 1]);
    }
}
