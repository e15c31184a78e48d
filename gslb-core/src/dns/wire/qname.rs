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
    /// Hash of the suffix at `hashed`.
    hash: u64,
    /// Start of the suffix whose hash is stored; [`NOT_HASHED`] if there is none.
    hashed: usize,
    labels: u8,
    len: u8,
    /// The name in lowercase, followed by at least a block of zeros.
    lower: [u8; ROOM],
}

/// No suffix starts here.
const NOT_HASHED: usize = usize::MAX;

/// The octets are not an uncompressed name of at most 255 octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl Default for NameKey {
    fn default() -> NameKey {
        NameKey { hash: 0, hashed: NOT_HASHED, labels: 0, len: 1, lower: [0; ROOM] }
    }
}

impl NameKey {
    /// Octets that are read at once: the longest name, and those that `NameKey::fill_from` returns.
    /// [`NameKey::fill`] is fastest if there are as many.
    pub const WINDOW: usize = MAX_NAME + NameKey::AFTER;
    /// Octets after a name that are returned with it: those that a usual query has there.
    pub(super) const AFTER: usize = 39;

    /// Parses the uncompressed name at the start of `octets` and returns its length. Anything may follow it.
    ///
    /// Compression pointers are malformed here: nothing precedes a query's name that they could point to.
    #[inline]
    pub fn fill(&mut self, octets: &[u8]) -> Result<usize, Malformed> {
        match octets.first_chunk() {
            Some(window) => self.fill_from(window).map(|(len, _)| len),
            None => self.fill_short(octets),
        }
    }

    /// The same for octets at the end of a buffer.
    #[cold]
    fn fill_short(&mut self, octets: &[u8]) -> Result<usize, Malformed> {
        let mut window = [0; NameKey::WINDOW];
        window.iter_mut().zip(octets).for_each(|(to, from)| *to = *from);
        let (len, _) = self.fill_from(&window)?;
        // The zeros after the octets do not end a name.
        if len <= octets.len() { Ok(len) } else { Err(Malformed) }
    }

    /// Parses the name at the start of `window`, and returns its length and the octets after it. The window is longer
    /// than any name, so nothing else checks bounds.
    #[inline(always)]
    pub(super) fn fill_from<'w>(
        &mut self,
        window: &'w [u8; NameKey::WINDOW],
    ) -> Result<(usize, &'w [u8; NameKey::AFTER]), Malformed> {
        let (mut at, mut labels, mut all) = (0, 0u8, 0);
        let last = loop {
            let bits = *window.get(at).ok_or(Malformed)?;
            all |= bits;
            at += 1 + usize::from(bits);
            if bits == 0 || at >= MAX_NAME {
                break bits;
            }
            labels += 1;
        };
        // Compression pointers, and lengths that are too great, have a bit that no length has.
        if last != 0 || usize::from(all) > MAX_LABEL {
            return Err(Malformed);
        }
        // At most `MAX_NAME`: as an octet, so that the compiler knows it too.
        let len = at as u8;
        let at = usize::from(len);
        let ((to, _), (from, _)) = (self.lower.as_chunks_mut::<BLOCK>(), window.as_chunks::<BLOCK>());
        for (to, from) in to.iter_mut().zip(from).take(at.div_ceil(BLOCK)) {
            lowercase(to, from);
        }
        *self.lower.get_mut(at..).and_then(<[u8]>::first_chunk_mut).ok_or(Malformed)? = [0; BLOCK];
        (self.len, self.labels, self.hashed) = (len, labels, NOT_HASHED);
        Ok((at, window.get(at..).and_then(<[u8]>::first_chunk).ok_or(Malformed)?))
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
        (at == start && starts_with(self.suffix_at(start), suffix)).then_some(start)
    }

    /// Hash of the suffix that starts with the label at `at`.
    #[inline]
    pub fn hash_at(&self, at: usize) -> u64 {
        if self.hashed == at { self.hash } else { self.compute_hash(at) }
    }

    /// The same, and remembers it until the key is filled again.
    #[inline]
    pub fn remember_hash(&mut self, at: usize) -> u64 {
        let hash = self.hash_at(at);
        (self.hash, self.hashed) = (hash, at);
        hash
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

/// Whether `octets` start with `name`. Names of common lengths are compared as two numbers that overlap, without a loop
/// or a call.
#[inline(always)]
pub(crate) fn starts_with(octets: &[u8], name: &[u8]) -> bool {
    let Some(octets) = octets.get(..name.len()) else { return false };
    match name.len() {
        8..=16 => ends_match::<8>(octets, name),
        17..=32 => ends_match::<16>(octets, name),
        _ => octets == name,
    }
}

/// Whether the first and the last `N` octets are the same.
#[inline(always)]
fn ends_match<const N: usize>(a: &[u8], b: &[u8]) -> bool {
    a.first_chunk::<N>() == b.first_chunk::<N>() && a.last_chunk::<N>() == b.last_chunk::<N>()
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
    fn a_remembered_hash_belongs_to_its_suffix_and_name_only() {
        let mut key = key("www.example.com");
        let fresh = key.clone();
        let second = key.remember_hash(key.start(1));
        assert_eq!(second, self::key("example.com").hash_at(0));
        for skip in 0..=3 {
            assert_eq!(key.hash_at(key.start(skip)), fresh.hash_at(fresh.start(skip)), "{skip} labels skipped");
        }
        key.fill("www.example.net".parse::<Name>().unwrap().as_wire()).unwrap();
        assert_eq!(key.hash_at(key.start(1)), self::key("example.net").hash_at(0));
    }

    #[test]
    fn every_octet_of_a_name_is_compared() {
        for len in 1..100 {
            let name: Vec<u8> = (1..=len).collect();
            for more in [&[][..], &[7; 40]] {
                let mut octets = [&name, more].concat();
                assert!(starts_with(&octets, &name));
                assert!(!starts_with(&name[1..], &name));
                for at in 0..name.len() {
                    octets[at] ^= 0x80;
                    assert!(!starts_with(&octets, &name), "octet {at} of {len}");
                    octets[at] ^= 0x80;
                }
            }
        }
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
