//! Reads tables of a TOML text key by key, and collects every problem with its location.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::ops::{Range, RangeInclusive};
use std::str::FromStr;
use std::sync::Arc;

use gslb_core::problem::{KeyPath, Location, Problem, Severity};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// An invalid value, before its location is known.
pub(super) struct Invalid {
    pub(super) message: String,
    pub(super) help: String,
}

/// A parsed value, or why it is invalid.
pub(super) type Checked<T> = Result<T, Invalid>;

/// An invalid value: `help` is what to write instead.
pub(super) fn invalid<T>(message: impl Display, help: impl Into<String>) -> Checked<T> {
    Err(Invalid { message: message.to_string(), help: help.into() })
}

/// A text, and the problems found in it so far.
pub(super) struct Text<'t> {
    file: Arc<str>,
    text: &'t str,
    problems: RefCell<Vec<Problem>>,
    /// Whether part of it is not valid TOML.
    broken: Cell<bool>,
}

impl<'t> Text<'t> {
    pub(super) fn new(file: &str, text: &'t str) -> Self {
        Self { file: file.into(), text, problems: RefCell::default(), broken: Cell::default() }
    }

    /// The whole text as a table. Syntax errors are reported, and the rest is still read.
    pub(super) fn root(&self) -> Section<'_, 't> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            let invalid = Invalid { message: error.message().to_owned(), help: "fix the TOML syntax".to_owned() };
            self.push(error.span().unwrap_or(0..0), KeyPath::default(), invalid);
            self.broken.set(true);
        }
        let span = table.span();
        Section::new(self, KeyPath::default(), span, table.into_inner())
    }

    /// All problems, in the order of the text.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by(|a, b| a.location.cmp(&b.location));
        problems
    }

    /// Records a problem with a key or value. The parser replaces invalid TOML with empty-span values; problems with
    /// those are ignored, since the author did not write them.
    fn report(&self, span: Range<usize>, path: KeyPath, invalid: Invalid) {
        if !(span.is_empty() && self.broken.get()) {
            self.push(span, path, invalid);
        }
    }

    fn push(&self, span: Range<usize>, path: KeyPath, invalid: Invalid) {
        let location = self.location(span.start);
        let Invalid { message, help } = invalid;
        self.problems.borrow_mut().push(Problem::new(Severity::Error, location, path, message, help));
    }

    fn location(&self, offset: usize) -> Location {
        let octets = self.text.as_bytes();
        let before = &octets[..offset.min(octets.len())];
        let line_start = before.iter().rposition(|octet| *octet == b'\n').map_or(0, |newline| newline + 1);
        let line = before.iter().filter(|octet| **octet == b'\n').count() as u32 + 1;
        let column = String::from_utf8_lossy(&before[line_start..]).chars().count() as u32 + 1;
        Location { file: self.file.clone(), line, column }
    }
}

/// A table whose keys are removed one by one. The remaining ones are unknown.
pub(super) struct Section<'r, 't> {
    text: &'r Text<'t>,
    path: KeyPath,
    /// Its location; empty if the table is absent.
    span: Range<usize>,
    table: DeTable<'t>,
    known: Vec<&'static str>,
    /// Number of keys it started with.
    keys: usize,
}

impl<'r, 't> Section<'r, 't> {
    fn new(text: &'r Text<'t>, path: KeyPath, span: Range<usize>, table: DeTable<'t>) -> Self {
        Self { text, path, span, keys: table.len(), table, known: Vec::new() }
    }

    /// The table at `key`; an empty one if it is absent or not a table, which is reported.
    pub(super) fn section(&mut self, key: &'static str) -> Section<'r, 't> {
        let empty = Section::new(self.text, self.path_of(key), 0..0, DeTable::new());
        self.section_if(key).unwrap_or(empty)
    }

    /// The table at `key`; `None` if it is absent or not a table, which is reported.
    pub(super) fn section_if(&mut self, key: &'static str) -> Option<Section<'r, 't>> {
        let path = self.path_of(key);
        let value = self.take(key)?;
        match (value.span(), value.into_inner()) {
            (span, DeValue::Table(table)) => Some(Section::new(self.text, path, span, table)),
            (span, other) => {
                self.text.report(span, path, not_a("a table", &other));
                None
            }
        }
    }

    /// As [`set`](Self::set), but a missing value is a problem.
    pub(super) fn require<T>(&mut self, key: &'static str, target: &mut T, read: impl FnOnce(&DeValue) -> Checked<T>) {
        if self.table.contains_key(key) {
            return self.set(key, target, read);
        }
        self.known.push(key);
        let invalid = Invalid { message: "this is missing".to_owned(), help: format!("add {key} =") };
        self.text.report(self.span.clone(), self.path_of(key), invalid);
    }

