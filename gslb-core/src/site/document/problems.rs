//! Collects what is wrong, so that a reader goes on after a mistake and all mistakes are told at once.

use std::collections::HashMap;
use std::sync::Arc;

use super::suggest;
use super::tree::Position;
use crate::problem::key_path::Path;
use crate::problem::pointer::pointer_of;
use crate::problem::{Location, Problem, Severity};

/// Searches for a misspelt name look at every name there is, so a document may ask for only so many.
const MAX_SUGGESTIONS: usize = 200;
/// Errors that are told of a document, and warnings: a document can hold millions, and nobody mends more at a time.
pub(super) const MAX_TOLD: usize = 100;
/// Longest list of names that a help text tells in full.
const MAX_LISTED: usize = 12;

/// The problems of one document so far.
#[derive(Debug)]
pub(super) struct Problems {
    /// The document's file, and those that it includes.
    files: Vec<Arc<str>>,
    /// Paths of the texts inside the document that are read like files, by the name that they are shown under.
    texts: HashMap<Arc<str>, String>,
    list: Vec<Problem>,
    errors: usize,
    warnings: usize,
    /// Where the first one is that was not told: an error, and a warning.
    untold: [Option<Location>; 2],
    suggestions: usize,
}

impl Problems {
    pub(super) fn new(file: &str) -> Problems {
        Problems {
            files: vec![file.into()],
            texts: HashMap::new(),
            list: Vec::new(),
            errors: 0,
            warnings: 0,
            untold: [None, None],
            suggestions: 0,
        }
    }

    /// `at` as a place in the document's file.
    pub(super) fn location(&self, at: Position) -> Location {
        Location { file: self.file(at), line: at.line, column: at.column }
    }

    /// The number of the file `name`, which is read next.
    pub(super) fn add_file(&mut self, name: &str) -> u16 {
        let known = self.files.iter().position(|file| **file == *name);
        let number = known.unwrap_or_else(|| {
            self.files.push(name.into());
            self.files.len() - 1
        });
        u16::try_from(number).unwrap_or(u16::MAX)
    }

    /// The file that `at` is in.
    pub(super) fn file(&self, at: Position) -> Arc<str> {
        self.files.get(usize::from(at.file)).or(self.files.first()).cloned().unwrap_or_else(|| "".into())
    }

    /// Where `other` is for who reads of it at `at`: ` in line 5`, with the file where that is another one, or nothing where
    /// there are no lines.
    pub(super) fn in_line(&self, other: Position, at: Position) -> String {
        match other.line {
            0 => String::new(),
            line if other.file == at.file => format!(" in line {line}"),
            line => format!(" in {}, line {line}", self.file(other)),
        }
    }

    /// Notes something for which the document is refused.
    pub(super) fn error(&mut self, at: Position, path: &Path<'_>, message: impl Into<String>, help: impl Into<String>) {
        self.note(Severity::Error, self.location(at), path.to_string(), message.into(), help.into());
    }

    /// Notes something that works, but probably not as its author thinks.
    pub(super) fn warning(
        &mut self,
        at: Position,
        path: &Path<'_>,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.note(Severity::Warning, self.location(at), path.to_string(), message.into(), help.into());
    }

    /// Notes something about a record, which has a place in a zone file but no path.
    pub(super) fn at_record(&mut self, severity: Severity, location: &Location, message: String, help: &str) {
        self.note(severity, location.clone(), String::new(), message, help.to_owned());
    }

    /// A name for the text at `path`, which is read like a file of its own. Problems in it get the path.
    pub(super) fn text_at(&mut self, path: &Path<'_>) -> Arc<str> {
        let path = path.to_string();
        let file = self.files.first().cloned().unwrap_or_else(|| "".into());
        let name: Arc<str> = format!("{file}#{}", pointer_of(&path)).into();
        self.texts.insert(name.clone(), path);
        name
    }

    /// Takes over what the zone file reader found.
    pub(super) fn take_over(&mut self, problems: Vec<Problem>) {
        for problem in problems {
            self.note(problem.severity, problem.location, problem.path, problem.message, problem.help);
        }
    }

    /// Forgets all problems so far, which may quote a text that is no document.
    pub(super) fn forget(&mut self) {
        (self.errors, self.warnings, self.untold) = (0, 0, [None, None]);
        self.list.clear();
    }

    /// How many errors there are so far; the same number before and after a step says that the step found none.
    pub(super) fn errors(&self) -> usize {
        self.errors
    }

    /// Help for a name that does not exist: the known one that was probably meant, and the list if it is short.
    pub(super) fn suggestion<'a>(&mut self, wrong: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
        self.suggestions += 1;
        let close = if self.suggestions <= MAX_SUGGESTIONS { suggest::closest(wrong, known.clone()) } else { None };
        let few: Vec<&str> = known.take(MAX_LISTED + 1).collect();
        let listed = if few.len() <= MAX_LISTED { few.join(", ") } else { String::new() };
        match (close, few.is_empty(), listed.is_empty()) {
            (Some(close), _, true) => format!("did you mean `{close}`?"),
            (Some(close), _, false) => format!("did you mean `{close}`? known: {listed}"),
            (None, true, _) => "the document has none yet".to_owned(),
            (None, false, true) => "correct the name, or add what it should name".to_owned(),
            (None, false, false) => format!("known: {listed}"),
        }
    }

    /// All problems that are told, sorted by location, then how many more there are; and whether any is an error.
    pub(super) fn finish(mut self) -> (Vec<Problem>, bool) {
        self.list.sort_by(|a, b| a.location.cmp(&b.location));
        let more = [(Severity::Error, self.errors, "errors"), (Severity::Warning, self.warnings, "warnings")];
        for ((severity, count, what), untold) in more.into_iter().zip(self.untold) {
            let Some(location) = untold else { continue };
            // Behind all that is told, so that the list stays sorted.
            let location = self.list.last().map_or(&location, |last| (&last.location).max(&location)).clone();
            let message = format!("there are {} more {what}", count - MAX_TOLD);
            let help = "fix these, then run it again".to_owned();
            self.list.push(Problem { severity, location, path: String::new(), message, help });
        }
        (self.list, self.errors > 0)
    }

    fn note(&mut self, severity: Severity, location: Location, path: String, message: String, help: String) {
        let (count, untold) = match severity {
            Severity::Error => (&mut self.errors, 0),
            Severity::Warning => (&mut self.warnings, 1),
        };
        *count += 1;
        if *count > MAX_TOLD {
            if let Some(place) = self.untold.get_mut(untold) {
                place.get_or_insert(location);
            }
            return;
        }
        let path = if path.is_empty() { self.texts.get(&location.file).cloned().unwrap_or_default() } else { path };
        self.list.push(Problem { severity, location, path, message, help });
    }
}
