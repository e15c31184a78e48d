//! The audit log: who changed what.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::Role;

/// What came of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum AuditOutcome {
    /// It is in force.
    Done,
    /// A safety rule has refused it.
    Refused,
}

impl AuditOutcome {
    /// As it is written in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Refused => "refused",
        }
    }
}

/// One entry. The store keeps it in this form, too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Its number, from 1.
    pub number: u64,
    /// When, in RFC 3339, in UTC.
    #[schema(format = DateTime)]
    pub at: String,
    /// The id of the token, or `loopback`, `file`, `command` or `server`.
    pub who: String,
    /// Who the token is for.
    pub name: String,
    /// The role of the token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub role: Option<Role>,
    /// The scopes of the token, if it has any.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub scopes: Vec<String>,
    /// From which address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, value_type = Option<String>)]
    pub from: Option<IpAddr>,
    /// Method and path of the request.
    pub request: String,
    /// What came of it.
    pub outcome: AuditOutcome,
    /// The document's revision after it.
    pub revision: u64,
    /// The resource before; absent if there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// The resource after the change; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
    /// The reason, if one was given.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub message: String,
    /// Safety rules that it broke.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub broke: Vec<String>,
    /// Why these rules did not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub override_rules: Option<String>,
}

/// A page of the audit log, the latest entry first.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// The entries.
    pub entries: Vec<AuditEntry>,
    /// The path of the next page; null if this is the last one.
    #[schema(required = true)]
    pub next: Option<String>,
}
