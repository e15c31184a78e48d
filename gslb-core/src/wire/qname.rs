//! A name in lower case with the hash of each of its suffixes: what a look-up in the catalog needs, computed once.

use crate::name::{MAX_LABEL, MAX_NAME};

/// Labels a name can have, the root's included.
const MAX_LABELS: usize = 128;
/// Room after the longest name, so that eight octets can be read wherever a label starts.
const PADDING: usize = 8;

/// A name made ready for look-ups; filled again and again, never allocated.
#[derive(Debug, Clone)]
pub struct NameKey {
    lower: [u8; MAX_NAME + 1 + PADDING],
    starts: [u8; MAX_LABELS],
    hashes: [u64; MAX_LABELS],
    labels: usize,
    len: usize,
}

/// Octets that are not an uncompressed name of at most 255 octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl Default for NameKey {
    fn default() -> NameKey {
        NameKey {
            lower: [0; MAX_NAME + 1 + PADDING],
            starts: [0; MAX_LABELS],
            hashes: [0; MAX_LABELS],
            labels: 0,
            len: 1,
        }
    }
}

impl NameKey {
    /// Takes the uncompressed name at the start of `octets`, and says how many octets it has.
    ///
    /// Compression pointers are malformed here: nothing stands before a query's name that it could point to.
    pub fn fill(&mut self, octets: &[u8]) -> Result<usize, Malformed> {
        let mut at = 0;
        let mut labels = 0;
        loop {
            let len = usize::from(*octets.get(at).ok_or(Malformed)?);
            if len > MAX_LABEL {
                return Err(Malformed);
            }
            *self.starts.get_mut(labels).ok_or(Malformed)? = at as u8;
            at += 1 + len;
            if at > MAX_NAME {
                return Err(Malformed);
            }
            if len == 0 {
                break;
            }
            labels += 1;
        }
        let name = octets.get(..at).ok_or(Malformed)?;
        // Length octets are below 'A' and so stay as they are.
        for (to, from) in self.lower.iter_mut().zip(name) {
            *to = from.to_ascii_lowercase();
        }
        self.len = at;
        self.labels = labels;
        self.hash_suffixes();
        Ok(at)
    }

    /// Labels without the root's.
    pub fn label_count(&self) -> usize {
        self.labels
    }

    /// Length in wire form, root octet included.
    pub fn wire_len(&self) -> usize {
        self.len
    }

    /// The name without its first `skip` labels, in lower case.
    pub fn suffix(&self, skip: usize) -> &[u8] {
        self.lower.get(self.start(skip)..self.len).unwrap_or_default()
    }

    /// Octets in front of the suffix.
    pub fn start(&self, skip: usize) -> usize {
        self.starts.get(skip).map_or(self.len, |&start| usize::from(start))
    }

    /// Hash of the suffix.
    pub fn hash(&self, skip: usize) -> u64 {
        self.hashes.get(skip).copied().unwrap_or_default()
    }

    /// Each suffix' hash continues the hash of the next shorter one, so that all cost one pass.
    fn hash_suffixes(&mut self) {
        let mut hash = 0x9E37_79B9_7F4A_7C15;
        let mut end = self.len - 1;
        if let Some(root) = self.hashes.get_mut(self.labels) {
            *root = hash;
        }
        for index in (0..self.labels).rev() {
            let start = self.start(index);
            hash = mix_label(hash, &self.lower, start, end);
            if let Some(slot) = self.hashes.get_mut(index) {
                *slot = hash;
            }
            end = start;
        }
    }
}

/// Mixes the octets from `start` to `end`, a label with its length, into `hash`.
fn mix_label(mut hash: u64, octets: &[u8], start: usize, end: usize) -> u64 {
    let mut at = start;
    while at < end {
        let word = octets.get(at..at + 8).and_then(|eight| eight.try_into().ok()).map_or(0, u64::from_le_bytes);
        let keep = (end - at).min(8) as u32 * 8;
        hash = (hash ^ (word & (u64::MAX >> (64 - keep)))).wrapping_mul(0xD6E8_FEB8_6659_FD93);
        hash ^= hash >> 32;
        at += 8;
    }
    hash
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::name::Name;

    fn key(text: &str) -> NameKey {
        let mut key = NameKey::default();
        key.fill(text.parse::<Name>().unwrap().as_wire()).unwrap();
        key
    }

    #[test]
    fn a_suffix_hashes_like_the_name_itself() {
        let long = key("A.very-long-label-indeed.Example.com");
        let short = key("example.COM");
        assert_eq!(long.hash(2), short.hash(0));
        assert_eq!(long.suffix(2), short.suffix(0));
        assert_eq!(long.hash(4), key(".").hash(0));
        assert_ne!(short.hash(0), key("example.con").hash(0));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        let mut key = NameKey::default();
        for octets in [&[][..], &[1], &[1, b'a'], &[0xC0, 0x0C], &[0x40, 0], &[0x80, 0]] {
            assert_eq!(key.fill(octets), Err(Malformed));
        }
        let too_long: Vec<u8> = [1, b'a'].repeat(128).into_iter().chain([0]).collect();
        assert_eq!(key.fill(&too_long), Err(Malformed));
        let longest: Vec<u8> = [1, b'a'].repeat(127).into_iter().chain([0]).collect();
        assert_eq!(key.fill(&longest), Ok(255));
        assert_eq!(key.label_count(), 127);
        assert_eq!(key.hash(127), self::key(".").hash(0));
    }
}
