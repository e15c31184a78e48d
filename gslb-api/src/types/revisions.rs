//! Revisions of the document.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Difference, Document, Json, Number, Timestamp};

/// A git commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GitCommit {
    /// Its id, in hexadecimal.
    pub id: String,
    /// The first line of its message.
    pub message: String,
    /// True if the file was edited after the commit.
    pub modified: bool,
}

/// A revision, without its document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Revision {
    /// Its number.
    pub revision: u64,
    /// The id of the token that made it, or `file`, `loopback` or `command`.
    pub author: String,
    /// Who the token is for.
    pub author_name: String,
    /// When it was made.
    pub time: Timestamp,
    /// Why.
    pub message: String,
    /// The revision that it restores.
    pub restored: Option<u64>,
    /// The git commit that the watched file comes from.
    pub commit: Option<GitCommit>,
    /// How many octets the document has as JSON.
    pub octets: usize,
}

/// A revision with its document.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RevisionWithDocument {
    /// Its metadata.
    #[serde(flatten)]
    pub revision: Revision,
    /// The document.
    #[schema(value_type = Document)]
    pub document: Json,
}

/// A page of revisions, the latest first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RevisionPage {
    /// The revision in force.
    #[schema(minimum = 1)]
    pub in_force: u64,
    /// The revisions.
    pub revisions: Vec<Revision>,
    /// The path of the next page; null if this is the last one.
    #[schema(required = true)]
    pub next: Option<String>,
}

/// Which revision to compare with.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DiffParameters {
    /// The older revision; by default the one before.
    #[param(value_type = Option<u64>, minimum = 0, maximum = 9007199254740991i64)]
    pub from: Option<Number>,
}

/// What two revisions have differently.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RevisionDiff {
    /// The older revision; 0 is before the first.
    pub from: u64,
    /// The newer revision.
    pub to: u64,
    /// Their differences, up to 1000 entries.
    pub differences: Vec<Difference>,
}
