//! Entity tags: they identify the state of a resource, so that nobody overwrites a state they have not seen.

use std::fmt;

use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// Octets of a digest that a tag shows: 96 bits, which no two states of one resource share by chance.
const OCTETS: usize = 12;

/// A strong entity tag (RFC 9110 §8.8.3), without its quotes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Etag(String);

impl Etag {
    /// The tag of a resource: a digest of its JSON form, so that a change of another resource does not change it.
    pub fn of<T: Serialize + ?Sized>(resource: &T) -> Self {
        // Writing JSON into memory cannot fail.
        Self::of_octets(&serde_json::to_vec(resource).unwrap_or_default())
    }

    /// The tag of a resource whose JSON form this is.
    pub fn of_octets(octets: &[u8]) -> Self {
        let digest = Sha256::digest(octets);
        Self(digest.iter().take(OCTETS).map(|octet| format!("{octet:02x}")).collect())
    }

    /// The tag of a document: the number of its revision.
    pub fn of_revision(revision: u64) -> Self {
        Self(revision.to_string())
    }

    /// The tag without quotes.
    pub fn opaque(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Etag {
    /// As a header has it, in quotes.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "\"{}\"", self.0)
    }
}
