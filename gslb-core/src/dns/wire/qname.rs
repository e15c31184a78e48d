//! A lowercase name split into labels, as lookups in the catalog need it.

use crate::dns::name::{MAX_LABEL, MAX_NAME};

/// Octets hashed at once, and lowercased at once: as many as most names have.
const BLOCK: usize = 32;
/// Octets that every x86-64 and ARM64 processor handles at once.
const VECTOR: usize = 16;
/// Capacity for the longest name in whole blocks, and the zeros after it.
const ROOM: usize = MAX_NAME.next_multiple_of(BLOCK) + BLOCK;

/// A name prepared for lookups; reused for every query, so that nothing is allocated. In this order, what a short name
/// needs takes two lines of the processor's cache.
#[derive(Debug, Clone)]
#[repr(C)]
pub struct NameKey {
    /// Hash of the whole name.
    hash: u64,
    labels: u8,
    len: u8,
    /// The name in lowercase, followed by at least a block of zeros.
    lower: [u8; ROOM],
}

/// The octets are not an uncompressed name of at most 255 octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl Default for NameKey {
    fn default() -> NameKey {
        let root = NameKey { lower: [0; ROOM], labels: 0, len: 1, hash: 0 };
        NameKey { hash: root.compute_hash(0), ..root }
    }
}

impl NameKey {
    /// Octets that are read at once: [`NameKey::fill`] is fastest if there are as many.
    pub const WINDOW: usize = ROOM;

    /// Parses the uncompressed name at the start of `octets` and returns its length. Anything may follow it.
    ///
    /// Compression pointers are malformed here: nothing precedes a query's name that they could point to.
    #[inline]
    pub fn fill(&mut self, octets: &[u8]) -> Result<usize, Malformed> {
        self.fill_question(octets).map(|(len, _)| len)
    }

    /// The same, and returns the four octets after the name: those of QTYPE and QCLASS. Where `octets` ends before
    /// them, they are zero.
    #[inline(always)]
    pub(super) fn fill_question(&mut self, octets: &[u8]) -> Result<(usize, [u8; 4]), Malformed> {
        match octets.first_chunk() {
            Some(window) => self.fill_from(window),
            None => self.fill_short(octets),
        }
    }

    /// The same for octets at the end of a buffer.
    #[inline(never)]
    fn fill_short(&mut self, octets: &[u8]) -> Result<(usize, [u8; 4]), Malformed> {
        let mut window = [0; ROOM];
        window.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
        // The zeros after the octets do not end a name.
        self.fill_from(&window).ok().filter(|(len, _)| *len <= octets.len()).ok_or(Malformed)
    }

    /// Parses the name at the start of `window`, which is longer than any name: bounds were checked.
    #[inline(always)]
    fn fill_from(&mut self, window: &[u8; ROOM]) -> Result<(usize, [u8; 4]), Malformed> {
        let (mut at, mut labels, mut all) = (0, 0u8, 0);
        loop {
            let bits = *window.get(at).ok_or(Malformed)?;
            all |= bits;
            at += 1 + usize::from(bits);
            if bits == 0 {
                break;
            }
            if at >= MAX_NAME {
                return Err(Malformed);
            }
            labels += 1;
        }
        // Compression pointers, and lengths that are too great, have a bit that no length has.
        if usize::from(all) > MAX_LABEL {
            return Err(Malformed);
        }
        let ((to, _), (from, _)) = (self.lower.as_chunks_mut::<BLOCK>(), window.as_chunks::<BLOCK>());
        for (to, from) in to.iter_mut().zip(from).take(at.div_ceil(BLOCK)) {
            lowercase(to, from);
        }
        *self.lower.get_mut(at..).and_then(<[u8]>::first_chunk_mut).ok_or(Malformed)? = [0; BLOCK];
        (self.len, self.labels) = (at as u8, labels);
        self.hash = self.compute_hash(0);
        Ok((at, *window.get(at..).and_then(<[u8]>::first_chunk).ok_or(Malformed)?))
    }

    /// Number of labels, without the root's.
    #[inline]
    pub fn label_count(&self) -> usize {
        usize::from(self.labels)
    }

    /// Length in wire form, root octet included.
    #[inline]
    pub fn wire_len(&self) -> usize {
        usize::from(self.len)
    }

