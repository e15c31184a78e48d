//! Documents in several files: `include` at the top of a file names others, and all of them together are one document.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::budget::Budget;
use crate::notation::{Entry, Position, Problems, Table, Value, shortened, toml_text};
use crate::problem::{FileError, Path};

/// The key.
pub(super) const KEY: &str = "include";
/// Files of a document that include each other are at most so deep.
const MAX_DEPTH: usize = 16;
/// Most files of a document.
pub const MAX_FILES: usize = 1000;

/// A file that a document includes.
#[derive(Debug, Clone)]
pub struct Included {
    /// Its name in messages, and the base of relative names in it.
    pub name: Arc<str>,
    /// The identity of the file, independent of its name.
    pub id: Arc<str>,
    /// Its content.
    pub text: Arc<str>,
}

/// Lists the files that a pattern matches, in order, from the pattern and the name of the file that has it. Empty if
/// the pattern has a wildcard and matches nothing.
///
/// # Errors
/// A message, if there is no such file.
pub type Includer<'a> = dyn FnMut(&str, &str) -> Result<Vec<Included>, FileError> + 'a;

/// Reads `first` and everything that it includes; `None` if a file has syntax errors that would make problems of the
/// rest misleading, or if all files together exceed `budget`. That is for the first file; each further one adds to it.
pub(super) fn read<'t>(
    first: &'t Included,
    budget: &mut Budget,
    include: &mut Includer<'_>,
    problems: &mut Problems,
) -> Option<Table<'t>> {
    let (seen, parts) = (HashSet::new(), Vec::new());
    let mut gathering = Gathering { include, budget, problems, seen, parts, is_usable: true };
    gathering.gather_first(first);
    let Gathering { parts, is_usable, problems, .. } = gathering;
    is_usable.then(|| merged(parts, problems))
}

struct Gathering<'g, 'i, 't> {
    include: &'g mut Includer<'i>,
    budget: &'g mut Budget,
    problems: &'g mut Problems,
    seen: HashSet<Arc<str>>,
    parts: Vec<Table<'t>>,
    is_usable: bool,
}

impl<'t> Gathering<'_, '_, 't> {
    /// Adds the first file and its includes.
    fn gather_first(&mut self, file: &'t Included) {
        if let Some(table) = self.table_of(file) {
            self.take(file, table, &mut Vec::new());
        }
    }

    /// Adds a file and its includes. `above` are the files that include it.
    fn gather(&mut self, file: &Included, above: &mut Vec<Arc<str>>) {
        if let Some(table) = self.table_of(file) {
            self.take(file, table.into_owned(), above);
        }
    }

    fn table_of<'f>(&mut self, file: &'f Included) -> Option<Table<'f>> {
        self.seen.insert(Arc::clone(&file.id));
        let number = self.problems.add_file(&file.name);
        let table = toml_text::read_file(number, &file.text, self.budget, self.problems);
        if table.is_none() {
            self.is_usable = false;
            if self.budget.overrun().is_some() {
                self.parts.clear();
            }
        }
        table
    }

    /// Takes the table of a file, and reads all files that it includes.
    fn take(&mut self, file: &Included, mut table: Table<'t>, above: &mut Vec<Arc<str>>) {
        let mut entries = std::mem::take(&mut table.entries).into_vec();
        let at = entries.iter().position(|entry| &*entry.key == KEY);
        let include = at.map(|at| entries.remove(at));
        table.entries = entries.into_boxed_slice();
        self.parts.push(table);
        let Some(include) = include else { return };
        above.push(Arc::clone(&file.id));
        for (at, pattern) in self.patterns(&include) {
            self.gather_all(&file.name, at, &pattern, above);
        }
        above.pop();
    }

    /// The patterns of an `include`, each with its place.
    fn patterns(&mut self, include: &Entry<'_>) -> Vec<(Position, String)> {
        let path = Path::ROOT.key(KEY);
        let help = "write a list of files beside this one, such as [\"pools/*.toml\"]";
        let Value::Array(items) = &include.node.value else {
            let message = format!("expected a list of files, found {}", include.node.describe());
            self.problems.error(include.node.at, &path, message, help);
            return Vec::new();
        };
        let mut patterns = Vec::with_capacity(items.len());
        for (index, item) in items.iter().enumerate() {
            match &item.value {
                Value::String(text) => patterns.push((item.at, text.to_string())),
                _ => {
                    let message = format!("expected the name of a file, found {}", item.describe());
                    self.problems.error(item.at, &path.index(index), message, help);
                }
            }
        }
        patterns
    }

    fn gather_all(&mut self, from: &Arc<str>, at: Position, pattern: &str, above: &mut Vec<Arc<str>>) {
        let path = Path::ROOT.key(KEY);
        let files = match (self.include)(pattern, from) {
            Ok(files) => files,
            Err(why) => {
                let help = "name files in the folder of the document, or below it, that can be read";
                let message = format!("cannot include {}: {why}", shortened(pattern));
                self.problems.error_of_kind(why.kind(), at, &path, message, help);
                return;
            }
        };
        if files.is_empty() {
            let message = format!("{} matches no file", shortened(pattern));
            self.problems.warning(at, &path, message, "add a file, or remove the pattern");
        }
        for file in files {
            // Where it was refused for its memory, each further file would be refused for the same.
            if self.budget.overrun().is_some() {
                return;
            }
            if above.contains(&file.id) {
                let message = format!("{} includes itself: it leads to this file, which includes it", file.name);
                self.problems.error(at, &path, message, "remove one of the two");
            } else if self.seen.contains(&file.id) {
                // Two patterns may name it.
            } else if above.len() >= MAX_DEPTH {
                let message = format!("files include each other more than {MAX_DEPTH} deep");
                self.problems.error(at, &path, message, "include them from fewer files");
            } else if self.seen.len() >= MAX_FILES {
                let message = format!("the document has more than {MAX_FILES} files");
                self.problems.error(at, &path, message, "put more into each file");
                return;
            } else {
                self.budget.add_file(file.text.len());
                self.gather(&file, above);
            }
        }
    }
}

