//! Memory fetched ahead: a batch of names waits for the nodes of all, then for the octets of all, not for each in turn.

use std::hint::black_box;

use super::catalog::Catalog;
use crate::wire::qname::NameKey;

/// Names that can be looked up ahead at once; as many as a worker receives in a system call.
pub const MAX_AHEAD: usize = 64;
/// Octets of a cache line on the machines that we know.
const LINE: usize = 64;

/// Names that will be looked up soon. What is fetched is a guess: a look-up that goes elsewhere is as slow as without.
#[derive(Debug)]
pub struct Ahead {
    /// Hash of each name as a look-up asks for it first.
    hashes: [u64; MAX_AHEAD],
    count: usize,
}

impl Default for Ahead {
    fn default() -> Ahead {
        Ahead { hashes: [0; MAX_AHEAD], count: 0 }
    }
}

impl Ahead {
    /// Notes a name that will be looked up; more than [`MAX_AHEAD`] are not noted.
    #[inline]
    pub fn note(&mut self, catalog: &Catalog, key: &NameKey) {
        if let Some(hash) = self.hashes.get_mut(self.count) {
            *hash = catalog.first_hash(key);
            self.count += 1;
        }
    }

    /// Touches what the look-ups will need, and forgets the names.
    ///
    /// These loops do nothing but load, and no load waits for another one of its loop: the processor has as many of
    /// them under way as it can.
    pub fn fetch(&mut self, catalog: &Catalog) {
        let hashes = self.hashes.get(..self.count).unwrap_or_default();
        let mut seen = hashes.iter().fold(0, |seen, &hash| seen ^ catalog.nodes.touch(hash));
        for &hash in hashes {
            let octets = catalog.octets.tail(catalog.nodes.likely_name(hash));
            seen ^= octets.first().map_or(0, |&octet| u32::from(octet));
            seen ^= octets.get(LINE - 1).map_or(0, |&octet| u32::from(octet));
        }
        // The loads are the purpose; what they bring must not look unused.
        black_box(seen);
        self.count = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Name;

    #[test]
    fn any_number_of_names_may_be_noted_whether_they_exist_or_not() {
        let catalog = Catalog::default();
        let mut ahead = Ahead::default();
        let mut key = NameKey::default();
        for number in 0..3 * MAX_AHEAD {
            key.fill(format!("n{number}.example").parse::<Name>().unwrap().as_wire()).unwrap();
            ahead.note(&catalog, &key);
        }
        assert_eq!(ahead.count, MAX_AHEAD);
        ahead.fetch(&catalog);
        assert_eq!(ahead.count, 0, "a batch is fetched once");
    }
}
