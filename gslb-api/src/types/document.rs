//! The document and its parts, which are written as docs/document.md says and read with all their problems at once.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The whole site: zones, pools, policies, services.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(value_type = Object)]
pub struct Document(pub Map<String, Value>);

/// An entry of the document, as it is written there.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(value_type = Object)]
pub struct Resource(pub Map<String, Value>);

/// A policy, or the name of one or of a pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum Policy {
    /// A name.
    Name(String),
    /// A policy.
    #[schema(value_type = Object)]
    Policy(Map<String, Value>),
}

/// The members to change (RFC 7396).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[schema(value_type = Object)]
pub struct MergePatch(pub Map<String, Value>);
