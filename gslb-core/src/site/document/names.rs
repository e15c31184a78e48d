//! The names that a section gives, who refers to them, and who does not.

use std::collections::HashMap;

use super::item::Item;
use super::problems::Problems;
use super::tree::{Entry, Position, shortened};
use crate::problem::key_path::Path;

/// Longest name of anything but domain names.
const MAX_NAME: usize = 63;

/// One of the document's top-level tables.
#[derive(Debug, Clone, Copy)]
pub(super) struct Section<'t> {
    pub(super) path: Path<'t>,
    pub(super) entries: &'t [Entry],
}

impl<'t> Section<'t> {
    /// The values of the section, each with its entry.
    pub(super) fn items(&self) -> impl Iterator<Item = (&'t Entry, Item<'t, '_>)> {
        self.entries.iter().map(|entry| (entry, Item::of(entry, &self.path)))
    }
}

/// Names of one section; the number of a name is its place in the document.
#[derive(Debug)]
pub(super) struct Names<'t> {
    /// What they name, such as `data center`.
    kind: &'static str,
    section: Section<'t>,
    numbers: HashMap<&'t str, u32>,
    used: Vec<bool>,
}

impl<'t> Names<'t> {
    /// The names of `section`, each checked for its form.
    pub(super) fn of(kind: &'static str, section: Section<'t>, problems: &mut Problems) -> Names<'t> {
        for entry in section.entries {
            check(&entry.key, entry.at, &section.path, problems);
        }
        let numbers = section.entries.iter().zip(0..).map(|(entry, number)| (&*entry.key, number)).collect();
        Names { kind, section, numbers, used: vec![false; section.entries.len()] }
    }

    /// The section that gives the names.
    pub(super) fn section(&self) -> &Section<'t> {
        &self.section
    }

    /// All names, in the order of the document.
    pub(super) fn all(&self) -> impl Iterator<Item = &'t str> + Clone + use<'t> {
        self.section.entries.iter().map(|entry| &*entry.key)
    }

    /// The number of `name`.
    pub(super) fn number(&self, name: &str) -> Option<usize> {
        self.numbers.get(name).map(|&number| number as usize)
    }

    /// The number of `name`, which from now on counts as used.
    pub(super) fn refer(&mut self, name: &str) -> Option<u32> {
        let number = self.numbers.get(name).copied()?;
        if let Some(used) = self.used.get_mut(number as usize) {
            *used = true;
        }
        Some(number)
    }

    /// True where the section has `name`.
    pub(super) fn contains(&self, name: &str) -> bool {
        self.numbers.contains_key(name)
    }

    /// The number of the name that `item` holds; a name that does not exist is told.
    pub(super) fn resolve(&mut self, item: &Item<'_, '_>, problems: &mut Problems) -> Option<u32> {
        let name = item.string(&format!("the name of a {}", self.kind), problems)?;
        self.resolve_name(name, item.at(), &item.path, problems)
    }

    /// The number of `name`, which stands at `path`; a name that does not exist is told.
    pub(super) fn resolve_name(
        &mut self,
        name: &str,
        at: Position,
        path: &Path<'_>,
        problems: &mut Problems,
    ) -> Option<u32> {
        let number = self.refer(name);
        if number.is_none() {
            let help = problems.suggestion(name, self.all());
            problems.error(at, path, format!("no {} is named {}", self.kind, quoted(name)), help);
        }
        number
    }

    /// Warns of every name that nothing has referred to; `by` says who should.
    pub(super) fn warn_of_unused(&self, by: &str, problems: &mut Problems) {
        for (entry, _) in self.section.entries.iter().zip(&self.used).filter(|&(_, &used)| !used) {
            let message = format!("{} `{}` is used by no {by}", self.kind, entry.key);
            problems.warning(
                entry.at,
                &self.section.path.key(&entry.key),
                message,
                format!("name it in a {by}, or remove it"),
            );
        }
    }
}

/// Tells a name that is not in form.
pub(super) fn check(name: &str, at: Position, parent: &Path<'_>, problems: &mut Problems) {
    let well_formed = name.len() <= MAX_NAME
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'.' | b'_' | b'-'));
    if !well_formed {
        let help = "write 1 to 63 letters, digits, `.`, `_` and `-`, a letter or digit first";
        problems.error(at, &parent.key(name), format!("{} is not a valid name", shortened(name)), help);
    }
}

/// A name as messages show it.
pub(super) fn quoted(name: &str) -> String {
    if name.len() <= MAX_NAME { format!("`{name}`") } else { shortened(name) }
}
