//! Problems in an operator's input: where, what is wrong, and how to fix it.

use std::fmt;
use std::sync::Arc;

mod key_path;

pub use key_path::{KeyPath, Path};

/// How bad a [`Problem`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The document works, but probably not as intended.
    Warning,
    /// The document is rejected.
    Error,
}

/// A position in a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// Name of the file as the operator gave it.
    pub file: Arc<str>,
    /// Line, counted from 1; 0 in a document that came as JSON, which has no lines.
    pub line: u32,
    /// Column in characters, counted from 1; without lines, the value's position in document order.
    pub column: u32,
}

/// One problem, described so that its author can fix it without asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// Its severity.
    pub severity: Severity,
    /// What a program can know about it without reading the message.
    pub kind: ProblemKind,
    /// Its location.
    pub location: Location,
    /// Path of the key in the document; empty in a zone file, and for the document as a whole. For a missing key it is
    /// the path of the table that lacks it.
    pub path: KeyPath,
    /// What is wrong.
    pub message: String,
    /// How to fix it.
    pub help: String,
}

/// What a program can know about a [`Problem`] without reading its message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ProblemKind {
    /// Only people can tell.
    #[default]
    Other,
    /// The document refers to this name, and does not define it.
    UnknownName(Box<str>),
    /// A file could not be read now, but may be readable later without a change.
    FileUnavailable,
}

/// Why a file that a document or a zone file refers to cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileError {
    /// The reason, for a message.
    pub message: String,
    /// Whether the same file may be readable later without a change.
    pub is_transient: bool,
}

impl FileError {
    /// What a [`Problem`] with this reason is.
    pub(crate) fn kind(&self) -> ProblemKind {
        if self.is_transient { ProblemKind::FileUnavailable } else { ProblemKind::Other }
    }
}

impl<T: Into<String>> From<T> for FileError {
    /// An error that only a change of the file fixes.
    fn from(message: T) -> Self {
        FileError { message: message.into(), is_transient: false }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)
    }
}

impl Problem {
    /// A problem of no special kind.
    pub fn new(
        severity: Severity,
        location: Location,
        path: KeyPath,
        message: impl Into<String>,
        help: impl Into<String>,
    ) -> Problem {
        let (message, help) = (message.into(), help.into());
        Problem { severity, kind: ProblemKind::Other, location, path, message, help }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => out.write_str(&self.file),
            line => write!(out, "{}:{line}:{}", self.file, self.column),
        }
    }
}

impl fmt::Display for Problem {
    /// `file:line:column: error: path: message` and, on a line of its own, the help; without lines `file: error: ...`.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(out, "{}: {kind}: ", self.location)?;
        if !self.path.is_empty() {
            write!(out, "{}: ", self.path)?;
        }
        out.write_str(&self.message)?;
        if !self.help.is_empty() {
            write!(out, "\n    help: {}", self.help)?;
        }
        Ok(())
    }
}
