//! Figures that do not depend on the load of a machine, compared with the committed ones.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

pub mod measure;

/// Measured values by name; the part before the first `/` is the unit.
pub type Figures = BTreeMap<String, u64>;

/// How much worse a figure may get before someone has to say why, in percent. Memory depends a little on when the
/// kernel and the allocator do their work.
fn tolerance(name: &str) -> u64 {
    if name.starts_with("memory-kib/") { 10 } else { 3 }
}

/// What became of one figure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Within the tolerance.
    Same,
    /// Smaller by more than that: update the file, or the gain may be lost again unnoticed.
    Better,
    /// Larger by more than that.
    Worse,
    /// The file does not have it.
    New,
    /// The file has it, and it was not measured.
    Missing,
}

/// One figure, as the file has it and as it was measured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// Its name.
    pub name: String,
    /// The committed value.
    pub committed: Option<u64>,
    /// The measured value.
    pub measured: Option<u64>,
    /// The verdict.
    pub verdict: Verdict,
}

impl Compared {
    fn new(name: &str, committed: Option<u64>, measured: Option<u64>) -> Self {
        let verdict = match (committed, measured) {
            (Some(committed), Some(measured)) => judge(committed, measured, tolerance(name)),
            (None, _) => Verdict::New,
            (Some(_), None) => Verdict::Missing,
        };
        Self { name: name.to_owned(), committed, measured, verdict }
    }

    /// Whether this ends a check with a failure.
    pub fn fails(&self) -> bool {
        matches!(self.verdict, Verdict::Worse | Verdict::New | Verdict::Missing)
    }
}

impl fmt::Display for Compared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |value: Option<u64>| value.map_or_else(|| "-".to_owned(), |value| value.to_string());
        let verdict = match self.verdict {
            Verdict::Same => "",
            Verdict::Better => "better",
            Verdict::Worse => "WORSE",
            Verdict::New => "NEW",
            Verdict::Missing => "MISSING",
        };
        let change = match (self.committed, self.measured) {
            (Some(from), Some(to)) if from > 0 => format!("{:+.1} %", (to as f64 / from as f64 - 1.0) * 100.0),
            _ => String::new(),
        };
        let (committed, measured) = (number(self.committed), number(self.measured));
        write!(f, "{:<34} {committed:>12} {measured:>12} {change:>9}  {verdict}", self.name)
    }
}

fn judge(committed: u64, measured: u64, tolerance: u64) -> Verdict {
    let (committed, measured) = (u128::from(committed) * 100, u128::from(measured) * 100);
    let slack = committed / 100 * u128::from(tolerance);
    if measured > committed + slack {
        Verdict::Worse
    } else if measured + slack < committed {
        Verdict::Better
    } else {
        Verdict::Same
    }
}

/// Every figure of both, by name.
pub fn compare(committed: &Figures, measured: &Figures) -> Vec<Compared> {
    let mut names: Vec<&String> = committed.keys().chain(measured.keys()).collect();
    names.sort();
    names.dedup();
    names.iter().map(|name| Compared::new(name, committed.get(*name).copied(), measured.get(*name).copied())).collect()
}

/// Reads the file: a name and a number on each line, comments after `#`.
///
/// # Errors
/// The number of the line that is neither.
pub fn read(text: &str) -> Result<Figures, String> {
    let mut figures = Figures::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.split('#').next().unwrap_or_default();
        let words: Vec<&str> = line.split_whitespace().collect();
        let value = match words[..] {
            [] => continue,
            [name, value] => value.parse().ok().map(|value| (name.to_owned(), value)),
            _ => None,
        };
        let (name, value) = value.ok_or_else(|| format!("line {number}: expected a name and a whole number"))?;
        if figures.insert(name, value).is_some() {
            return Err(format!("line {number}: this figure is duplicated"));
        }
    }
    Ok(figures)
}

/// The file for `figures`, with the reason for their change.
pub fn written(figures: &Figures, reason: &str) -> String {
    let mut text = String::from(
        "# What `benches/figures` measured when this file was last written. A change that makes one worse by more than 3 %\n\
         # (memory: 10 %) writes the file again, in the same commit: `benches/figures --write 'REASON'`.\n",
    );
    let _ = writeln!(text, "# Reason of the last change: {}", reason.split_whitespace().collect::<Vec<_>>().join(" "));
    for (name, value) in figures {
        let _ = writeln!(text, "{name:<34} {value:>12}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(of: &[(&str, u64)]) -> Figures {
        of.iter().map(|&(name, value)| (name.to_owned(), value)).collect()
    }

    #[test]
    fn a_figure_worse_than_the_tolerance_fails() {
        for (name, measured, verdict) in [
            ("instructions/static", 1030, Verdict::Same),
            ("instructions/static", 1031, Verdict::Worse),
            ("instructions/static", 970, Verdict::Same),
            ("instructions/static", 969, Verdict::Better),
            ("memory-kib/demo", 1100, Verdict::Same),
            ("memory-kib/demo", 1101, Verdict::Worse),
        ] {
            let compared = compare(&figures(&[(name, 1000)]), &figures(&[(name, measured)]));
            assert_eq!(compared.iter().map(|one| one.verdict).collect::<Vec<_>>(), [verdict], "{name} {measured}");
        }
    }

    #[test]
    fn a_figure_that_only_one_side_has_fails() {
        let compared = compare(&figures(&[("old", 1)]), &figures(&[("new", 1)]));
        let verdicts: Vec<_> = compared.iter().map(|one| (one.name.as_str(), one.verdict, one.fails())).collect();
        assert_eq!(verdicts, [("new", Verdict::New, true), ("old", Verdict::Missing, true)]);
    }

    #[test]
    fn values_written_are_read_back() {
        let all = figures(&[("instructions/static", 1011), ("memory-kib/demo/settled", 60_000)]);
        let text = written(&all, "a new\nkind of answer # 3");
        assert_eq!(read(&text), Ok(all));
        assert!(text.contains("change: a new kind of answer # 3\n"), "{text}");
        assert_eq!(read("a 1\nb\n"), Err("line 2: expected a name and a whole number".to_owned()));
        assert_eq!(read("a 1\na 2\n"), Err("line 2: this figure is duplicated".to_owned()));
    }
}
