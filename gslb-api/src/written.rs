//! A document as somebody wrote it: what it says, its text with the comments, and the commit that it comes from.

use std::sync::Arc;

use serde_json::Value;

use crate::revisions::GitCommit;

/// A document, and what its author wrote besides what it says.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// What it says.
    pub document: Value,
    /// Its text in TOML, which says the same; none if it was not written in TOML.
    pub text: Option<Arc<str>>,
    /// The git commit that it comes from, if it comes from one.
    pub commit: Option<GitCommit>,
}

impl From<Value> for Written {
    fn from(document: Value) -> Self {
        Self { document, text: None, commit: None }
    }
}
