//! Bearer tokens: `gslb_ID_SECRET`. The store keeps only a digest of the secret.

use std::fmt;

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq;

/// Octets of an id. Ids are not secret.
const ID_OCTETS: usize = 8;
/// Octets of a secret: 256 bits, from the system's randomness.
const SECRET_OCTETS: usize = 32;

/// A token with its secret. It is shown once, when it is created; neither `Debug` nor the store reveals the secret.
#[derive(Clone)]
pub struct Token {
    id: String,
    secret: [u8; SECRET_OCTETS],
}

impl Token {
    /// Draws a random token.
    ///
    /// # Errors
    /// If the system's random number generator fails.
    pub(super) fn draw() -> Result<Self, getrandom::Error> {
        let (mut id, mut secret) = ([0; ID_OCTETS], [0; SECRET_OCTETS]);
        getrandom::fill(&mut id)?;
        getrandom::fill(&mut secret)?;
        Ok(Self { id: hex(&id), secret })
    }

    /// Parses a token; `None` if `text` is not well-formed.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (id, secret) = text.strip_prefix("gslb_")?.split_once('_')?;
        let _: [u8; ID_OCTETS] = unhex(id)?;
        Some(Self { id: id.to_owned(), secret: unhex(secret)? })
    }

    /// The id, for the store, lists and logs: 16 hexadecimal digits.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The whole token, for its holder.
    pub fn reveal(&self) -> String {
        format!("gslb_{}_{}", self.id, hex(&self.secret))
    }

    /// The digest to store. One round of SHA-256 is enough: slow hashes protect guessable passwords, and 256 random bits
    /// cannot be guessed.
    pub(super) fn digest(&self) -> Digest {
        Digest(Sha256::digest(self.secret).into())
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Token(gslb_{}_***)", self.id)
    }
}

/// The SHA-256 digest of a secret. It has no `==`, to rule out comparisons that leak by their timing.
#[derive(Clone, Copy)]
pub(super) struct Digest([u8; 32]);

impl Digest {
    /// Compares in constant time.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }

    pub(super) fn to_hex(self) -> String {
        hex(&self.0)
    }

    pub(super) fn from_hex(text: &str) -> Option<Self> {
        unhex(text).map(Self)
    }
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

/// Parses lower-case hexadecimal digits of exactly `N` octets, so that each token has one spelling.
fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let digit = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut octets = [0; N];
    for (octet, [high, low]) in octets.iter_mut().zip(pairs) {
        *octet = digit(*high)? << 4 | digit(*low)?;
    }
    Some(octets)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_parses_only_in_its_exact_form() {
        let token = Token::draw().unwrap();
        let text = token.reveal();
        assert_eq!(text.len(), 5 + 16 + 1 + 64);
        let read = Token::parse(&text).unwrap();
        assert!(read.id() == token.id() && read.digest().is(&token.digest()));
        let upper = text.to_uppercase();
        let invalid =
            ["", "gslb_", &text[1..], &text[..text.len() - 1], &format!("{text}0"), &format!(" {text}"), &upper];
        for invalid in invalid {
            assert!(Token::parse(invalid).is_none(), "{invalid}");
        }
        assert!(Token::parse(&text.replace('_', "-")).is_none());
    }

    #[test]
    fn debug_output_does_not_contain_the_secret() {
        let token = Token::draw().unwrap();
        let text = token.reveal();
        let shown = format!("{token:?} {token:#?}");
        assert!(shown.contains(token.id()));
        for part in (22..text.len() - 8).map(|start| &text[start..start + 8]) {
            assert!(!shown.contains(part));
        }
    }

    #[test]
    fn tokens_are_unique() {
        let (one, other) = (Token::draw().unwrap(), Token::draw().unwrap());
        assert!(one.id() != other.id() && !one.digest().is(&other.digest()));
    }
}
