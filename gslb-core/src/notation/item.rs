//! A value, with methods that read it as an expected type and report anything else.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::duration;
use super::problems::Problems;
use super::suggest;
use super::tree::{Entry, Node, Position, Table, Value, shortened};
use crate::problem::Path;

/// A value, its position and its path. `'t` is the lifetime of the tree, `'p` that of the reader's stack frame.
#[derive(Debug, Clone, Copy)]
pub struct Item<'t, 'p> {
    /// The value and its position.
    pub node: &'t Node<'t>,
    /// Its path.
    pub path: Path<'p>,
}

impl<'t, 'p> Item<'t, 'p> {
    /// The value of `entry`, in the table at `parent`.
    pub fn of(entry: &'t Entry<'t>, parent: &'p Path<'p>) -> Item<'t, 'p>
    where
        't: 'p,
    {
        Item { node: &entry.node, path: parent.key(&entry.key) }
    }

    /// Where the value starts.
    pub fn at(&self) -> Position {
        self.node.at
    }

    /// Adds an error about this value.
    pub fn error(&self, problems: &mut Problems, message: impl Into<String>, help: impl Into<String>) {
        problems.error(self.at(), &self.path, message, help);
    }

    /// Adds a warning about this value.
    pub fn warning(&self, problems: &mut Problems, message: impl Into<String>, help: impl Into<String>) {
        problems.warning(self.at(), &self.path, message, help);
    }

    /// Reports that the value has another type than `wanted`.
    pub fn mismatch(&self, problems: &mut Problems, wanted: &str, help: impl Into<String>) {
        self.error(problems, format!("expected {wanted}, found {}", self.node.describe()), help);
    }

    /// Length of the string in octets; zero if this is not a string.
    pub(crate) fn string_length(&self) -> usize {
        if let Value::String(text) = &self.node.value { text.len() } else { 0 }
    }

    /// A string; `example` shows one, in quotes.
    pub fn string(&self, example: &str, problems: &mut Problems) -> Option<&'t str> {
        match &self.node.value {
            Value::String(text) => return Some(text),
            Value::Integer(number) => {
                self.mismatch(
                    problems,
                    &format!("a string such as {example}"),
                    format!("write \"{number}\" in quotes"),
                );
            }
            _ => self.mismatch(problems, &format!("a string such as {example}"), format!("write {example}")),
        }
        None
    }

    /// A whole number in `range`; `what` describes it, such as `a weight`.
    pub fn integer(&self, what: &str, range: RangeInclusive<u32>, problems: &mut Problems) -> Option<u32> {
        let help = format!("write a whole number from {} to {}", range.start(), range.end());
        match &self.node.value {
            Value::Integer(number) => match u32::try_from(*number) {
                Ok(number) if range.contains(&number) => return Some(number),
                _ => self.error(problems, format!("{number} is out of range for {what}"), help),
            },
            _ => self.mismatch(problems, &format!("{what}, a whole number"), help),
        }
        None
    }

    /// A boolean.
    pub fn boolean(&self, problems: &mut Problems) -> Option<bool> {
        match self.node.value {
            Value::Boolean(truth) => return Some(truth),
            _ => self.mismatch(problems, "true or false", "write true or false, without quotes"),
        }
        None
    }

    /// A number of degrees from `-limit` to `limit`.
    pub fn degrees(&self, limit: f64, problems: &mut Problems) -> Option<f64> {
        let out_of_range = |degrees: f64| format!("{degrees} degrees are out of range");
        self.float("degrees, a number such as 50.11", -limit..=limit, out_of_range, problems)
    }

    /// A number in `range`, with or without a fraction.
    pub fn number(&self, what: &str, range: RangeInclusive<f64>, problems: &mut Problems) -> Option<f64> {
        let out_of_range = |number: f64| format!("{number} is out of range for {what}");
        self.float(&format!("{what}, a number"), range, out_of_range, problems)
    }

    fn float(
        &self,
        wanted: &str,
        range: RangeInclusive<f64>,
        out_of_range: impl Fn(f64) -> String,
        problems: &mut Problems,
    ) -> Option<f64> {
        let help = format!("write a number from {} to {}", range.start(), range.end());
        match self.node.value {
            Value::Integer(number) if range.contains(&(number as f64)) => return Some(number as f64),
            Value::Float(number) if range.contains(&number) => return Some(number),
            Value::Integer(number) => self.error(problems, out_of_range(number as f64), help),
            Value::Float(number) => self.error(problems, out_of_range(number), help),
            _ => self.mismatch(problems, wanted, help),
        }
        None
    }

    /// A duration in `range`.
    pub fn duration(&self, range: RangeInclusive<Duration>, problems: &mut Problems) -> Option<Duration> {
        let wanted = "a duration such as \"30s\"";
        let text = match &self.node.value {
            Value::String(text) => text,
            Value::Integer(number) => {
                let help = format!("write \"{number}s\" for seconds; the units are ms, s, m, h and d");
                self.mismatch(problems, wanted, help);
                return None;
            }
            _ => {
                self.mismatch(
                    problems,
                    wanted,
                    "write a whole number and one of the units ms, s, m, h and d, in quotes",
                );
                return None;
            }
        };
        let (least, most) = (duration::show(*range.start()), duration::show(*range.end()));
        match duration::parse(text) {
            Some(duration) if range.contains(&duration) => return Some(duration),
            Some(_) => {
                self.error(
                    problems,
                    format!("{text} is out of range"),
                    format!("write a duration from {least} to {most}"),
                );
            }
            None => {
                let help = "write a whole number and one of the units ms, s, m, h and d, such as \"30s\" or \"500ms\"";
                self.error(problems, format!("{} is not a duration", shortened(text)), help);
            }
        }
        None
    }

    /// One of a few keywords.
    pub fn choice<T: Copy>(&self, choices: &[(&str, T)], problems: &mut Problems) -> Option<T> {
        let words = || choices.iter().map(|&(word, _)| word);
        let example = choices.first().map_or(String::new(), |(word, _)| format!("\"{word}\""));
        let text = self.string(&example, problems)?;
        let found = choices.iter().find(|&&(word, _)| word == text);
        if found.is_none() {
            let help = problems.suggestion(text, words());
            self.error(problems, format!("unknown value {}", shortened(text)), help);
        }
        found.map(|&(_, meaning)| meaning)
    }

    /// A table; `example` shows one.
    pub fn table(&self, example: &str, problems: &mut Problems) -> Option<&'t Table<'t>> {
        match &self.node.value {
            Value::Table(table) => return Some(table),
            _ => self.mismatch(problems, "a table", format!("write a table such as {example}")),
        }
        None
    }

    /// A table whose keys must be among `known`; reports others, with suggestions.
    pub fn fields(&self, known: &[&str], example: &str, problems: &mut Problems) -> Option<Fields<'t, 'p>> {
        let fields = Fields { table: self.table(example, problems)?, at: self.node.at, path: self.path };
        fields.report_unknown(known, problems);
        Some(fields)
    }

    /// The items of a non-empty array without duplicates, each read by `read`; `example` shows one. `None` if any is
    /// invalid.
    pub fn list_of<T: PartialEq>(
        &self,
        example: &str,
        problems: &mut Problems,
        read: impl Fn(&Item<'t, '_>, &mut Problems) -> Option<T>,
    ) -> Option<Vec<T>> {
        let nodes = self.list(example, problems)?;
        let mut list = Vec::with_capacity(nodes.len());
        for (index, node) in nodes.iter().enumerate() {
            let item = Item { node, path: self.path.index(index) };
            match read(&item, problems) {
                Some(value) if list.contains(&value) => {
                    item.error(problems, "this is listed twice", "remove one of them");
                }
                value => list.extend(value),
            }
        }
        Some(list).filter(|list| list.len() == nodes.len())
    }

    /// The items of a non-empty array; `example` shows one.
    pub fn list(&self, example: &str, problems: &mut Problems) -> Option<&'t [Node<'t>]> {
        match &self.node.value {
            Value::Array(items) if !items.is_empty() => return Some(items),
            Value::Array(_) => {
                self.error(problems, "the list is empty", format!("write at least one, such as {example}"))
            }
            _ => self.mismatch(problems, "a list", format!("write a list such as {example}")),
        }
        None
    }
}

