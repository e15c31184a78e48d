//! Collects the problems of a file, so that reading continues after an error and all are reported at once.

use std::collections::HashMap;
use std::sync::Arc;

use super::suggest;
use super::tree::Position;
use crate::problem::{KeyPath, Location, Path, Problem, ProblemKind, Severity};

/// Maximum searches for a misspelled name: each one compares all names.
const MAX_SUGGESTIONS: usize = 200;
/// Maximum errors reported per document, and maximum warnings: a document could have millions.
const MAX_REPORTED: usize = 100;
/// Longest list of names that a help text shows in full.
const MAX_LISTED: usize = 16;

/// The problems of a document or a configuration file so far.
#[derive(Debug)]
pub struct Problems {
    /// The document's file, and those it includes.
    files: Vec<Arc<str>>,
    /// Document paths of inline texts that are read like files, by the name shown for them.
    texts: HashMap<Arc<str>, KeyPath>,
    list: Vec<Problem>,
    errors: usize,
    warnings: usize,
    /// Locations of the first error and the first warning that were not reported.
    omitted: [Option<Location>; 2],
    suggestions: usize,
}

impl Problems {
    /// No problems yet; `file` is the name of the file in messages.
    pub fn new(file: &str) -> Problems {
        Problems {
            files: vec![file.into()],
            texts: HashMap::new(),
            list: Vec::new(),
            errors: 0,
            warnings: 0,
            omitted: [None, None],
            suggestions: 0,
        }
    }

    /// Converts `at` to a location in the document's files.
    pub fn location(&self, at: Position) -> Location {
        Location { file: self.file(at), line: at.line(), column: at.column() }
    }

    /// Adds the file `name`, which is read next, and returns its number.
    pub fn add_file(&mut self, name: &str) -> u16 {
        let known = self.files.iter().position(|file| **file == *name);
        let number = known.unwrap_or_else(|| {
            self.files.push(name.into());
            self.files.len() - 1
        });
        u16::try_from(number).unwrap_or(u16::MAX)
    }

    /// The file of `at`.
    pub fn file(&self, at: Position) -> Arc<str> {
        self.files.get(usize::from(at.file())).or(self.files.first()).cloned().unwrap_or_else(|| "".into())
    }

    /// Text that points a reader at `at` to `other`: ` in line 5`, with the file name if it is another file. Empty if
    /// there are no lines.
    pub fn in_line(&self, other: Position, at: Position) -> String {
        match other.line() {
            0 => String::new(),
            line if other.file() == at.file() => format!(" in line {line}"),
            line => format!(" in {}, line {line}", self.file(other)),
        }
    }

    /// Adds an error: the document is refused.
    pub fn error(&mut self, at: Position, path: &Path<'_>, message: impl Into<String>, help: impl Into<String>) {
        self.error_of_kind(ProblemKind::Other, at, path, message, help);
    }

    /// Adds an error that programs can tell from others.
    pub fn error_of_kind(
        &mut self,
        kind: ProblemKind,
        at: Position,
        path: &Path<'_>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.add(Problem { kind, ..Problem::new(Severity::Error, self.location(at), path.into(), message, help) });
    }

    /// Adds a warning: it works, but probably not as intended.
    pub fn warning(&mut self, at: Position, path: &Path<'_>, message: impl Into<String>, help: impl Into<String>) {
        self.add(Problem::new(Severity::Warning, self.location(at), path.into(), message, help));
    }

    /// Adds a problem with a record, which has a location in a zone file but no path.
    pub fn at_record(&mut self, severity: Severity, location: &Location, message: String, help: &str) {
        self.add(Problem::new(severity, location.clone(), KeyPath::default(), message, help));
    }

    /// Returns a name for the text at `path`, which is read like a file. Problems in it get the path.
    pub fn text_at(&mut self, path: &Path<'_>) -> Arc<str> {
        let path = KeyPath::from(path);
        let file = self.files.first().cloned().unwrap_or_else(|| "".into());
        let name: Arc<str> = format!("{file}#{}", path.pointer()).into();
        self.texts.insert(name.clone(), path);
        name
    }

    /// Adds the problems of the zone file reader.
    pub fn extend(&mut self, problems: Vec<Problem>) {
        problems.into_iter().for_each(|problem| self.add(problem));
    }

    /// Drops all problems so far: they may quote a text that is not a document.
    pub fn clear(&mut self) {
        (self.errors, self.warnings, self.omitted) = (0, 0, [None, None]);
        self.list.clear();
    }

    /// Number of errors so far; if it does not change during a step, the step found none.
    pub fn errors(&self) -> usize {
        self.errors
    }

    /// Help for an unknown name: the closest known one, and the whole list if it is short.
    pub fn suggestion<'a>(&mut self, unknown: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
        self.suggestions += 1;
        let close = if self.suggestions <= MAX_SUGGESTIONS { suggest::closest(unknown, known.clone()) } else { None };
        let few: Vec<&str> = known.take(MAX_LISTED + 1).collect();
        let listed = if few.len() <= MAX_LISTED { few.join(", ") } else { String::new() };
        match (close, few.is_empty(), listed.is_empty()) {
            (Some(close), _, true) => format!("did you mean `{close}`?"),
            (Some(close), _, false) => format!("did you mean `{close}`? known: {listed}"),
            (None, true, _) => "the document defines none".to_owned(),
            (None, false, true) => "correct the name, or define it".to_owned(),
            (None, false, false) => format!("known: {listed}"),
        }
    }

    /// All reported problems, sorted by location, then the number of further ones; and whether any is an error.
    pub fn finish(mut self) -> (Vec<Problem>, bool) {
        self.list.sort_by(|a, b| a.location.cmp(&b.location));
        let more = [(Severity::Error, self.errors, "errors"), (Severity::Warning, self.warnings, "warnings")];
        for ((severity, count, what), omitted) in more.into_iter().zip(self.omitted) {
            let Some(location) = omitted else { continue };
            // After everything reported, so that the list stays sorted.
            let location = self.list.last().map_or(&location, |last| (&last.location).max(&location)).clone();
            let message = format!("there are {} more {what}", count - MAX_REPORTED);
            let help = "fix these, then run it again";
            self.list.push(Problem::new(severity, location, KeyPath::default(), message, help));
        }
        (self.list, self.errors > 0)
    }

    fn add(&mut self, mut problem: Problem) {
        let (count, omitted) = match problem.severity {
            Severity::Error => (&mut self.errors, 0),
            Severity::Warning => (&mut self.warnings, 1),
        };
        *count += 1;
        if *count > MAX_REPORTED {
            if let Some(place) = self.omitted.get_mut(omitted) {
                place.get_or_insert(problem.location);
            }
            return;
        }
        if problem.path.is_empty() {
            problem.path = self.texts.get(&problem.location.file).cloned().unwrap_or_default();
        }
        self.list.push(problem);
    }
}
