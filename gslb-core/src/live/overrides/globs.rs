//! Matches a name against many globs at once, without trying each.

use std::collections::{BTreeSet, HashMap};

use crate::site::pattern::glob;

/// Distinct globs, indexed by the literal text that they start or end with.
#[derive(Debug, Default)]
pub(crate) struct Globs<'g> {
    all: Vec<Glob<'g>>,
    /// Index of each glob by its text.
    numbers: HashMap<&'g str, u32>,
    /// Globs without wildcards.
    whole: HashMap<&'g [u8], u32>,
    /// Globs that start with this literal text, which is at least as long as their literal suffix.
    begin: Affixes<'g>,
    /// Globs that end with this literal text.
    end: Affixes<'g>,
    /// Globs that start and end with a wildcard.
    open: Vec<u32>,
}

#[derive(Debug, Default)]
struct Affixes<'g> {
    lengths: BTreeSet<usize>,
    globs: HashMap<&'g [u8], Vec<u32>>,
}

/// A glob, with data that quickly rules out most names.
#[derive(Debug)]
pub(crate) struct Glob<'g> {
    text: &'g str,
    prefix: &'g [u8],
    suffix: &'g [u8],
    /// Minimum length of a matching name in octets.
    shortest: usize,
    /// The letters that every matching name contains, as returned by [`letters`].
    letters: u64,
}

impl<'g> Globs<'g> {
    /// Adds a glob and returns its number; an existing glob keeps its number.
    pub(crate) fn add(&mut self, text: &'g str) -> u32 {
        if let Some(&number) = self.numbers.get(text) {
            return number;
        }
        let number = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        self.numbers.insert(text, number);
        let glob = Glob::new(text);
        if glob.prefix.len() == text.len() {
            self.whole.insert(text.as_bytes(), number);
        } else if glob.prefix.is_empty() && glob.suffix.is_empty() {
            self.open.push(number);
        } else if glob.prefix.len() >= glob.suffix.len() {
            self.begin.add(glob.prefix, number);
        } else {
            self.end.add(glob.suffix, number);
        }
        self.all.push(glob);
        number
    }

    /// Number of distinct globs.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Writes the numbers of all globs that match `name` to `matching`, in any order.
    pub(crate) fn matching(&self, name: &str, matching: &mut Vec<u32>) {
        matching.clear();
        if self.all.is_empty() {
            return;
        }
        matching.extend(self.whole.get(name.as_bytes()));
        let octets = name.as_bytes();
        let seen = letters(octets);
        let begin = self.begin.lengths.iter().filter_map(|&length| self.begin.globs.get(octets.get(..length)?));
        let end = self.end.lengths.iter().filter_map(|&length| {
            let from = octets.len().checked_sub(length)?;
            self.end.globs.get(octets.get(from..)?)
        });
        for &number in begin.chain(end).flatten().chain(&self.open) {
            if self.all.get(number as usize).is_some_and(|glob| glob.matches(name, seen)) {
                matching.push(number);
            }
        }
    }
}

impl<'g> Affixes<'g> {
    fn add(&mut self, affix: &'g [u8], number: u32) {
        self.lengths.insert(affix.len());
        self.globs.entry(affix).or_default().push(number);
    }
}

impl<'g> Glob<'g> {
    pub(crate) fn new(text: &'g str) -> Self {
        let octets = text.as_bytes();
        let is_wild = |octet: &u8| matches!(octet, b'*' | b'?');
        let first = octets.iter().position(is_wild).unwrap_or(octets.len());
        let last = octets.iter().rposition(is_wild).map_or(0, |at| at + 1);
        let literal: Vec<u8> = octets.iter().copied().filter(|octet| !is_wild(octet)).collect();
        Self {
            text,
            prefix: octets.get(..first).unwrap_or_default(),
            suffix: octets.get(last..).unwrap_or_default(),
            shortest: octets.iter().filter(|&&octet| octet != b'*').count(),
            letters: letters(&literal),
        }
    }

    /// Whether `name` matches; `seen` are its letters.
    #[inline]
    pub(crate) fn matches(&self, name: &str, seen: u64) -> bool {
        let octets = name.as_bytes();
        self.letters & !seen == 0
            && self.shortest <= octets.len()
            && octets.starts_with(self.prefix)
            && octets.ends_with(self.suffix)
            && glob(self.text, name)
    }
}

/// The letters of a name as a bit set; different letters may share a bit.
pub(crate) fn letters(name: &[u8]) -> u64 {
    name.iter().fold(0, |bits, octet| bits | 1 << (octet & 63))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_without_a_letter_of_the_glob_are_ruled_out() {
        let glob = Glob::new("*a?x*");
        for (name, may_match) in [("web-ax", true), ("web-abx", true), ("web-a", false), ("web-x", false), ("", false)]
        {
            assert_eq!(glob.letters & !letters(name.as_bytes()) == 0, may_match, "{name}");
        }
    }
}
