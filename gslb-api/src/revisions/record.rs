//! The stored form of a revision: a line of JSON that says whose it is, then the document, compressed.

use std::sync::Arc;

use gslb_core::budget::Budget;
use lz4_flex::block::{compress, decompress};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use crate::document::{Document, document_from_json};
use crate::types::GitCommit;

/// The key that says which revision is in force.
pub const CURRENT: &str = "document";
/// Where revisions are kept.
pub const PREFIX: &str = "revisions/";
/// Characters of a revision's message.
pub const MESSAGE_CHARACTERS: usize = 500;
/// The greatest possible revision number; a greater one is damage.
const GREATEST: u64 = 1 << 48;
/// Maximum octets of a document as JSON: a limit on the memory for a stored document.
const DOCUMENT_OCTETS: usize = 256 << 20;

/// The metadata of a revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Its number.
    pub revision: u64,
    /// Its author: the id of a token, or `file`, or `start`.
    pub author: String,
    /// The name of that token's holder; the same as `author` for the others.
    pub author_name: String,
    /// When, in milliseconds since 1970 in UTC.
    pub millis: u64,
    /// The reason, if one was given.
    #[serde(default)]
    pub message: String,
    /// The restored revision, if it is a rollback.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restored: Option<u64>,
    /// The git commit of its file, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<GitCommit>,
    /// Octets of the document as JSON.
    pub octets: usize,
}

/// A stored row is invalid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key} in the store is not in the format of this version")]
pub struct Damaged {
    /// The key.
    pub key: String,
}

#[derive(Serialize, Deserialize)]
struct Current {
    revision: u64,
}

/// The key of revision `number`. Keys sort as numbers do.
pub fn key(number: u64) -> String {
    format!("{PREFIX}{number:020}")
}

/// The number at the end of `key` after `prefix`; `None` if it does not have the form of [`key`].
pub(super) fn number(key: &str, prefix: &str) -> Option<u64> {
    let digits = key.strip_prefix(prefix)?;
    let number = digits.parse().ok().filter(|number| (1..=GREATEST).contains(number))?;
    (format!("{number:020}") == digits).then_some(number)
}

/// The value of [`CURRENT`] for revision `number`.
pub fn pack_current(number: u64) -> Vec<u8> {
    format!("{{\"revision\":{number}}}").into_bytes()
}

/// The revision that a value of [`CURRENT`] names.
///
/// # Errors
/// [`Damaged`].
pub fn unpack_current(value: &[u8]) -> Result<u64, Damaged> {
    let current: Result<Current, _> = serde_json::from_slice(value);
    let number = current.ok().map(|current| current.revision).filter(|number| (1..=GREATEST).contains(number));
    number.ok_or_else(|| Damaged { key: CURRENT.to_owned() })
}

/// The stored form; sets `header.octets` to the size of the document.
pub fn pack(mut header: Header, document: &Document) -> Arc<[u8]> {
    let json = document.text().as_bytes();
    header.octets = json.len();
    let mut octets = serde_json::to_vec(&header).unwrap_or_default();
    octets.push(b'\n');
    octets.extend(compress(json));
    octets.into()
}

/// The header in a stored form.
///
/// # Errors
/// [`Damaged`].
pub(super) fn header(key: &str, octets: &[u8]) -> Result<Header, Damaged> {
    divided(octets).map(|(header, _)| header).ok_or_else(|| Damaged { key: key.to_owned() })
}

/// Header and document in a stored form.
///
/// # Errors
/// [`Damaged`].
pub fn unpack(key: &str, octets: &[u8]) -> Result<(Header, Document), Damaged> {
    let damaged = || Damaged { key: key.to_owned() };
    let (header, compressed) = divided(octets).ok_or_else(damaged)?;
    if header.octets > DOCUMENT_OCTETS {
        return Err(damaged());
    }
    let json = decompress(compressed, header.octets).map_err(|_| damaged())?;
    let document = document_from_json(&json, &mut { Budget::UNLIMITED }).map_err(|_| damaged())?;
    Ok((header, document))
}

/// Whether a stored form can be read whole.
pub(super) fn is_whole(octets: &[u8]) -> bool {
    let json = divided(octets).filter(|(header, _)| header.octets <= DOCUMENT_OCTETS);
    let json = json.and_then(|(header, compressed)| decompress(compressed, header.octets).ok());
    json.is_some_and(|json| serde_json::from_slice::<IgnoredAny>(&json).is_ok())
}

fn divided(octets: &[u8]) -> Option<(Header, &[u8])> {
    let end = octets.iter().position(|&octet| octet == b'\n')?;
    let (line, rest) = octets.split_at_checked(end)?;
    Some((serde_json::from_slice(line).ok()?, rest.get(1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn header_of(revision: u64) -> Header {
        let (author, author_name) = ("0123".to_owned(), "Ada\nL".to_owned());
        Header {
            revision,
            author,
            author_name,
            millis: 1,
            message: "why\n".to_owned(),
            restored: None,
            commit: None,
            octets: 0,
        }
    }

    #[test]
    fn a_revision_is_read_as_it_was_written() {
        let document: Document = json!({"z": [1, 2.5, "ü"], "a": {"b": null}}).into();
        let packed = pack(header_of(7), &document);
        let (header, read) = unpack("k", &packed).unwrap();
        assert_eq!((header.revision, header.message.as_str(), read.text()), (7, "why\n", document.text()));
        assert_eq!(header.octets, document.text().len());
    }

    #[test]
    fn damage_is_a_normal_result() {
        let packed = pack(header_of(7), &json!({"a": "b".repeat(1000)}).into());
        for end in 0..packed.len() {
            assert!(unpack("k", &packed[..end]).is_err(), "{end}");
        }
        let boasting = br#"{"revision":1,"author":"a","author_name":"a","millis":1,"octets":99999999999}"#;
        assert!(unpack("k", &[boasting.as_slice(), b"\n\0"].concat()).is_err());
        assert_eq!(unpack_current(&pack_current(42)), Ok(42));
        for damaged in ["", "{}", "{\"revision\":0}", "{\"revision\":18446744073709551615}", "{\"revision\":-1}"] {
            assert!(unpack_current(damaged.as_bytes()).is_err(), "{damaged}");
        }
        assert_eq!(number(&key(42), PREFIX), Some(42));
        for odd in [
            "revisions/42",
            "revisions/",
            "revisions/x",
            "texts/00000000000000000042",
            "revisions/18446744073709551615",
        ] {
            assert_eq!(number(odd, PREFIX), None, "{odd}");
        }
    }
}
