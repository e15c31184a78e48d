//! Name patterns: `data-center/fra`, `pool/eu-*`, `endpoint/fra/fra-?`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Maximum pattern length in octets: a kind and two names of 63, each with wildcards around it, with some margin.
const MAX_PATTERN: usize = 256;

/// A pattern for names of data centers, pools or endpoints; `*` matches any letters, `?` any single letter.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Pattern {
    /// All endpoints in matching data centers.
    DataCenter(Box<str>),
    /// All endpoints of matching pools.
    Pool(Box<str>),
    /// Matching endpoints of matching pools.
    Endpoint {
        /// Pattern for the pool's name.
        pool: Box<str>,
        /// Pattern for the endpoint's name.
        endpoint: Box<str>,
    },
}

/// How specific a pattern is; greater is more specific.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Specificity {
    /// 0 for data centers, 1 for pools, 2 for endpoints.
    kind: u8,
    /// True if there are no wildcards.
    whole: bool,
    /// Number of letters that are not wildcards.
    letters: usize,
}

impl Specificity {
    /// As a number, greater for more specific patterns, and never 0.
    pub(crate) fn key(self) -> u16 {
        let letters = u16::try_from(self.letters).unwrap_or(u16::MAX).min((1 << LETTERS) - 1);
        (u16::from(self.kind) + 1) << (LETTERS + 1) | u16::from(self.whole) << LETTERS | letters
    }
}

/// Bits for the number of letters in a pattern, at most [`MAX_PATTERN`].
const LETTERS: u32 = 9;

/// The text is not a pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{text:?} is not a target: write data-center/NAME, pool/NAME or endpoint/POOL/NAME; the names may contain the wildcards * and ?"
)]
pub struct InvalidPattern {
    /// The text, shortened.
    pub text: String,
}

impl Pattern {
    /// How specific the pattern is.
    pub fn specificity(&self) -> Specificity {
        let (kind, text): (u8, String) = match self {
            Pattern::DataCenter(name) => (0, name.to_string()),
            Pattern::Pool(name) => (1, name.to_string()),
            Pattern::Endpoint { pool, endpoint } => (2, format!("{pool}{endpoint}")),
        };
        let letters = text.bytes().filter(|letter| !matches!(letter, b'*' | b'?')).count();
        Specificity { kind, whole: letters == text.len(), letters }
    }
}

impl FromStr for Pattern {
    type Err = InvalidPattern;

    fn from_str(text: &str) -> Result<Pattern, InvalidPattern> {
        let refused = || InvalidPattern { text: text.chars().take(MAX_PATTERN).collect() };
        let is_name = |name: &str| {
            let fits =
                |letter: u8| letter.is_ascii_alphanumeric() || matches!(letter, b'.' | b'_' | b'-' | b'*' | b'?');
            !name.is_empty() && name.bytes().all(fits)
        };
        if text.len() > MAX_PATTERN {
            return Err(refused());
        }
        let parts: Vec<&str> = text.split('/').collect();
        match *parts {
            ["data-center", name] if is_name(name) => Ok(Pattern::DataCenter(name.into())),
            ["pool", name] if is_name(name) => Ok(Pattern::Pool(name.into())),
            ["endpoint", pool, endpoint] if is_name(pool) && is_name(endpoint) => {
                Ok(Pattern::Endpoint { pool: pool.into(), endpoint: endpoint.into() })
            }
            _ => Err(refused()),
        }
    }
}

impl TryFrom<String> for Pattern {
    type Error = InvalidPattern;

    fn try_from(text: String) -> Result<Pattern, InvalidPattern> {
        text.parse()
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> String {
        pattern.to_string()
    }
}

impl fmt::Display for Pattern {
    /// As written.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pattern::DataCenter(name) => write!(out, "data-center/{name}"),
            Pattern::Pool(name) => write!(out, "pool/{name}"),
            Pattern::Endpoint { pool, endpoint } => write!(out, "endpoint/{pool}/{endpoint}"),
        }
    }
}

/// True if `pattern` matches `name`. Takes at most as many steps as the product of both lengths: after a mismatch, only
/// the last `*` takes one more letter.
pub fn glob(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at, mut read) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while read < name.len() {
        match pattern.get(at) {
            Some(b'*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(&letter) if letter == b'?' || name.get(read) == Some(&letter) => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((star_at, taken)) = star else { return false };
                star = Some((star_at, taken + 1));
                (at, read) = (star_at + 1, taken + 1);
            }
        }
    }
    pattern.get(at..).is_some_and(|rest| rest.iter().all(|&letter| letter == b'*'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_letters() {
        for (pattern, name) in [
            ("fra", "fra"),
            ("*", ""),
            ("*", "fra"),
            ("f*", "fra"),
            ("*a", "fra"),
            ("f?a", "fra"),
            ("f*-*1", "fra-x-1"),
            ("*ab*ab", "abxabab"),
            ("**", "x"),
            ("a*b*c", "aXbYbZc"),
        ] {
            assert!(glob(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in
            [("fra", "fr"), ("fr", "fra"), ("?", ""), ("f?", "f"), ("*b", "ba"), ("a*a", "a"), ("", "a")]
        {
            assert!(!glob(pattern, name), "{pattern} {name}");
        }
        assert!(!glob(&"*a".repeat(120), &"a".repeat(63)));
    }

    #[test]
    fn patterns_round_trip_through_text() {
        for text in ["data-center/fra", "pool/eu-*", "endpoint/fra/fra-?", "endpoint/*/*"] {
            assert_eq!(text.parse::<Pattern>().unwrap().to_string(), text);
        }
        let long = format!("pool/{}", "a".repeat(300));
        for text in [
            "",
            "fra",
            "pool",
            "pool/",
            "pool/a/b",
            "endpoint/a",
            "endpoint//b",
            "pools/a",
            "pool/ä",
            "pool/a b",
            &long,
        ] {
            assert!(text.parse::<Pattern>().is_err(), "{text}");
        }
    }

    #[test]
    fn patterns_are_ordered_by_specificity() {
        let order = [
            "data-center/*",
            "data-center/f*",
            "data-center/fra",
            "pool/*",
            "pool/fra",
            "endpoint/*/*",
            "endpoint/fra/*",
            "endpoint/a/b",
        ];
        let all: Vec<Specificity> = order.iter().map(|text| text.parse::<Pattern>().unwrap().specificity()).collect();
        assert!(all.is_sorted() && all.windows(2).all(|two| two[0] < two[1]), "{all:?}");
    }
}
