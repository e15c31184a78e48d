//! Metadata without the fields that the format lets writers leave out (MaxMind DB specification, "Database Metadata").
//!
//! The reader requires `description` and `languages`. If they are missing, complete metadata is appended: readers use
//! the last one in a file.

use crate::tree::METADATA_MARKER;

/// The file with complete metadata; `None` if required fields are missing or the metadata cannot be read.
pub(crate) fn completed(bytes: &[u8]) -> Option<Vec<u8>> {
    let marker = bytes.windows(METADATA_MARKER.len()).rposition(|window| window == METADATA_MARKER)?;
    let metadata = bytes.get(marker + METADATA_MARKER.len()..)?;
    let entries = entries(metadata)?;
    let has = |name: &str| entries.iter().any(|(key, _)| *key == name.as_bytes());
    let missing: [(&str, &[u8]); 2] = [("description", EMPTY_MAP), ("languages", EMPTY_ARRAY)];
    let missing: Vec<(&str, &[u8])> = missing.into_iter().filter(|(name, _)| !has(name)).collect();
    let count = u8::try_from(entries.len() + missing.len()).ok().filter(|&count| count <= SHORT)?;
    if missing.is_empty() {
        return None;
    }
    let mut whole = [bytes, METADATA_MARKER, &[MAP << 5 | count]].concat();
    let added = missing.iter().map(|&(name, value)| (name.as_bytes(), value));
    for (key, value) in entries.into_iter().chain(added) {
        whole.push(TEXT << 5 | key.len() as u8);
        whole.extend_from_slice(key);
        whole.extend_from_slice(value);
    }
    Some(whole)
}

const TEXT: u8 = 2;
const U16: u8 = 5;
const U32: u8 = 6;
const MAP: u8 = 7;
/// Types above 7 have a control octet of type 0, and then their number less 7.
const EXTENDED: u8 = 0;
const U64_LESS_7: u8 = 2;
const ARRAY_LESS_7: u8 = 4;
/// The largest size that fits into the control octet.
const SHORT: u8 = 28;

const EMPTY_MAP: &[u8] = &[MAP << 5];
const EMPTY_ARRAY: &[u8] = &[EXTENDED << 5, ARRAY_LESS_7];

/// Keys and encoded values of a map without pointers and long values.
fn entries(metadata: &[u8]) -> Option<Vec<(&[u8], &[u8])>> {
    let (&control, mut rest) = metadata.split_first()?;
    if control >> 5 != MAP || control & 0x1F > SHORT {
        return None;
    }
    let mut entries = Vec::new();
    for _ in 0..control & 0x1F {
        let (&control, after) = rest.split_first().filter(|(control, _)| **control >> 5 == TEXT)?;
        let (key, value) = after.split_at_checked(usize::from(control & 0x1F).min(usize::from(SHORT)))?;
        let len = value_len(value, 2)?;
        entries.push((key, value.get(..len)?));
        rest = value.get(len..)?;
    }
    Some(entries)
}

/// Length of the value at the start of `octets`, which may be nested to this depth.
fn value_len(octets: &[u8], depth: usize) -> Option<usize> {
    let (&control, after) = octets.split_first()?;
    let (kind, size) = (control >> 5, usize::from(control & 0x1F));
    // One more octet has the size of texts of 29 to 284 octets.
    let (head, size) = match (kind, size) {
        (TEXT, 29) => (2, 29 + usize::from(*after.first()?)),
        (_, 0..=28) => (1, size),
        _ => return None,
    };
    match kind {
        TEXT | U16 | U32 => Some(head + size),
        EXTENDED if after.first() == Some(&U64_LESS_7) => Some(2 + size),
        EXTENDED if after.first() == Some(&ARRAY_LESS_7) => values_len(octets, 2, size, depth),
        MAP => values_len(octets, 1, 2 * size, depth),
        _ => None,
    }
}

/// Octets of `count` values that follow the first `head` octets, and of those.
fn values_len(octets: &[u8], head: usize, count: usize, depth: usize) -> Option<usize> {
    let depth = depth.checked_sub(1)?;
    (0..count).try_fold(head, |at, _| Some(at + value_len(octets.get(at..)?, depth)?))
}
