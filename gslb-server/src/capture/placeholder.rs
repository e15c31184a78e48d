//! Label values that stand in for a name; no document can use them as names.

/// No data center.
pub const NONE: &str = "(none)";
/// Clients outside all regions: the key of `geo` policies for them, so it cannot be a region's name.
pub const DEFAULT: &str = "default";
/// The sum of all without their own series.
pub const OTHER: &str = "(other)";

#[cfg(test)]
mod tests {
    use gslb_core::dns::name::Name;
    use gslb_core::site::document;

    use super::*;

    #[test]
    fn no_region_is_called_default() {
        let text = format!("[regions.{DEFAULT}]\nmatch = [\"continent:EU\"]\n");
        let read = document::read("site.toml", &text, &mut document::no_files);
        assert!(format!("{:?}", read.problems).contains("a region cannot be named `default`"), "{:?}", read.problems);
    }

    #[test]
    fn no_document_can_use_these_names() {
        let root = Name::root();
        for word in [NONE, OTHER] {
            let name = Name::parse(word.as_bytes(), &root).unwrap();
            assert_ne!(name.to_written(), word, "a name with parentheses is written with backslashes");
            for section in ["data_centers", "regions", "pools"] {
                let text = format!("[{section}.\"{word}\"]\n");
                let read = document::read("site.toml", &text, &mut document::no_files);
                let problems = format!("{:?}", read.problems);
                assert!(problems.contains("is not a valid name"), "{section}: {problems}");
            }
        }
    }
}
