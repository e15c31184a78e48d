//! Tables that fit the terminal: columns are dropped by rank, prose is wrapped, and no value is broken.

use std::env;
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) use comfy_table::Color;
use comfy_table::{Attribute, CellAlignment, Table, presets};
use unicode_width::UnicodeWidthStr as _;

/// Width of a terminal that does not report one, such as a serial console.
const USUAL: usize = 80;
/// Minimum width of a table; narrower terminals wrap its lines.
const NARROWEST: usize = 60;
/// Blanks between two columns.
const GAP: usize = 2;
/// Minimum width of prose in a column; with less, it is written below its row.
const PROSE: usize = 24;
/// Indentation of prose below its row.
const INDENT: &str = "    ";

/// Whether everything is shown at any width: `-o wide`. A property of the process, like its terminal.
static IS_WIDE: AtomicBool = AtomicBool::new(false);

/// From now on, tables have all their columns and full timestamps.
pub(super) fn show_everything() {
    IS_WIDE.store(true, Ordering::Relaxed);
}

/// Whether tables have all their columns and full timestamps.
pub(super) fn is_wide() -> bool {
    IS_WIDE.load(Ordering::Relaxed)
}

/// A column of a table.
#[derive(Debug, Clone)]
pub(super) struct Column {
    heading: String,
    /// Columns that do not fit are dropped in this order: the highest rank first. A column with rank 0 stays.
    rank: u8,
    content: Content,
}

/// The content of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    /// One value, never broken.
    Value,
    /// Values separated by spaces, where lines may break.
    Values,
    /// A sentence.
    Prose,
}

impl Column {
    /// A column that always stays.
    pub(super) fn key(heading: impl Into<String>) -> Self {
        Self { heading: heading.into(), rank: 0, content: Content::Value }
    }

    /// A column that is dropped if the table would be too wide, the highest rank first.
    pub(super) fn ranked(heading: impl Into<String>, rank: u8) -> Self {
        Self { rank, ..Self::key(heading) }
    }

    /// A column of values separated by spaces, where lines may break.
    pub(super) fn list(heading: impl Into<String>, rank: u8) -> Self {
        Self { rank, content: Content::Values, ..Self::key(heading) }
    }

    /// A column of sentences. If the table would be too wide without the columns of a higher rank, they are written
    /// below their rows.
    pub(super) fn prose(heading: impl Into<String>, rank: u8) -> Self {
        Self { rank, content: Content::Prose, ..Self::key(heading) }
    }
}

/// The content of a cell.
#[derive(Debug, Clone, Default)]
pub(super) struct Cell {
    text: String,
    color: Option<Color>,
    is_right: bool,
}

impl Cell {
    /// Text that is safe for a terminal.
    pub(super) fn new(text: impl ToString) -> Self {
        Self { text: text.to_string(), ..Self::default() }
    }

    /// The same in this color, if the terminal has colors.
    pub(super) fn fg(self, color: Color) -> Self {
        Self { color: Some(color), ..self }
    }

    /// The same, right-aligned, as for numbers.
    pub(super) fn right(self) -> Self {
        Self { is_right: true, ..self }
    }

    fn with_text(&self, text: String) -> comfy_table::Cell {
        let mut cell = comfy_table::Cell::new_owned(text);
        if let Some(color) = self.color {
            cell = cell.fg(color);
        }
        if self.is_right { cell.set_alignment(CellAlignment::Right) } else { cell }
    }
}

/// A table with these columns, no wider than the terminal; of any width if standard output is not a terminal.
pub(super) fn table<const COLUMNS: usize>(
    columns: [Column; COLUMNS],
    rows: impl IntoIterator<Item = [Cell; COLUMNS]>,
) -> String {
    let rows: Vec<[Cell; COLUMNS]> = rows.into_iter().collect();
    render(&columns, &rows, width())
}

/// Width of the terminal; `None` if lines may have any length.
fn width() -> Option<usize> {
    if is_wide() {
        return None;
    }
    let terminal = Table::new().width().map(usize::from).map(|columns| if columns == 0 { USUAL } else { columns });
    let said = || env::var("COLUMNS").ok()?.parse().ok().filter(|columns| *columns > 0);
    terminal.or_else(said).map(|columns| columns.max(NARROWEST))
}

