//! The text of a revision as its author wrote it, with comments. It is stored separately from the revision, and only in
//! the store.

use std::sync::Arc;

use lz4_flex::block::{compress_prepend_size, decompress, uncompressed_size};

use super::record::Damaged;
use super::{RevisionError, Store};

/// Where texts are kept.
pub const PREFIX: &str = "texts/";
/// Octets of the longest text that is kept. A longer one is generated from the document, without comments.
pub const LONGEST: usize = 4 << 20;

/// The key of the text of revision `number`.
pub fn key(number: u64) -> String {
    format!("{PREFIX}{number:020}")
}

/// The stored form; none for a text that is too long to be kept.
pub fn pack(text: &str) -> Option<Arc<[u8]>> {
    (text.len() <= LONGEST).then(|| compress_prepend_size(text.as_bytes()).into())
}

/// Whether a stored form begins as one.
pub(super) fn is_readable(octets: &[u8]) -> bool {
    uncompressed_size(octets).is_ok_and(|(length, _)| length <= LONGEST)
}

/// The text in a stored form.
///
/// # Errors
/// [`Damaged`].
pub fn unpack(key: &str, octets: &[u8]) -> Result<String, Damaged> {
    let text = || {
        let (length, compressed) = uncompressed_size(octets).ok().filter(|(length, _)| *length <= LONGEST)?;
        // Data truncated between two sequences decompresses to less.
        let text = decompress(compressed, length).ok().filter(|text| text.len() == length)?;
        String::from_utf8(text).ok()
    };
    text().ok_or_else(|| Damaged { key: key.to_owned() })
}

/// The text of revision `number`; `None` if it was not TOML or was removed.
///
/// # Errors
/// [`RevisionError`].
pub async fn read(store: &dyn Store, number: u64) -> Result<Option<String>, RevisionError> {
    let key = key(number);
    let Some(stored) = store.read(&key).await? else { return Ok(None) };
    Ok(Some(unpack(&key, &stored.value)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_read_as_it_was_written_and_damage_is_an_answer() {
        let text = "# ü\n[zones]\n".repeat(100);
        let packed = pack(&text).unwrap();
        assert!(packed.len() < text.len());
        assert_eq!(unpack("k", &packed).unwrap(), text);
        for end in 0..packed.len() {
            assert!(unpack("k", &packed[..end]).is_err(), "{end}");
        }
        assert!(unpack("k", &[0xff; 16]).is_err(), "it claims 4 GiB");
        assert!(pack(&"x".repeat(LONGEST + 1)).is_none());
    }
}
