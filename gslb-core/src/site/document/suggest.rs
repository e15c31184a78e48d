//! Finds the known name that a misspelt one was probably meant to be.

/// Longest text that is compared; names are at most 63 characters long.
const MAX_COMPARED: usize = 64;
/// Shortest start of a name that stands for the name.
const MIN_START: usize = 3;

/// The known name nearest to `wrong`, if one is near: a third of its letters may be changed, dropped, added or swapped,
/// or its end may be missing.
pub(super) fn closest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let wrong: Vec<char> = wrong.chars().take(MAX_COMPARED).flat_map(char::to_lowercase).collect();
    let allowed = (wrong.len() / 3).max(1);
    let near = |name: &'a str| {
        let known: Vec<char> = name.chars().take(MAX_COMPARED).flat_map(char::to_lowercase).collect();
        if wrong.len() >= MIN_START && known.starts_with(&wrong) {
            return Some((1, name));
        }
        if known.len().abs_diff(wrong.len()) > allowed {
            return None;
        }
        let changes = distance(&wrong, &known);
        // A name that shares no letter with what was written is not what was meant, however short both are.
        (changes <= allowed && changes < known.len().max(wrong.len())).then_some((changes, name))
    };
    known.filter_map(near).min().map(|(_, name)| name)
}

/// How many letters must be changed, dropped, added or swapped with their neighbour to turn `a` into `b`.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before = vec![0; b.len() + 1];
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, &from) in a.iter().enumerate() {
        let mut row = vec![i + 1; b.len() + 1];
        for (j, &to) in b.iter().enumerate() {
            let changed = above[j] + usize::from(from != to);
            row[j + 1] = changed.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && from == b[j - 1] && a[i - 1] == to {
                row[j + 1] = row[j + 1].min(before[j - 1] + 1);
            }
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant_and_nothing_far_fetched() {
        let known = || ["weight", "address", "cname", "fra"].into_iter();
        assert_eq!(closest("wieght", known()), Some("weight"));
        assert_eq!(closest("Adress", known()), Some("address"));
        assert_eq!(closest("frq", known()), Some("fra"));
        assert_eq!(closest("addr", known()), Some("address"));
        assert_eq!(closest("port", known()), None);
        assert_eq!(closest("", known()), None);
        assert_eq!(closest("x", ["y"].into_iter()), None);
    }
}
