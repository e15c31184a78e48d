//! What a token allows: its role.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A role, the least first. A greater one may do all that a lesser one may, but a viewer may report nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// May post observations, and nothing else.
    Reporter,
    /// May look at everything but tokens.
    Viewer,
    /// May also change documents, overrides and shifts.
    Operator,
    /// May also make and revoke tokens.
    Admin,
}

impl Role {
    /// All roles, the least first.
    pub const ALL: [Self; 4] = [Self::Reporter, Self::Viewer, Self::Operator, Self::Admin];

    /// Whether who has this role may do what needs `needed`.
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
