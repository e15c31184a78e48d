//! Decides whether globs cover another glob: whether every name that it matches is matched by at least one of them.

use std::collections::HashSet;

/// Maximum steps of one check; if that is not enough, the answer is no.
const MAX_STEPS: usize = 200_000;

/// A glob, prepared for comparison with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(Vec<Symbol>);

/// One symbol of a glob.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Symbol {
    /// This letter.
    Letter(char),
    /// `?`: any one letter.
    One,
    /// `*`: any letters, including none.
    Many,
    /// The border between two names.
    Border,
}

/// One letter of a name, as far as globs distinguish it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Letter {
    Known(char),
    /// Any letter that appears in no glob.
    Other,
    Border,
}

impl Glob {
    /// Parses a glob in which `*` matches any letters and `?` any single letter.
    pub fn new(text: &str) -> Self {
        let symbol = |letter| match letter {
            '*' => Symbol::Many,
            '?' => Symbol::One,
            letter => Symbol::Letter(letter),
        };
        Self(text.chars().map(symbol).collect())
    }

    /// A literal name, in which `*` and `?` are ordinary letters.
    pub fn literal(text: &str) -> Self {
        Self(text.chars().map(Symbol::Letter).collect())
    }

    /// This glob, followed by `second` for a second name; no wildcard crosses the border.
    #[must_use]
    pub fn and(mut self, second: Self) -> Self {
        self.0.push(Symbol::Border);
        self.0.extend(second.0);
        self
    }
}

impl Symbol {
    /// Whether it can match `letter`.
    fn takes(self, letter: Letter) -> bool {
        match self {
            Self::Letter(own) => letter == Letter::Known(own),
            // A backslash changes the meaning of the letter after it, so a wildcard does not match it.
            Self::One | Self::Many => !matches!(letter, Letter::Border | Letter::Known('\\')),
            Self::Border => letter == Letter::Border,
        }
    }
}

/// A position in a glob: the glob's index, and the number of symbols before the position.
type Position = (usize, usize);

/// Sorted positions that the covering globs may be at after the letters read so far.
type Positions = Vec<Position>;

/// Whether every name that `glob` matches is matched by one of `by`; no if that takes too long to decide.
///
/// Reads all names that `glob` matches at once, letter by letter, and tracks the possible positions in each glob of
/// `by` (a subset construction, as in making a regular expression deterministic).
pub fn is_covered(glob: &Glob, by: &[Glob]) -> bool {
    let alphabet = alphabet(by);
    let mut start: Positions = Vec::new();
    (0..by.len()).for_each(|number| enter(by, (number, 0), &mut start));
    start.sort_unstable();
    let (mut seen, mut steps) = (HashSet::new(), 0);
    let mut open: Vec<(usize, Positions)> = vec![(0, start)];
    while let Some((at, positions)) = open.pop() {
        steps += 1;
        if positions.is_empty() || steps > MAX_STEPS {
            return false;
        }
        if !seen.insert((at, positions.clone())) {
            continue;
        }
        let Some(&symbol) = glob.0.get(at) else {
            if positions.iter().any(|&(number, at)| by.get(number).is_some_and(|glob| glob.0.len() == at)) {
                continue;
            }
            return false;
        };
        if symbol == Symbol::Many {
            open.push((at + 1, positions.clone()));
        }
        let own = match symbol {
            Symbol::Letter(letter) => vec![Letter::Known(letter)],
            Symbol::Border => vec![Letter::Border],
            Symbol::One | Symbol::Many => alphabet.clone(),
        };
        for letter in own {
            steps += positions.len();
            let next = if symbol == Symbol::Many { at } else { at + 1 };
            open.push((next, read(by, &positions, letter)));
        }
    }
    true
}

/// The letters that the wildcards of a covered glob must be tried with.
fn alphabet(by: &[Glob]) -> Vec<Letter> {
    let mut letters: Vec<char> = by
        .iter()
        .flat_map(|glob| &glob.0)
        .filter_map(|symbol| if let Symbol::Letter(letter) = symbol { Some(*letter) } else { None })
        .filter(|letter| *letter != '\\')
        .collect();
    letters.sort_unstable();
    letters.dedup();
    letters.into_iter().map(Letter::Known).chain([Letter::Other]).collect()
}

/// Adds a position, and those reachable from it without a letter.
fn enter(by: &[Glob], (number, mut at): Position, positions: &mut Positions) {
    loop {
        if !positions.contains(&(number, at)) {
            positions.push((number, at));
        }
        match by.get(number).and_then(|glob| glob.0.get(at)) {
            Some(Symbol::Many) => at += 1,
            _ => return,
        }
    }
}