fn render<const COLUMNS: usize>(columns: &[Column; COLUMNS], rows: &[[Cell; COLUMNS]], width: Option<usize>) -> String {
    let layout = Layout::of(columns, rows, width);
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    let heading = |at: &usize| columns.get(*at).map(|column| column.heading.as_str()).unwrap_or_default();
    let bold = |text: &str| comfy_table::Cell::new(text).add_attribute(Attribute::Bold);
    table.set_header(layout.beside.iter().map(|(at, _)| bold(heading(at))));
    let mut heights = Vec::with_capacity(rows.len());
    for row in rows {
        let cells: Vec<(Vec<String>, &Cell)> = layout
            .beside
            .iter()
            .filter_map(|(at, width)| Some((*width, columns.get(*at)?, row.get(*at)?)))
            .map(|(width, column, cell)| (lines_of(&cell.text, column.content, width), cell))
            .collect();
        heights.push(cells.iter().map(|(lines, _)| lines.len().max(1)).max().unwrap_or(1));
        table.add_row(cells.into_iter().map(|(lines, cell)| cell.with_text(lines.join("\n"))));
    }
    let mut drawn = table.lines().map(|line| line.strip_prefix(' ').unwrap_or(&line).trim_end().to_owned());
    let mut lines: Vec<String> = drawn.by_ref().take(1).collect();
    let below_width = width.unwrap_or(usize::MAX).saturating_sub(INDENT.len());
    for (row, height) in rows.iter().zip(heights) {
        lines.extend(drawn.by_ref().take(height));
        let below = layout.below.iter().filter_map(|at| row.get(*at));
        let below = below.flat_map(|cell| lines_of(&cell.text, Content::Prose, below_width));
        lines.extend(below.filter(|line| !line.is_empty()).map(|line| format!("{INDENT}{line}")));
    }
    lines.join("\n")
}

/// Which columns are side by side, the width of each, and which are below their rows.
struct Layout {
    beside: Vec<(usize, usize)>,
    below: Vec<usize>,
}

/// A measured column.
#[derive(Clone, Copy)]
struct Measured {
    at: usize,
    rank: u8,
    /// Its minimum width, and the width of its content.
    least: usize,
    most: usize,
    content: Content,
}

impl Layout {
    fn of<const COLUMNS: usize>(columns: &[Column; COLUMNS], rows: &[[Cell; COLUMNS]], width: Option<usize>) -> Self {
        let measured = columns.iter().enumerate().map(|(at, column)| Measured::of(at, column, rows));
        let mut beside: Vec<Measured> = measured.collect();
        let mut below = Vec::new();
        let Some(width) = width else {
            return Self { beside: beside.iter().map(|it| (it.at, it.most)).collect(), below };
        };
        while total(&beside, |it| it.least) > width {
            let ranked = beside.iter().enumerate().filter(|(_, it)| it.rank > 0);
            let Some((next, _)) = ranked.max_by_key(|(_, it)| it.rank) else { break };
            let gone = beside.remove(next);
            if gone.content == Content::Prose {
                below.push(gone.at);
            }
        }
        below.sort_unstable();
        Self { beside: shared(&beside, width), below }
    }
}

impl Measured {
    fn of<const COLUMNS: usize>(at: usize, column: &Column, rows: &[[Cell; COLUMNS]]) -> Self {
        let texts = || rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.text.as_str());
        let heading = column.heading.width();
        let most = texts().map(|text| text.width()).max().unwrap_or(0).max(heading);
        let word = || texts().flat_map(|text| text.split(' ')).map(|word| word.width()).max().unwrap_or(0);
        let least = match column.content {
            Content::Value => most,
            Content::Values => word().max(heading),
            Content::Prose => word().max(PROSE).min(most),
        };
        // Empty columns are dropped first.
        let is_empty = texts().all(str::is_empty);
        let rank = if is_empty && column.rank > 0 { u8::MAX } else { column.rank };
        Self { at, rank, least, most, content: column.content }
    }
}

fn total(columns: &[Measured], of: impl Fn(&Measured) -> usize) -> usize {
    columns.iter().map(of).sum::<usize>() + GAP * columns.len().saturating_sub(1)
}

/// The width of each column. Space beyond the minimum widths goes to the columns that can use it, in order; if even the
/// minimum widths are too wide, the widest column is cut.
fn shared(columns: &[Measured], width: usize) -> Vec<(usize, usize)> {
    let least = total(columns, |it| it.least);
    let mut spare = width.saturating_sub(least);
    let mut widths: Vec<(usize, usize)> = columns
        .iter()
        .map(|it| {
            let more = spare.min(it.most - it.least);
            spare -= more;
            (it.at, it.least + more)
        })
        .collect();
    if let Some((_, widest)) = widths.iter_mut().max_by_key(|(_, width)| *width) {
        *widest = widest.saturating_sub(least.saturating_sub(width)).max(1);
    }
    widths
}

