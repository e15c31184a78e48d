//! The names that a section defines, and which of them are used.

use std::collections::HashMap;

use crate::notation::{Entry, Item, Position, Problems, shortened};
use crate::problem::{Path, ProblemKind};

/// Maximum length of names other than domain names.
const MAX_NAME: usize = 63;

/// One of the document's top-level tables.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section<'t> {
    pub(super) path: Path<'t>,
    pub(super) entries: &'t [Entry<'t>],
}

impl<'t> Section<'t> {
    /// The values of the section, each with its entry.
    pub(super) fn items(&self) -> impl Iterator<Item = (&'t Entry<'t>, Item<'t, '_>)> {
        self.entries.iter().map(|entry| (entry, Item::of(entry, &self.path)))
    }
}

/// The names of one section; a name's index is its position in the document.
#[derive(Debug)]
pub(super) struct Names<'t> {
    /// The kind of entry that they identify, such as `data center`.
    kind: &'static str,
    section: Section<'t>,
    numbers: HashMap<&'t str, u32>,
    used: Vec<bool>,
}

impl<'t> Names<'t> {
    /// The names of `section`; reports invalid ones.
    pub(super) fn of(kind: &'static str, section: Section<'t>, problems: &mut Problems) -> Names<'t> {
        for entry in section.entries {
            check(&entry.key, entry.at, &section.path, problems);
        }
        let numbers = section.entries.iter().zip(0..).map(|(entry, number)| (&*entry.key, number)).collect();
        Names { kind, section, numbers, used: vec![false; section.entries.len()] }
    }

    /// The section that defines the names.
    pub(super) fn section(&self) -> &Section<'t> {
        &self.section
    }

    /// All names, in the order of the document.
    pub(super) fn all(&self) -> impl Iterator<Item = &'t str> + Clone + use<'t> {
        self.section.entries.iter().map(|entry| &*entry.key)
    }

    /// The index of `name`.
    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.numbers.get(name).map(|&number| number as usize)
    }

    /// The index of `name`, which is marked as used.
    pub(super) fn refer(&mut self, name: &str) -> Option<u32> {
        let number = self.numbers.get(name).copied()?;
        if let Some(used) = self.used.get_mut(number as usize) {
            *used = true;
        }
        Some(number)
    }

    /// True if the section has `name`.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.numbers.contains_key(name)
    }

    /// The index of the name in `item`; reports an unknown name.
    pub(super) fn resolve(&mut self, item: &Item<'_, '_>, problems: &mut Problems) -> Option<u32> {
        let name = item.string(&format!("the name of a {}", self.kind), problems)?;
        self.resolve_name(name, item.at(), &item.path, problems)
    }

    /// The index of `name`, found at `path`; reports an unknown name.
    pub(super) fn resolve_name(
        &mut self,
        name: &str,
        at: Position,
        path: &Path<'_>,
        problems: &mut Problems,
    ) -> Option<u32> {
        let number = self.refer(name);
        if number.is_none() {
            report_unknown(self.kind, name, (at, path), self.all(), problems);
        }
        number
    }

    /// Warns about every unused name; `by` says what should use it.
    pub(super) fn warn_of_unused(&self, by: &str, problems: &mut Problems) {
        for (entry, _) in self.section.entries.iter().zip(&self.used).filter(|&(_, &used)| !used) {
            let message = format!("no {by} uses the {} `{}`", self.kind, entry.key);
            problems.warning(
                entry.at,
                &self.section.path.key(&entry.key),
                message,
                format!("use it in a {by}, or remove it"),
            );
        }
    }
}

/// Reports an invalid name.
pub(super) fn check(name: &str, at: Position, parent: &Path<'_>, problems: &mut Problems) {
    let well_formed = name.len() <= MAX_NAME
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'_' | b'-'));
    if !well_formed {
        let help = "write 1 to 63 letters, digits, `.`, `_` and `-`, starting with a letter or digit";
        problems.error(at, &parent.key(name), format!("{} is not a valid name", shortened(name)), help);
    }
}

/// Reports that no `kind` has the name `name`; `known` are the names that there are.
pub(super) fn report_unknown<'a>(
    kind: &str,
    name: &str,
    (at, path): (Position, &Path<'_>),
    known: impl Iterator<Item = &'a str> + Clone,
    problems: &mut Problems,
) {
    let help = problems.suggestion(name, known);
    let message = format!("no {kind} is named {}", quoted(name));
    problems.error_of_kind(ProblemKind::UnknownName(name.into()), at, path, message, help);
}

/// A name, quoted for messages.
pub(super) fn quoted(name: &str) -> String {
    if name.len() <= MAX_NAME { format!("`{name}`") } else { shortened(name) }
}