/// The positions reachable from `positions` by `letter`.
fn read(by: &[Glob], positions: &Positions, letter: Letter) -> Positions {
    let mut next = Vec::new();
    for &(number, at) in positions {
        let Some(&symbol) = by.get(number).and_then(|glob| glob.0.get(at)) else { continue };
        if symbol.takes(letter) {
            let at = if symbol == Symbol::Many { at } else { at + 1 };
            enter(by, (number, at), &mut next);
        }
    }
    next.sort_unstable();
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::pattern::glob as matches;

    fn covered(glob: &str, by: &[&str]) -> bool {
        let by: Vec<Glob> = by.iter().map(|text| Glob::new(text)).collect();
        is_covered(&Glob::new(glob), &by)
    }

    /// All texts of `letters` with up to `most` letters.
    fn texts(letters: &[char], most: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut last = 0;
        for _ in 0..most {
            let longest = all.len();
            for at in last..longest {
                let longer: Vec<String> = letters.iter().map(|letter| format!("{}{letter}", all[at])).collect();
                all.extend(longer);
            }
            last = longest;
        }
        all
    }

    #[test]
    fn covered_globs_are_recognized() {
        for (glob, by) in [
            ("fra", vec!["fra"]),
            ("fra-*", vec!["fra*"]),
            ("fra?", vec!["fra*"]),
            ("*", vec!["*"]),
            ("a?*", vec!["a*?"]),
            ("a**b", vec!["a*b"]),
            ("fra-?", vec!["fra-?"]),
            ("*", vec!["", "?*"]),
            ("a*", vec!["a", "ab*", "a?*"]),
        ] {
            assert!(covered(glob, &by), "{glob} by {by:?}");
        }
        for (glob, by) in [
            ("fra*", vec!["fra"]),
            ("fra*", vec!["fra?*"]),
            ("*", vec!["fra*"]),
            ("fra", vec![]),
            ("?ra", vec!["fra"]),
            ("f*", vec!["f?", "f??"]),
            ("*a", vec!["a*"]),
            ("?", vec!["a", "b"]),
        ] {
            assert!(!covered(glob, &by), "{glob} by {by:?}");
        }
    }

    #[test]
    fn brute_force_agrees() {
        // The third letter is in no covering glob: only a wildcard matches all letters.
        let names = texts(&['a', 'b', 'c'], 5);
        let patterns = texts(&['a', 'b', '*', '?'], 3);
        let singles = patterns.iter().flat_map(|glob| patterns.iter().map(move |by| (glob, vec![by.as_str()])));
        let pairs = patterns.iter().step_by(3).flat_map(|glob| {
            let firsts = patterns.iter().step_by(5);
            firsts.flat_map(move |first| texts_of_two(first).into_iter().map(move |by| (glob, by)))
        });
        let mut count = 0;
        for (glob, by) in singles.chain(pairs) {
            let expected =
                names.iter().filter(|name| matches(glob, name)).all(|name| by.iter().any(|by| matches(by, name)));
            assert_eq!(covered(glob, &by), expected, "{glob} by {by:?}");
            count += 1;
        }
        assert!(count > 8_000, "{count}");
    }

    fn texts_of_two(first: &str) -> Vec<Vec<&str>> {
        ["a", "b*", "?", "*a", "??", "a*b", "?*"].into_iter().map(|second| vec![first, second]).collect()
    }

    #[test]
    fn names_have_no_wildcards_and_wildcards_do_not_cross_borders() {
        let by = [Glob::new("*.shop")];
        assert!(is_covered(&Glob::literal("*.shop"), &by));
        assert!(!is_covered(&Glob::literal("*"), &[Glob::new("a*")]));
        assert!(!is_covered(&Glob::literal(r"a\.shop"), &by), "an escaped dot does not separate labels");
        let two = |first: &str, second: &str| Glob::new(first).and(Glob::new(second));
        assert!(is_covered(&two("fra", "fra-1"), &[two("fr*", "*")]));
        assert!(!is_covered(&two("fra", "fra-1"), &[Glob::new("*")]));
        assert!(!is_covered(&two("fra*", "1"), &[two("fra", "*")]));
    }

    #[test]
    fn a_check_that_takes_too_long_reports_not_covered() {
        let hard = format!("*a{}", "?".repeat(60));
        let began = std::time::Instant::now();
        assert!(!covered("*b*a*", &[&hard]));
        let many: Vec<String> = (0..32).map(|at| format!("*a{}b*", "?".repeat(at + 20))).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(!covered("*a*b*", &many));
        assert!(began.elapsed().as_secs() < 20);
    }
}