    /// Stores the value at `key` in `target`, if it is present and valid.
    pub(super) fn set<T>(&mut self, key: &'static str, target: &mut T, read: impl FnOnce(&DeValue) -> Checked<T>) {
        let Some(value) = self.take(key) else { return };
        match read(value.get_ref()) {
            Ok(read) => *target = read,
            Err(invalid) => self.text.report(value.span(), self.path_of(key), invalid),
        }
    }

    /// Stores the list at `key` in `target`, if it is present and all of it is valid. Duplicates are problems.
    pub(super) fn set_list<T: PartialEq>(
        &mut self,
        key: &'static str,
        target: &mut Vec<T>,
        read: impl Fn(&DeValue) -> Checked<T>,
    ) {
        let Some(value) = self.take(key) else { return };
        let path = self.path_of(key);
        let DeValue::Array(items) = value.get_ref() else {
            return self.text.report(value.span(), path, not_a("a list", value.get_ref()));
        };
        let mut list = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            let checked = match read(item.get_ref()) {
                Ok(read) if list.contains(&read) => invalid("this is listed twice", "remove one of them"),
                checked => checked,
            };
            match checked {
                Ok(read) => list.push(read),
                Err(invalid) => self.text.report(item.span(), path.index(index), invalid),
            }
        }
        if items.is_empty() {
            let invalid = Invalid {
                message: "the list is empty".to_owned(),
                help: "leave the key out for its default".to_owned(),
            };
            self.text.report(value.span(), path, invalid);
        }
        if list.len() == items.len() && !list.is_empty() {
            *target = list;
        }
    }

    /// Reports unknown keys. If all keys of the file are unknown, it may be the wrong file, even a secret one, so it is
    /// not quoted.
    pub(super) fn finish(mut self) {
        let first = self.table.iter().map(|(key, _)| key.span()).min_by_key(|span| span.start);
        if let Some(first) = first.filter(|_| self.path.is_empty() && self.table.len() == self.keys) {
            let message = format!("this file has none of the keys of gslb.toml; it has {} top-level keys", self.keys);
            let help = format!("check the path of the file; known keys: {}", self.known.join(", "));
            return self.text.report(first, KeyPath::default(), Invalid { message, help });
        }
        for (key, _) in std::mem::take(&mut self.table) {
            let path = self.path_of(key.get_ref());
            let help = format!("known keys: {}", self.known.join(", "));
            self.text.report(key.span(), path, Invalid { message: "unknown key".to_owned(), help });
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Spanned<DeValue<'t>>> {
        self.known.push(key);
        self.table.remove(key)
    }

    fn path_of(&self, key: &str) -> KeyPath {
        self.path.key(key)
    }
}

/// A value of the wrong type.
fn not_a(wanted: &str, value: &DeValue) -> Invalid {
    Invalid { message: format!("this is {}", kind(value)), help: format!("write {wanted}") }
}

fn kind(value: &DeValue) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// A string; `wanted` describes the expected value, with an example.
pub(super) fn string<'v>(value: &'v DeValue, wanted: &str) -> Checked<&'v str> {
    match value {
        DeValue::String(text) => Ok(text),
        other => Err(not_a(wanted, other)),
    }
}

/// True or false.
pub(super) fn boolean(value: &DeValue) -> Checked<bool> {
    match value {
        DeValue::Boolean(value) => Ok(*value),
        other => Err(not_a("true or false", other)),
    }
}

/// A whole number within `range`.
pub(super) fn integer<T>(value: &DeValue, range: RangeInclusive<T>) -> Checked<T>
where
    T: TryFrom<i64> + PartialOrd + Display,
{
    let wanted = format!("a whole number from {} to {}", range.start(), range.end());
    let DeValue::Integer(digits) = value else { return Err(not_a(&wanted, value)) };
    let number = i64::from_str_radix(digits.as_str(), digits.radix()).ok().and_then(|number| T::try_from(number).ok());
    match number {
        Some(number) if range.contains(&number) => Ok(number),
        _ => invalid(format_args!("{digits} is out of range"), format!("write {wanted}")),
    }
}

/// A number within `range`, with or without a fraction.
pub(super) fn number(value: &DeValue, range: RangeInclusive<f64>) -> Checked<f64> {
    let wanted = format!("a number from {} to {}", range.start(), range.end());
    let text = match value {
        DeValue::Float(float) => float.as_str(),
        DeValue::Integer(integer) if integer.radix() == 10 => integer.as_str(),
        other => return Err(not_a(&wanted, other)),
    };
    match f64::from_str(text) {
        Ok(number) if range.contains(&number) => Ok(number),
        _ => invalid(format_args!("{text} is out of range"), format!("write {wanted}")),
    }
}
