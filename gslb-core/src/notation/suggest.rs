//! Finds the known name that a misspelled one probably refers to.

/// Maximum length of compared text; names are at most 63 characters.
const MAX_COMPARED: usize = 64;
/// Minimum length of a prefix that suggests its name.
const MIN_START: usize = 3;

/// The known name closest to `misspelled`, if it is close: a third of its letters may be changed, dropped, added or
/// swapped, or its end may be missing.
pub(crate) fn closest<'a>(misspelled: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let lowered = |name: &str| -> String { name.chars().take(MAX_COMPARED).flat_map(char::to_lowercase).collect() };
    let misspelled = lowered(misspelled);
    let letters = misspelled.chars().count();
    let allowed = (letters / 3).max(1);
    let near = |name: &'a str| {
        let known = lowered(name);
        if letters >= MIN_START && known.starts_with(&misspelled) {
            return Some((1, name));
        }
        let known_letters = known.chars().count();
        if known_letters.abs_diff(letters) > allowed {
            return None;
        }
        let changes = strsim::osa_distance(&misspelled, &known);
        // A name without a common letter is not a suggestion, even if both are short.
        (changes <= allowed && changes < known_letters.max(letters)).then_some((changes, name))
    };
    known.filter_map(near).min().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn suggests_close_names_only() {
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