/// One table of all parts. A key in two files is reported with both locations.
fn merged<'t>(mut parts: Vec<Table<'t>>, problems: &mut Problems) -> Table<'t> {
    if parts.len() <= 1 {
        return parts.pop().unwrap_or_default();
    }
    let mut root: Vec<Entry<'t>> = Vec::new();
    let mut known: HashMap<Cow<'t, str>, Section<'t>> = HashMap::new();
    for entry in parts.into_iter().flat_map(|part| part.entries.into_vec()) {
        let Some(section) = known.get_mut(&entry.key) else {
            known.insert(entry.key.clone(), Section::of(&entry, root.len()));
            root.push(entry);
            continue;
        };
        let existing = root.get(section.index).map(|existing| &existing.node.value);
        match (existing, entry.node.value) {
            (Some(Value::Table(_)), Value::Table(more)) => {
                let path = Path::ROOT.key(&entry.key);
                for entry in more.entries.into_vec() {
                    match section.places.get(&entry.key) {
                        Some(&first) => twice(problems, &path.key(&entry.key), entry.at, first),
                        None => {
                            section.places.insert(entry.key.clone(), entry.at);
                            section.more.push(entry);
                        }
                    }
                }
            }
            _ => twice(problems, &Path::ROOT.key(&entry.key), entry.at, section.at),
        }
    }
    for section in known.into_values().filter(|section| !section.more.is_empty()) {
        if let Some(Value::Table(existing)) = root.get_mut(section.index).map(|existing| &mut existing.node.value) {
            let mut entries = std::mem::take(&mut existing.entries).into_vec();
            entries.extend(section.more);
            existing.entries = entries.into_boxed_slice();
        }
    }
    Table { entries: root.into_boxed_slice() }
}

/// A top-level key of the document, and the positions of the keys in it.
struct Section<'t> {
    index: usize,
    at: Position,
    /// What further files have of it.
    more: Vec<Entry<'t>>,
    places: HashMap<Cow<'t, str>, Position>,
}

impl<'t> Section<'t> {
    fn of(entry: &Entry<'t>, index: usize) -> Section<'t> {
        let places = match &entry.node.value {
            Value::Table(table) => table.entries.iter().map(|entry| (entry.key.clone(), entry.at)).collect(),
            _ => HashMap::new(),
        };
        Section { index, at: entry.at, more: Vec::new(), places }
    }
}

fn twice(problems: &mut Problems, path: &Path<'_>, at: Position, first: Position) {
    let message = format!("`{path}` is written twice: here and at {}", problems.location(first));
    problems.error(at, path, message, "keep one of the two: a key is written in one file, as a whole");
}
