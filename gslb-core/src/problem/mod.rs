//! What is wrong with something an operator wrote: where, what, and what would be right.

use std::fmt;
use std::sync::Arc;

pub(crate) mod key_path;
pub(crate) mod pointer;

pub(crate) use pointer::pointer_of;

/// How bad a [`Problem`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The document works, but probably not as its author thinks.
    Warning,
    /// The document is refused.
    Error,
}

/// A place in a text: which one, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Location {
    /// Name of the file as the operator gave it.
    pub file: Arc<str>,
    /// Line, counted from 1; 0 in a document that came as JSON, which has no lines.
    pub line: u32,
    /// Column in characters, counted from 1; without lines, the value's place in the order of the document.
    pub column: u32,
}

/// One thing that is wrong, told so that its author can mend it without asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// Where it stands.
    pub location: Location,
    /// Path of the key inside the document (`policies.eu-first.failover[1]`), keys quoted as in TOML where they must be;
    /// empty in a zone file, and where the document as a whole is meant.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: String,
}

impl Problem {
    /// The path as a JSON pointer (RFC 6901): `/policies/eu-first/failover/1`. Where a key is missing it points at what
    /// lacks it; the empty pointer is the whole document.
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