/// The lines of a cell of this width.
fn lines_of(text: &str, content: Content, width: usize) -> Vec<String> {
    if text.width() <= width {
        return vec![text.to_owned()];
    }
    if content == Content::Value {
        return vec![cut(text, width)];
    }
    let mut lines: Vec<String> = Vec::new();
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.width() + 1 + word.width() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(cut(word, width)),
        }
    }
    lines
}

/// The beginning and the end of a value wider than the terminal; `-o wide` shows all of it.
fn cut(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let taken = |characters: &mut dyn Iterator<Item = char>, width: usize| {
        let mut taken = String::new();
        for character in characters {
            taken.push(character);
            if taken.width() > width {
                taken.pop();
                break;
            }
        }
        taken
    };
    let kept = width.saturating_sub(1);
    let head = taken(&mut text.chars(), kept.div_ceil(2));
    let tail: String = taken(&mut text.chars().rev(), kept / 2).chars().rev().collect();
    format!("{head}…{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn statuses() -> ([Column; 5], Vec<[Cell; 5]>) {
        let columns = [
            Column::key("endpoint"),
            Column::ranked("source", 3),
            Column::ranked("ms", 4),
            Column::list("targets", 0),
            Column::prose("why", 2),
        ];
        let row = |name: &str, why: &str| {
            [
                Cell::new(name),
                Cell::new("probe-source"),
                Cell::new("1,204.5").right(),
                Cell::new("pool/frankfurt pool/ashburn data-center/tokyo"),
                Cell::new(why),
            ]
        };
        let why = "connection refused by the host at 192.0.2.10:443, three times in a row since the last deployment";
        (columns, vec![row("frankfurt/frankfurt-1", why), row("frankfurt/frankfurt-2", "")])
    }

    fn rendered(width: Option<usize>) -> String {
        let (columns, rows) = statuses();
        render(&columns, &rows, width)
    }

    #[test]
    fn no_line_exceeds_the_terminal_and_no_value_is_broken() {
        let (_, rows) = statuses();
        let words: Vec<String> =
            rows.iter().flatten().flat_map(|cell| cell.text.split(' ').map(str::to_owned)).collect();
        for width in [60, 72, 80, 100, 120, 200] {
            let output = rendered(Some(width));
            assert!(output.lines().all(|line| line.width() <= width), "{width}:\n{output}");
            for word in output.lines().skip(1).flat_map(str::split_whitespace) {
                assert!(words.iter().any(|known| known == word), "{width}: {word} is broken:\n{output}");
            }
        }
    }

    #[test]
    fn low_priority_columns_are_dropped_and_prose_moves_below() {
        let headings = |width| rendered(width).lines().next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
        assert_eq!(headings(None), "endpoint source ms targets why");
        assert_eq!(headings(Some(120)), "endpoint source ms targets why");
        assert_eq!(headings(Some(80)), "endpoint source targets why");
        assert_eq!(headings(Some(60)), "endpoint targets");
        let narrow = rendered(Some(60));
        let second = narrow.lines().find(|line| line.starts_with(INDENT) && line.contains("connection")).unwrap();
        assert_eq!(second, "    connection refused by the host at 192.0.2.10:443, three");
        assert_eq!(rendered(None).lines().count(), 3, "without a terminal, a row is one line");
    }

    #[test]
    fn a_value_that_is_wider_than_everything_is_cut_in_its_middle() {
        let name = format!("{}.example.com", "x".repeat(200));
        let columns = [Column::key("service"), Column::key("status")];
        let output = render(&columns, &[[Cell::new(&name), Cell::new("down")]], Some(80));
        let row = output.lines().nth(1).unwrap();
        assert!(
            row.width() <= 80 && row.starts_with("xxx") && row.contains("…") && row.ends_with(".example.com  down"),
            "{row}"
        );
        let wide = render(&columns, &[[Cell::new(&name), Cell::new("down")]], None);
        assert!(wide.contains(&name));
    }

    #[test]
    fn letters_that_are_two_columns_wide_count_twice() {
        let columns = [Column::key("id"), Column::prose("reason", 1)];
        let output = render(&columns, &[[Cell::new("a"), Cell::new("東京 ".repeat(40).trim_end())]], Some(60));
        assert!(output.lines().all(|line| line.width() <= 60), "{output}");
    }
}
