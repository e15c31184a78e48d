//! Whether globs cover another glob: whether every name that it can match is matched by at least one of them.

use std::collections::HashSet;

/// Most steps that one question may take; where that is not enough, the answer is no.
const MAX_STEPS: usize = 200_000;

/// A pattern of names, to be compared with others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(Vec<Symbol>);

/// One place of a pattern.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Symbol {
    /// This letter.
    Letter(char),
    /// `?`: any one letter.
    One,
    /// `*`: any letters, or none.
    Many,
    /// The border between two names.
    Border,
}

/// One letter of a name, as far as a pattern can tell it from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Letter {
    Known(char),
    /// Any that stands in no pattern.
    Other,
    Border,
}

impl Glob {
    /// A pattern in which `*` stands for any letters and `?` for any one of them.
    pub fn new(text: &str) -> Self {
        let symbol = |letter| match letter {
            '*' => Symbol::Many,
            '?' => Symbol::One,
            letter => Symbol::Letter(letter),
        };
        Self(text.chars().map(symbol).collect())
    }

    /// A name, in which `*` and `?` are letters like others.
    pub fn literal(text: &str) -> Self {
        Self(text.chars().map(Symbol::Letter).collect())
    }

    /// This pattern, and `second` for a second name: no wildcard reaches from one into the other.
    #[must_use]
    pub fn and(mut self, second: Self) -> Self {
        self.0.push(Symbol::Border);
        self.0.extend(second.0);
        self
    }
}

impl Symbol {
    /// Whether it can stand for `letter`.
    fn takes(self, letter: Letter) -> bool {
        match self {
            Self::Letter(own) => letter == Letter::Known(own),
            // A backslash makes the letter after it another one: it has to be named.
            Self::One | Self::Many => !matches!(letter, Letter::Border | Letter::Known('\\')),
            Self::Border => letter == Letter::Border,
        }
    }
}

/// A place of a pattern: its number, and how many symbols lie before the place.
type Place = (usize, usize);

/// Places of all covering patterns at which a name that was read so far may be, in order.
type Places = Vec<Place>;

/// Whether every name that `glob` matches is matched by one of `by`. Where that takes too long to find out, it says no.
///
/// It reads all names that `glob` matches at once, letter by letter, and follows where each pattern of `by` may be
/// (a walk over subsets, as a regular expression is made deterministic).
pub fn is_covered(glob: &Glob, by: &[Glob]) -> bool {
    let alphabet = alphabet(by);
    let mut start: Places = Vec::new();
    (0..by.len()).for_each(|number| enter(by, (number, 0), &mut start));
    start.sort_unstable();
    let (mut seen, mut steps) = (HashSet::new(), 0);
    let mut open: Vec<(usize, Places)> = vec![(0, start)];
    while let Some((at, places)) = open.pop() {
        steps += 1;
        if places.is_empty() || steps > MAX_STEPS {
            return false;
        }
        if !seen.insert((at, places.clone())) {
            continue;
        }
        let Some(&symbol) = glob.0.get(at) else {
            if places.iter().any(|&(number, at)| by.get(number).is_some_and(|glob| glob.0.len() == at)) {
                continue;
            }
            return false;
        };
        if symbol == Symbol::Many {
            open.push((at + 1, places.clone()));
        }
        let own = match symbol {
            Symbol::Letter(letter) => vec![Letter::Known(letter)],
            Symbol::Border => vec![Letter::Border],
            Symbol::One | Symbol::Many => alphabet.clone(),
        };
        for letter in own {
            steps += places.len();
            let next = if symbol == Symbol::Many { at } else { at + 1 };
            open.push((next, read(by, &places, letter)));
        }
    }
    true
}

/// The letters that wildcards of a covered pattern have to be tried with.
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

/// Adds `place`, and where it leads to without a letter.
fn enter(by: &[Glob], (number, mut at): Place, places: &mut Places) {
    loop {
        if !places.contains(&(number, at)) {
            places.push((number, at));
        }
        match by.get(number).and_then(|glob| glob.0.get(at)) {
            Some(Symbol::Many) => at += 1,
            _ => return,
        }
    }
}

/// Where `places` lead to by `letter`.
fn read(by: &[Glob], places: &Places, letter: Letter) -> Places {
    let mut next = Vec::new();
    for &(number, at) in places {
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

    /// All texts of `letters` with up to `most` of them.
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
    fn what_is_covered() {
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
        // A third letter stands in no pattern: whoever means all letters has to write a wildcard.
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
    fn a_letter_of_a_name_is_no_wildcard_and_no_wildcard_crosses_a_border() {
        let by = [Glob::new("*.shop")];
        assert!(is_covered(&Glob::literal("*.shop"), &by));
        assert!(!is_covered(&Glob::literal("*"), &[Glob::new("a*")]));
        assert!(!is_covered(&Glob::literal(r"a\.shop"), &by), "an escaped dot does not part labels");
        let two = |first: &str, second: &str| Glob::new(first).and(Glob::new(second));
        assert!(is_covered(&two("fra", "fra-1"), &[two("fr*", "*")]));
        assert!(!is_covered(&two("fra", "fra-1"), &[Glob::new("*")]));
        assert!(!is_covered(&two("fra*", "1"), &[two("fra", "*")]));
    }

    #[test]
    fn what_takes_too_long_is_not_covered() {
        let hard = format!("*a{}", "?".repeat(60));
        let began = std::time::Instant::now();
        assert!(!covered("*b*a*", &[&hard]));
        let many: Vec<String> = (0..32).map(|at| format!("*a{}b*", "?".repeat(at + 20))).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert!(!covered("*a*b*", &many));
        assert!(began.elapsed().as_secs() < 20);
    }
}
