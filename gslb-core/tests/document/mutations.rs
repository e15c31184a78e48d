//! Any mutated document is read or refused with a reason, without a panic.

use gslb_core::problem::Severity;

use super::site::{EXAMPLE, ZONE, read_with};

/// A small generator (xorshift64), so that failures are reproducible.
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }
}

/// Replacements for a piece of text: TOML punctuation, and keywords from other places.
const PIECES: [&str; 28] = [
    "",
    "\"",
    "'",
    "\"\"\"",
    "{",
    "}",
    "[",
    "]",
    "[[",
    "=",
    ",",
    ".",
    "\n",
    "#",
    "-1",
    "1e999",
    "nan",
    "1979-05-27",
    "true",
    "{}",
    "[]",
    "\"fra\"",
    "\"eu-first\"",
    "geo",
    "default",
    "policies",
    "\u{FEFF}",
    "\\u0000",
];

pub(crate) fn mutated(text: &str, dice: &mut Dice) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for _ in 0..=dice.below(4) {
        let start = dice.below(letters.len());
        let end = (start + dice.below(12)).min(letters.len());
        match dice.below(4) {
            0 => drop(letters.drain(start..end)),
            1 => drop(letters.splice(start..end, PIECES[dice.below(PIECES.len())].chars())),
            2 => {
                let copy = letters[start..end].to_vec();
                let to = dice.below(letters.len());
                letters.splice(to..to, copy);
            }
            _ => {
                let other = dice.below(letters.len());
                letters.swap(start, other);
            }
        }
    }
    letters.into_iter().collect()
}

/// Swaps words: the syntax stays valid far more often than with [`mutated`].
pub(crate) fn reworded(text: &str, dice: &mut Dice) -> String {
    let mut words: Vec<&str> = text.split_inclusive([' ', '\n']).collect();
    for _ in 0..=dice.below(3) {
        let (one, other) = (dice.below(words.len()), dice.below(words.len()));
        words[one] = words[other];
    }
    words.concat()
}

fn assert_sense(document: &str, zone: &str) {
    let reading = read_with(document, zone.as_bytes());
    let errors = reading.problems.iter().filter(|problem| problem.severity == Severity::Error).count();
    assert_eq!(reading.site.is_none(), errors > 0, "{document}");
    assert!(reading.problems.is_sorted_by_key(|problem| problem.location.clone()), "{document}");
    for problem in reading.problems.iter().filter(|problem| &*problem.location.file == "site.toml") {
        let lines = document.split('\n').count();
        assert!((1..=lines).contains(&(problem.location.line as usize)), "{problem}\n{document}");
        assert!(problem.location.column >= 1 && !problem.message.is_empty() && !problem.help.is_empty(), "{problem:?}");
    }
}

#[test]
fn any_text_is_read_or_refused() {
    let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
    for _ in 0..1500 {
        assert_sense(&mutated(EXAMPLE, &mut dice), ZONE);
        assert_sense(&reworded(EXAMPLE, &mut dice), ZONE);
        assert_sense(EXAMPLE, &mutated(ZONE, &mut dice));
        assert_sense(EXAMPLE, &reworded(ZONE, &mut dice));
    }
}

#[test]
fn nesting_depth_is_limited() {
    for level in ["[", "{ failover = [", "{ a = ", "{ a.b.c.d.e.f.g.h.i.j.k.l.m.n.o.p = "] {
        for levels in [10, 70, 5_000] {
            assert_sense(&format!("policies.x = {}", level.repeat(levels)), ZONE);
        }
    }
    assert_sense(&format!("[a]\n{}x = 1\n", "k.".repeat(200_000)), ZONE);
    assert_sense(&"[a.b.c.d.e.f.g.h]\n".repeat(1_000), ZONE);
}
