//! Problem documents (RFC 9457): why a request failed, where, and how to fix it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{AlertResult, Role};

/// Why a request failed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Problem {
    /// The kind of problem: `urn:problem-type:gslb:` and a word that is stable across versions.
    #[serde(rename = "type", default)]
    #[schema(required = true, example = "urn:problem-type:gslb:not-found")]
    pub kind: String,
    /// The kind of problem in words.
    #[serde(default)]
    #[schema(required = true)]
    pub title: String,
    /// The status code of the response.
    #[serde(default)]
    #[schema(required = true, minimum = 400, maximum = 599)]
    pub status: u16,
    /// The specific error.
    #[serde(default)]
    #[schema(required = true)]
    pub detail: String,
    /// Everything that is wrong in the body or in the document, up to 101 entries.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ProblemDetail>,
    /// How many more there are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub more_errors: Option<usize>,
    /// The role that the request needs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub needs: Option<Role>,
    /// The role of the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub role: Option<Role>,
    /// Affected resources outside the token's scopes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub outside: Vec<String>,
    /// The scopes of the token.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// The safety rules that forbid the change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub breaks: Vec<BrokenRule>,
    /// What became of each alert of a notification.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub alerts: Vec<AlertResult>,
}

/// One error, and its position.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ProblemDetail {
    /// JSON pointer (RFC 6901) into the document, or into the body if that is not part of a document.
    #[serde(default)]
    #[schema(required = true)]
    pub pointer: String,
    /// The error.
    #[serde(default)]
    #[schema(required = true)]
    pub detail: String,
    /// What would be right.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub help: String,
}

/// A safety rule that a change breaks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct BrokenRule {
    /// The rule's key in `safety` of the document.
    #[serde(default)]
    #[schema(required = true, example = "min_data_centers_up")]
    pub rule: Cow<'static, str>,
    /// How the change breaks it.
    #[serde(default)]
    #[schema(required = true)]
    pub detail: String,
}
