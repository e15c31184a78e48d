//! A document as its author wrote it: the parsed value, the text with comments, and the git commit.

use std::sync::Arc;

use serde_json::Value;

use crate::revisions::GitCommit;

/// A document with its source text.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The parsed document.
    pub document: Value,
    /// The same document as TOML text; `None` if it was not written in TOML.
    pub text: Option<Arc<str>>,
    /// The git commit that it comes from, if any.
    pub commit: Option<GitCommit>,
}

impl From<Value> for Written {
    fn from(document: Value) -> Self {
        Self { document, text: None, commit: None }
    }
}
