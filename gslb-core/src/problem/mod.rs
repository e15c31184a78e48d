//! Problems in an operator's input: where, what is wrong, and how to fix it.

use std::fmt;
use std::sync::Arc;

pub(crate) mod key_path;
pub(crate) mod pointer;

pub(crate) use pointer::pointer_of;

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
    /// Its location.
    pub location: Location,
    /// Path of the key in the document (`policies.eu-first.failover[1]`), with keys quoted as in TOML if needed; empty
    /// in a zone file, and for the document as a whole.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// How to fix it.
    pub help: String,
}

impl Problem {
    /// The path as a JSON pointer (RFC 6901): `/policies/eu-first/failover/1`. For a missing key it points at the table
    /// that lacks it; the empty pointer is the whole document.
    pub fn pointer(&self) -> String {
        crate::problem::pointer_of(&self.path)
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