/// A table with known keys.
#[derive(Debug, Clone, Copy)]
pub struct Fields<'t, 'p> {
    table: &'t Table<'t>,
    /// Position of the table's key; missing keys are reported here.
    pub at: Position,
    /// Path of the table.
    pub path: Path<'p>,
}

impl<'t> Fields<'t, '_> {
    /// The top of a file, whose keys must be among `known`; `key` and `file` describe them: `document key`, `A document`.
    ///
    /// A file without a known key may be another one than intended, even a secret one. Its keys are not quoted then.
    pub fn of_root(
        table: &'t Table<'t>,
        known: &[&str],
        [key, file]: [&str; 2],
        problems: &mut Problems,
    ) -> Fields<'t, 'static> {
        let is_close = |key: &str| known.contains(&key) || suggest::closest(key, known.iter().copied()).is_some();
        let foreign = table.entries.first().filter(|_| !table.entries.iter().any(|entry| is_close(&entry.key)));
        let at = foreign.map_or(Position::new(0, 1, 1), |entry| entry.at);
        let fields = Fields { table, at, path: Path::ROOT };
        if foreign.is_some() {
            let message = format!("this text has no {key}; it has {} top-level keys", table.entries.len());
            problems.clear();
            let help = format!("is this the right file? {file} has {}", known.join(", "));
            problems.error(at, &Path::ROOT, message, help);
        } else {
            fields.report_unknown(known, problems);
        }
        fields
    }

    fn report_unknown(&self, known: &[&str], problems: &mut Problems) {
        for entry in self.table.entries.iter().filter(|entry| !known.contains(&&*entry.key)) {
            let help = problems.suggestion(&entry.key, known.iter().copied());
            problems.error(entry.at, &self.path.key(&entry.key), format!("unknown key `{}`", entry.key), help);
        }
    }

    /// True if the table is empty.
    pub fn is_empty(&self) -> bool {
        self.table.entries.is_empty()
    }

    /// The value of `key`, if present.
    pub fn get(&self, key: &str) -> Option<Item<'t, '_>> {
        self.table.get(key).map(|entry| Item::of(entry, &self.path))
    }

    /// Stores the value of `key` in `target`, if it is present and `read` accepts it.
    pub fn set<T>(
        &self,
        key: &str,
        target: &mut T,
        problems: &mut Problems,
        read: impl FnOnce(&Item<'t, '_>, &mut Problems) -> Option<T>,
    ) {
        if let Some(value) = self.get(key).and_then(|item| read(&item, problems)) {
            *target = value;
        }
    }

    /// The value of `key`, which is required; `example` shows one.
    pub fn require(&self, key: &str, example: &str, problems: &mut Problems) -> Option<Item<'t, '_>> {
        let found = self.get(key);
        if found.is_none() {
            problems.error(self.at, &self.path, format!("`{key}` is missing"), format!("add {key} = {example}"));
        }
        found
    }
}
