//! A lowercase name split into labels, as lookups in the catalog need it.

use crate::dns::name::{MAX_LABEL, MAX_NAME};

/// Maximum number of labels of a name, including the root's.
const MAX_LABELS: usize = 128;
/// Octets hashed at once.
const WORD: usize = 8;
/// Octets lowercased at once.
const BLOCK: usize = 16;
/// Capacity for the longest name in whole blocks, and the zeros after it.
const ROOM: usize = MAX_NAME.next_multiple_of(BLOCK) + BLOCK;

/// A name prepared for lookups; reused for every query, so that nothing is allocated.
#[derive(Debug, Clone)]
pub struct NameKey {
    /// The name in lowercase, followed by at least eight zeros.
    lower: [u8; ROOM],
    starts: [u8; MAX_LABELS],
    labels: usize,
    len: usize,
}

/// The octets are not an uncompressed name of at most 255 octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl Default for NameKey {
    fn default() -> NameKey {
        NameKey { lower: [0; ROOM], starts: [0; MAX_LABELS], labels: 0, len: 1 }
    }
}

impl NameKey {
    /// Parses the uncompressed name at the start of `octets` and returns its length. Anything may follow it.
    ///
    /// Compression pointers are malformed here: nothing precedes a query's name that they could point to.
    #[inline(always)]
    pub fn fill(&mut self, octets: &[u8]) -> Result<usize, Malformed> {
        let (mut at, mut labels) = (0, 0);
        loop {
            let len = usize::from(*octets.get(at).ok_or(Malformed)?);
            // The last start is the root's, so that every suffix has a start.
            *self.starts.get_mut(labels).ok_or(Malformed)? = at as u8;
            at += 1 + len;
            if len == 0 {
                break;
            }
            if len > MAX_LABEL || at >= MAX_NAME {
                return Err(Malformed);
            }
            labels += 1;
        }
        match octets.get(..at.next_multiple_of(BLOCK)) {
            Some(blocks) => self.lower_from(blocks),
            None => self.lower_padded(octets.get(..at).ok_or(Malformed)?),
        }
        *self.lower.get_mut(at..).and_then(<[u8]>::first_chunk_mut).ok_or(Malformed)? = [0; WORD];
        (self.len, self.labels) = (at, labels);
        Ok(at)
    }

    /// Copies whole blocks in lowercase. Length octets are below 'A', so they do not change.
    #[inline(always)]
    fn lower_from(&mut self, octets: &[u8]) {
        let (to, _) = self.lower.as_chunks_mut::<BLOCK>();
        let (from, _) = octets.as_chunks::<BLOCK>();
        for (to, from) in to.iter_mut().zip(from) {
            *to = from.map(|octet| octet | u8::from(octet.is_ascii_uppercase()) << 5);
        }
    }

    /// The same for octets at the end of the buffer.
    #[cold]
    fn lower_padded(&mut self, octets: &[u8]) {
        let mut padded = [0; ROOM];
        padded.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
        self.lower_from(&padded);
    }

    /// Number of labels, without the root's.
    pub fn label_count(&self) -> usize {
        self.labels
    }

    /// Length in wire form, root octet included.
    pub fn wire_len(&self) -> usize {
        self.len
    }

    /// The name without its first `skip` labels, in lowercase.
    #[inline]
    pub fn suffix(&self, skip: usize) -> &[u8] {
        self.lower.get(self.start(skip)..self.len).unwrap_or_default()
    }

    /// Number of octets in front of the suffix.
    #[inline]
    pub fn start(&self, skip: usize) -> usize {
        self.starts.get(skip).map_or(self.len, |&start| usize::from(start))
    }

    /// Hash of the suffix.
    #[inline]
    pub fn hash(&self, skip: usize) -> u64 {
        let mut hash = 0x9E37_79B9_7F4A_7C15;
        // Up to seven of the zeros after the name are hashed too; they are the same for every equal suffix.
        let start = self.start(skip);
        let whole = (self.len - start).next_multiple_of(WORD);
        let (words, _) = self.lower.get(start..start + whole).unwrap_or_default().as_chunks::<WORD>();
        for word in words {
            hash = (hash ^ u64::from_le_bytes(*word)).wrapping_mul(0xD6E8_FEB8_6659_FD93);
            hash ^= hash >> 32;
        }
        hash
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::name::Name;

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
    fn every_octet_is_lowercased_as_ascii_whatever_follows() {
        let label: Vec<u8> = (0..=255).collect();
        for part in label.chunks(63) {
            let name = [&[part.len() as u8], part, &[0]].concat();
            for stale in [&[][..], &[b'X'; 40]] {
                let mut key = NameKey::default();
                assert_eq!(key.fill(&[&name, stale].concat()), Ok(name.len()));
                assert_eq!(key.suffix(0), name.to_ascii_lowercase());
                assert_eq!(key.hash(1), self::key(".").hash(0));
            }
        }
    }

    #[test]
    fn a_key_can_be_reused() {
        let mut key = key("a.very.long.name.that.fills.the.key.before.example.com");
        key.fill("b.Example.com".parse::<Name>().unwrap().as_wire()).unwrap();
        assert_eq!(
            (key.hash(0), key.suffix(1)),
            (self::key("b.example.com").hash(0), self::key("example.com").suffix(0))
        );
    }

    #[test]
    fn octets_that_are_not_a_name_are_rejected() {
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
