//! What a change came to, or would come to.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{BrokenRule, Comparison, ProblemDetail};

/// What a change came to, or would come to.
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
    /// What the document says differently, up to 1000 entries.
    #[serde(default)]
    #[schema(required = true)]
    pub changes: Vec<Difference>,
    /// Whose answers move, and where to; null if nobody asked.
    #[serde(default)]
    #[schema(required = true)]
    pub moves: Option<Comparison>,
    /// The safety rules that it breaks: of a change that was made, those that were overridden.
    #[serde(default)]
    #[schema(required = true)]
    pub breaks: Vec<BrokenRule>,
    /// What is doubtful about the document.
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
    /// Where it stands (RFC 6901).
    pub pointer: String,
    /// What the older document has; absent if it has nothing.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "there")]
    pub before: Option<Value>,
    /// What the newer document has; absent if it has nothing.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "there")]
    pub after: Option<Value>,
}

/// A member that is there, null or not.
fn there<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}
