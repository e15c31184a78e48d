//! Tables of a TOML text, read key by key, such that every problem is kept with its place.

use std::cell::{Cell, RefCell};
use std::fmt::Display;
use std::ops::{Range, RangeInclusive};
use std::str::FromStr;
use std::sync::Arc;

use gslb_core::problem::{Location, Problem, Severity};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// What is wrong with a value, before it is known where it stands.
pub(super) struct Wrong {
    pub(super) message: String,
    pub(super) help: String,
}

/// A value that was read, or what is wrong with it.
pub(super) type Checked<T> = Result<T, Wrong>;

/// A value that is not what it should be: `help` says what it should be.
pub(super) fn wrong<T>(message: impl Display, help: impl Into<String>) -> Checked<T> {
    Err(Wrong { message: message.to_string(), help: help.into() })
}

/// A text and the problems found in it so far.
pub(super) struct Text<'t> {
    file: Arc<str>,
    text: &'t str,
    problems: RefCell<Vec<Problem>>,
    /// Whether some of it is not TOML.
    broken: Cell<bool>,
}

impl<'t> Text<'t> {
    pub(super) fn new(file: &str, text: &'t str) -> Self {
        Self { file: file.into(), text, problems: RefCell::default(), broken: Cell::default() }
    }

    /// The whole text as a table. What is not TOML is told, and the rest is read all the same.
    pub(super) fn root(&self) -> Section<'_, 't> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            let wrong = Wrong { message: error.message().to_owned(), help: "write it as TOML 1.1 has it".to_owned() };
            self.tell(error.span().unwrap_or(0..0), String::new(), wrong);
            self.broken.set(true);
        }
        let span = table.span();
        Section::new(self, String::new(), span, table.into_inner())
    }

    /// All problems, in the order of the text; nothing when there are none.
    pub(super) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort_by(|a, b| a.location.cmp(&b.location));
        problems
    }

    /// Keeps a problem with a key or a value. In place of what is not TOML the parser puts values of no extent, and
    /// those are not the author's.
    fn report(&self, span: Range<usize>, path: String, wrong: Wrong) {
        if !(span.is_empty() && self.broken.get()) {
            self.tell(span, path, wrong);
        }
    }

    fn tell(&self, span: Range<usize>, path: String, wrong: Wrong) {
        let location = self.location(span.start);
        let Wrong { message, help } = wrong;
        self.problems.borrow_mut().push(Problem { severity: Severity::Error, location, path, message, help });
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

/// A table whose keys are taken out one by one. What is left at the end is unknown.
pub(super) struct Section<'r, 't> {
    text: &'r Text<'t>,
    path: String,
    /// Where it is; empty where it is not there.
    span: Range<usize>,
    table: DeTable<'t>,
    known: Vec<&'static str>,
    /// How many keys it had.
    keys: usize,
}

impl<'r, 't> Section<'r, 't> {
    fn new(text: &'r Text<'t>, path: String, span: Range<usize>, table: DeTable<'t>) -> Self {
        Self { text, path, span, keys: table.len(), table, known: Vec::new() }
    }

    /// The table at `key`; an empty one when it is absent or no table, which is told.
    pub(super) fn section(&mut self, key: &'static str) -> Section<'r, 't> {
        let empty = Section::new(self.text, self.path_of(key), 0..0, DeTable::new());
        self.section_if(key).unwrap_or(empty)
    }

    /// The table at `key`; nothing when it is absent or no table, which is told.
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

    /// As [`set`](Self::set), and a problem where there is no value.
    pub(super) fn require<T>(&mut self, key: &'static str, target: &mut T, read: impl FnOnce(&DeValue) -> Checked<T>) {
        if self.table.contains_key(key) {
            return self.set(key, target, read);
        }
        self.known.push(key);
        let wrong = Wrong { message: "this is missing".to_owned(), help: format!("add {key} =") };
        self.text.report(self.span.clone(), self.path_of(key), wrong);
    }

    /// Puts the value at `key` into `target`, if it is there and right.
    pub(super) fn set<T>(&mut self, key: &'static str, target: &mut T, read: impl FnOnce(&DeValue) -> Checked<T>) {
        let Some(value) = self.take(key) else { return };
        match read(value.get_ref()) {
            Ok(read) => *target = read,
            Err(wrong) => self.text.report(value.span(), self.path_of(key), wrong),
        }
    }

    /// Puts the list at `key` into `target`, if it is there and all of it right. Each item may stand once.
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
                Ok(read) if list.contains(&read) => wrong("this stands in the list already", "write it once"),
                checked => checked,
            };
            match checked {
                Ok(read) => list.push(read),
                Err(wrong) => self.text.report(item.span(), format!("{path}[{index}]"), wrong),
            }
        }
        if items.is_empty() {
            let wrong =
                Wrong { message: "the list is empty".to_owned(), help: "leave the key out for its default".to_owned() };
            self.text.report(value.span(), path, wrong);
        }
        if list.len() == items.len() && !list.is_empty() {
            *target = list;
        }
    }

    /// Reports the keys that are unknown. Where that is all of a file, it may be any, also a secret one, and is not quoted.
    pub(super) fn finish(mut self) {
        let first = self.table.iter().map(|(key, _)| key.span()).min_by_key(|span| span.start);
        if let Some(first) = first.filter(|_| self.path.is_empty() && self.table.len() == self.keys) {
            let message = format!("no key of this file is one of gslb.toml; it has {} at the top", self.keys);
            let help = format!("is this the right file? The keys here are: {}", self.known.join(", "));
            return self.text.report(first, String::new(), Wrong { message, help });
        }
        for (key, _) in std::mem::take(&mut self.table) {
            let path = self.path_of(key.get_ref());
            let help = format!("the keys here are: {}", self.known.join(", "));
            self.text.report(key.span(), path, Wrong { message: "there is no such key".to_owned(), help });
        }
    }

    fn take(&mut self, key: &'static str) -> Option<Spanned<DeValue<'t>>> {
        self.known.push(key);
        self.table.remove(key)
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }
}

/// Tells that a value is of another kind than `wanted`.
fn not_a(wanted: &str, value: &DeValue) -> Wrong {
    Wrong { message: format!("this is {}", kind(value)), help: format!("write {wanted}") }
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

/// A string; `wanted` says what should stand there, with an example.
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
        _ => wrong(format_args!("{digits} is out of range"), format!("write {wanted}")),
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
        _ => wrong(format_args!("{text} is out of range"), format!("write {wanted}")),
    }
}
