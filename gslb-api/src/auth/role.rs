//! Roles of tokens.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A role, ordered from least to most powerful. A higher role may do everything a lower one may, except that a viewer may
/// not report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May only post observations.
    Reporter,
    /// May read everything except tokens.
    Viewer,
    /// May also change documents, overrides and shifts.
    Operator,
    /// May also create and revoke tokens.
    Admin,
}

impl Role {
    /// All roles, the least powerful first.
    pub const ALL: [Self; 4] = [Self::Reporter, Self::Viewer, Self::Operator, Self::Admin];

    /// Whether this role is enough for an operation that needs `needed`.
    pub fn allows(self, needed: Self) -> bool {
        self >= needed && !(self == Self::Viewer && needed == Self::Reporter)
    }

    /// The role of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.name() == name)
    }

    /// Its name: `reporter`, `viewer`, `operator` or `admin`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Reporter => "reporter",
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}
