//! Roles of tokens, as requests name them.

use serde_json::Value;

use super::request::{FromBody, Mistakes, deserialize};
pub use crate::auth::Role;

impl FromBody for Role {
    fn expected() -> String {
        "\"reporter\", \"viewer\", \"operator\" or \"admin\"".to_owned()
    }

    fn from_body(value: &Value, pointer: &str, mistakes: &mut Mistakes) -> Option<Self> {
        deserialize(value, pointer, mistakes)
    }
}
