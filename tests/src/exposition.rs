//! A server's metrics, parsed like Prometheus does: families, their labels, and no duplicate series.

use std::collections::{BTreeMap, BTreeSet};

/// Names of families, each with the names of the labels that any of its series has. Histograms have `le`.
pub type Families = BTreeMap<String, BTreeSet<String>>;

/// A scrape in the text format, version 0.0.4.
#[derive(Debug)]
pub struct Exposition {
    /// The parsed metrics.
    pub families: Families,
    /// Values by series; a series is written as in the text.
    values: BTreeMap<String, f64>,
}

impl Exposition {
    /// Reads `text`.
    ///
    /// # Errors Malformed lines, a value that belongs to no family or to a previous one, and a duplicate series:
    /// Prometheus keeps a random one of both.
    pub fn read(text: &str) -> Result<Self, String> {
        let (mut read, mut family) = (Self { families: Families::new(), values: BTreeMap::new() }, None);
        let mut series = BTreeSet::new();
        for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with("# HELP ")) {
            if let Some(declared) = line.strip_prefix("# TYPE ") {
                let name = declared.split(' ').next().unwrap_or_default();
                if read.families.insert(name.to_owned(), BTreeSet::new()).is_some() {
                    return Err(format!("family {name} is duplicated"));
                }
                family = Some(name);
                continue;
            }
            let (written, value) = line.rsplit_once(' ').ok_or_else(|| format!("no value in {line:?}"))?;
            let (name, labels) = split(written)?;
            let family =
                family.filter(|family| is_of(name, family)).ok_or_else(|| format!("no family has {line:?}"))?;
            let counts = read.families.entry(family.to_owned()).or_default();
            counts.extend(labels.keys().map(|label| (*label).to_owned()));
            if !series.insert((name.to_owned(), format!("{labels:?}"))) {
                return Err(format!("{written} is duplicated"));
            }
            let value = value.parse().map_err(|_| format!("no number in {line:?}"))?;
            read.values.insert(written.to_owned(), value);
        }
        Ok(read)
    }

    /// Value of a series, by its name and labels as they are written.
    pub fn value(&self, series: &str) -> Option<f64> {
        self.values.get(series).copied()
    }

    /// Every series as it is written, with its value.
    pub fn series(&self) -> impl Iterator<Item = (&str, f64)> {
        self.values.iter().map(|(series, value)| (&**series, *value))
    }
}

/// True if series of this name belong to `family`.
fn is_of(name: &str, family: &str) -> bool {
    name.strip_prefix(family).is_some_and(|rest| ["", "_bucket", "_sum", "_count"].contains(&rest))
}

/// A series' name and its labels. Values stay escaped: equal values are escaped the same.
///
/// # Errors
/// Unclosed braces or quotes, and a duplicate label.
pub fn split(series: &str) -> Result<(&str, BTreeMap<&str, &str>), String> {
    let broken = || format!("{series:?} is no series");
    let Some((name, mut rest)) = series.split_once('{') else { return Ok((series, BTreeMap::new())) };
    let mut labels = BTreeMap::new();
    while rest != "}" {
        let (label, after) = rest.split_once("=\"").ok_or_else(broken)?;
        let end = closing(after).ok_or_else(broken)?;
        if labels.insert(label.trim(), &after[..end]).is_some() {
            return Err(format!("{series:?} has a label twice"));
        }
        rest = after[end + 1..].trim_start_matches(',');
    }
    Ok((name, labels))
}

/// The position of the quotation mark that ends a value.
pub(crate) fn closing(text: &str) -> Option<usize> {
    let mut is_escaped = false;
    text.find(|next| match next {
        _ if is_escaped => {
            is_escaped = false;
            false
        }
        '\\' => {
            is_escaped = true;
            false
        }
        next => next == '"',
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_have_the_labels_of_their_series() {
        let text = "# HELP a_total A.\n# TYPE a_total counter\na_total{x=\"1\",y=\"\\\"}, \\\\\"} 3\na_total{z=\"\"} 4\n\
                    # TYPE b histogram\nb_bucket{le=\"+Inf\"} 1\nb_sum 0.5\nb_count 1\n";
        let read = Exposition::read(text).unwrap();
        let labels = |name: &str| read.families[name].iter().map(String::as_str).collect::<Vec<_>>();
        assert_eq!((labels("a_total"), labels("b")), (vec!["x", "y", "z"], vec!["le"]));
        assert_eq!((read.value("a_total{z=\"\"}"), read.value("b_sum"), read.value("c")), (Some(4.0), Some(0.5), None));
    }

    #[test]
    fn names_that_prometheus_rejects_are_refused() {
        for (text, part) in [
            ("# TYPE a gauge\na{x=\"1\",y=\"2\"} 1\na{y=\"2\",x=\"1\"} 2\n", "is duplicated"),
            ("# TYPE a gauge\na 1\n# TYPE b gauge\nb 1\n# TYPE a gauge\n", "family a is duplicated"),
            ("# TYPE a gauge\nb 1\n", "no family has \"b 1\""),
            ("a 1\n", "no family has"),
            ("# TYPE a gauge\na{x=\"1} 1\n", "is no series"),
            ("# TYPE a gauge\na{x=\"1\",x=\"1\"} 1\n", "has a label twice"),
            ("# TYPE a gauge\na one\n", "no number in"),
        ] {
            let refused = Exposition::read(text).unwrap_err();
            assert!(refused.contains(part), "{refused}");
        }
    }
}
