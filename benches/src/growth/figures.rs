//! Figures: numbers printed by a measurement, and their form in a report.

use std::fmt::Write;

/// The unit of a column of figures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unit {
    /// Things.
    Count,
    /// Milliseconds.
    Millis,
    /// Millions of octets.
    Megabytes,
    /// Nanoseconds.
    Nanos,
    /// One of the same kind over another.
    Ratio,
}

/// One line of figures with its label.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Row {
    pub(super) label: String,
    pub(super) figures: Vec<f64>,
}

impl Unit {
    fn show(self, figure: f64) -> String {
        match self {
            Unit::Count => grouped(figure as u64),
            Unit::Millis if figure < 10.0 => format!("{figure:.2} ms"),
            Unit::Millis => format!("{figure:.0} ms"),
            Unit::Megabytes => format!("{figure:.0} MB"),
            Unit::Nanos => format!("{figure:.0} ns"),
            Unit::Ratio => format!("{figure:.2}"),
        }
    }
}

/// A number with a comma before every third digit from the right.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut shown = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

impl Row {
    pub(super) fn new(label: impl Into<String>, figures: impl Into<Vec<f64>>) -> Row {
        Row { label: label.into(), figures: figures.into() }
    }

    /// One line of text, read again by [`Row::parse`].
    pub(super) fn line(&self) -> String {
        let mut line = self.label.clone();
        for figure in &self.figures {
            let _ = write!(line, "\t{figure}");
        }
        line
    }

    /// What [`Row::line`] wrote; none for any other line.
    pub(super) fn parse(line: &str) -> Option<Row> {
        let mut cells = line.split('\t');
        let label = cells.next()?.to_owned();
        let figures: Vec<f64> = cells.map(|cell| cell.parse().ok()).collect::<Option<_>>()?;
        (!figures.is_empty()).then_some(Row { label, figures })
    }

    /// The row of a Markdown table.
    pub(super) fn markdown(&self, units: &[Unit]) -> String {
        let mut line = format!("| {} |", self.label);
        for (figure, unit) in self.figures.iter().zip(units) {
            let _ = write!(line, " {} |", unit.show(*figure));
        }
        line
    }
}

/// The same rows measured several times, as one: the median of each figure.
pub(super) fn medians(runs: &[Vec<Row>]) -> Vec<Row> {
    let Some(first) = runs.first() else { return Vec::new() };
    let median = |row: usize, column: usize| {
        let of_run = |run: &Vec<Row>| run.get(row)?.figures.get(column).copied();
        let mut figures: Vec<f64> = runs.iter().filter_map(of_run).collect();
        figures.sort_by(f64::total_cmp);
        figures[figures.len() / 2]
    };
    let row = |(at, row): (usize, &Row)| Row {
        label: row.label.clone(),
        figures: (0..row.figures.len()).map(|column| median(at, column)).collect(),
    };
    first.iter().enumerate().map(row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_survives_being_printed() {
        let row = Row::new("1,000 names", [1.5, 2e9, 0.0]);
        assert_eq!(Row::parse(&row.line()), Some(row.clone()));
        assert_eq!(Row::parse("a line of something else"), None);
        let units = [Unit::Millis, Unit::Count, Unit::Megabytes];
        assert_eq!(row.markdown(&units), "| 1,000 names | 1.50 ms | 2,000,000,000 | 0 MB |");
    }

    #[test]
    fn each_figure_is_a_median() {
        let run = |a, b| vec![Row::new("x", [a, b])];
        assert_eq!(medians(&[run(3.0, 1.0), run(1.0, 2.0), run(2.0, 9.0)]), run(2.0, 2.0));
    }
}