    /// The name without its first `skip` labels, in lowercase.
    pub fn suffix(&self, skip: usize) -> &[u8] {
        self.suffix_at(self.start(skip))
    }

    /// The suffix that starts with the label at `at`, in lowercase.
    #[inline]
    pub fn suffix_at(&self, at: usize) -> &[u8] {
        self.lower.get(at..self.wire_len()).unwrap_or_default()
    }

    /// Number of octets in front of the suffix without the first `skip` labels; there are at least as many.
    #[inline]
    pub fn start(&self, skip: usize) -> usize {
        (0..skip).fold(0, |at, _| self.next(at))
    }

    /// Start of the label after the one at `at`; [`NameKey::wire_len`] after the root.
    #[inline]
    pub fn next(&self, at: usize) -> usize {
        at + 1 + self.lower.get(at).map_or(0, |len| usize::from(*len))
    }

    /// Number of octets in front of `suffix`, a name in lowercase wire form, if this name ends in it.
    pub fn octets_before(&self, suffix: &[u8]) -> Option<usize> {
        let start = self.wire_len().checked_sub(suffix.len())?;
        let mut at = 0;
        while at < start {
            at = self.next(at);
        }
        (at == start && self.suffix_at(start) == suffix).then_some(start)
    }

    /// Hash of the suffix that starts with the label at `at`.
    #[inline]
    pub fn hash_at(&self, at: usize) -> u64 {
        match at {
            0 => self.hash,
            _ => self.compute_hash(at),
        }
    }

    #[inline(always)]
    fn compute_hash(&self, start: usize) -> u64 {
        let [mut hash, second, third] = KEYS;
        let mut at = start;
        // Some of the zeros after the name are hashed too; they are the same for every equal suffix.
        while let Some(block) = self.lower.get(at..).and_then(<[u8]>::first_chunk) {
            let [a, b, c, d] = words(block);
            hash = folded_product(a ^ hash, b ^ second) ^ folded_product(c ^ hash, d ^ third);
            at += BLOCK;
            if at >= self.wire_len() {
                break;
            }
        }
        hash
    }
}

/// Copies a part of a name in lowercase. Length octets are below 'A', so they do not change.
#[inline(always)]
fn lowercase(to: &mut [u8; BLOCK], from: &[u8; BLOCK]) {
    let ((to, _), (from, _)) = (to.as_chunks_mut::<VECTOR>(), from.as_chunks::<VECTOR>());
    for (to, from) in to.iter_mut().zip(from) {
        *to = from.map(|octet| octet | u8::from(octet.is_ascii_uppercase()) << 5);
    }
}

/// Numbers without a pattern, so that no name multiplies by zero.
const KEYS: [u64; 3] = [0x9E37_79B9_7F4A_7C15, 0xD6E8_FEB8_6659_FD93, 0xBF58_476D_1CE4_E5B9];

#[inline]
fn words(block: &[u8; BLOCK]) -> [u64; BLOCK / 8] {
    let (words, _) = block.as_chunks::<8>();
    std::array::from_fn(|at| words.get(at).map_or(0, |word| u64::from_le_bytes(*word)))
}

/// Both halves of the product of two numbers, so that each bit of them matters.
#[inline]
fn folded_product(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
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
        assert_eq!(long.hash_at(long.start(2)), short.hash_at(0));
        assert_eq!(long.suffix(2), short.suffix(0));
        assert_eq!(long.hash_at(long.start(4)), key(".").hash_at(0));
        assert_ne!(short.hash_at(0), key("example.con").hash_at(0));
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
                assert_eq!(key.hash_at(key.next(0)), self::key(".").hash_at(0));
            }
        }
    }

    #[test]
    fn a_key_can_be_reused() {
        let mut key = key("a.very.long.name.that.fills.the.key.before.example.com");
        key.fill("b.Example.com".parse::<Name>().unwrap().as_wire()).unwrap();
        assert_eq!(
            (key.hash_at(0), key.suffix(1)),
            (self::key("b.example.com").hash_at(0), self::key("example.com").suffix(0))
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
        assert_eq!(key.hash_at(key.start(127)), self::key(".").hash_at(0));
    }
}
