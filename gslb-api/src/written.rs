//! A document as its author wrote it: the parsed value, the text with comments, and the git commit.

use std::sync::Arc;

use crate::document::Document;
use crate::revisions::GitCommit;

/// A document with its source text.
#[derive(Debug, Clone, PartialEq)]
pub struct Written {
    /// The parsed document.
    pub document: Document,
    /// The same document as TOML text; `None` if it was not written in TOML.
    pub text: Option<Arc<str>>,
    /// The git commit that it comes from, if any.
    pub commit: Option<GitCommit>,
}

impl<D: Into<Document>> From<D> for Written {
    fn from(document: D) -> Self {
        Self { document: document.into(), text: None, commit: None }
    }
}
