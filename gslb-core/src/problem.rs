//! What is wrong with something an operator wrote: where, what, and what would be right.

use std::fmt;
use std::sync::Arc;

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
    /// Line, counted from 1.
    pub line: u32,
    /// Column in characters, counted from 1.
    pub column: u32,
}

/// One thing that is wrong, told so that its author can mend it without asking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// How bad it is.
    pub severity: Severity,
    /// Where it stands.
    pub location: Location,
    /// Path of the key inside the document (`policies.eu-first.failover[1]`); empty in a zone file.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: String,
}

impl fmt::Display for Location {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:{}", self.file, self.line, self.column)
    }
}

impl fmt::Display for Problem {
    /// `file:line:column: error: path: message` and, on a line of its own, the help.
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
