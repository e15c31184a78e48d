//! Assigns IDs to pairs of numbers, when there are millions of pairs and few distinct ones.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// No ID yet.
const NONE: u32 = u32::MAX;

/// The ID of every pair seen so far.
///
/// Most pairs share the same first half (no prefix, unknown place). Those are found in an array by their second half,
/// which is an index and therefore not much greater than the number of pairs.
#[derive(Debug)]
pub(crate) struct Pairs {
    usual: u32,
    by_second: Vec<u32>,
    others: HashMap<u64, u32, Mixing>,
}

impl Pairs {
    /// No pairs yet; most will start with `usual`.
    pub(crate) fn new(usual: u32) -> Pairs {
        Pairs { usual, by_second: Vec::new(), others: HashMap::default() }
    }

    /// The ID of a pair; `number` assigns one to a new pair.
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

/// Hashes numbers by multiplication, many times faster than the standard hash. Only for keys that no attacker controls.
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
        // The upper half depends on all bits, the lower one does not; a hash table uses both.
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
