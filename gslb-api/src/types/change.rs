//! The result of a change or a dry run.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{BrokenRule, Comparison, Json, ProblemDetail};

/// The result of a change or a dry run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ChangeResult {
    /// Whether nothing was changed.
    #[serde(default)]
    #[schema(required = true)]
    pub dry_run: bool,
    /// The revision of the document in force now.
    #[serde(default)]
    #[schema(required = true)]
    pub revision: u64,
    /// The generation of the table that answers now.
    #[serde(default)]
    #[schema(required = true)]
    pub generation: u64,
    /// Differences of the document, up to 1000 entries.
    #[serde(default)]
    #[schema(required = true)]
    pub changes: Vec<Difference>,
    /// Whose answers move, and where to; null if not requested.
    #[serde(default)]
    #[schema(required = true)]
    pub moves: Option<Comparison>,
    /// The safety rules that it breaks; for an applied change, those that were overridden.
    #[serde(default)]
    #[schema(required = true)]
    pub breaks: Vec<BrokenRule>,
    /// Warnings about the document.
    #[serde(default)]
    #[schema(required = true)]
    pub warnings: Vec<ProblemDetail>,
    /// False if an override is in force and the store cannot be written.
    #[serde(default = "saved")]
    #[schema(required = true)]
    pub saved: bool,
    /// Why it is not saved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub not_saved: Option<String>,
}

fn saved() -> bool {
    true
}

/// A value that two documents have differently.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Difference {
    /// JSON pointer (RFC 6901).
    pub pointer: String,
    /// The value in the older document; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "there")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub before: Option<Json>,
    /// The value in the newer document; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "there")]
    #[schema(value_type = Option<serde_json::Value>)]
    pub after: Option<Json>,
}

/// A member that is there, null or not.
fn there<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Json>, D::Error> {
    Json::deserialize(deserializer).map(Some)
}
