//! Finds the known name that a misspelt one was probably meant to be.

/// Longest text that is compared; names are at most 63 characters long.
const MAX_COMPARED: usize = 64;
/// Shortest start of a name that stands for the name.
const MIN_START: usize = 3;

/// The known name nearest to `wrong`, if one is near: a third of its letters may be changed, dropped, added or swapped,
/// or its end may be missing.
pub(super) fn closest<'a>(wrong: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lowered = |name: &str| -> String { name.chars().take(MAX_COMPARED).flat_map(char::to_lowercase).collect() };
    let wrong = lowered(wrong);
    let letters = wrong.chars().count();
    let allowed = (letters / 3).max(1);
    let near = |name: &'a str| {
        let known = lowered(name);
        if letters >= MIN_START && known.starts_with(&wrong) {
            return Some((1, name));
        }
        let known_letters = known.chars().count();
        if known_letters.abs_diff(letters) > allowed {
            return None;
        }
        let changes = strsim::osa_distance(&wrong, &known);
        // A name that shares no letter with what was written is no suggestion, however short both are.
        (changes <= allowed && changes < known_letters.max(letters)).then_some((changes, name))
    };
    known.filter_map(near).min().map(|(_, name)| name)
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
