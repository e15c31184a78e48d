//! Text that people write into requests: not empty, not endless, and without control characters.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::request::{FromBody, Mistakes, parse};

/// Most characters of a text.
pub(crate) const MAX_CHARACTERS: usize = 500;

/// 1 to 500 characters, without control characters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, min_length = 1, max_length = 500)]
pub struct Text(String);

/// Text that is empty, too long, or has control characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected text of 1 to {MAX_CHARACTERS} characters, without control characters")]
pub struct NotText;

/// Whether `text` is short enough and has no control characters. It may be empty.
pub(crate) fn fits(text: &str) -> bool {
    text.chars().count() <= MAX_CHARACTERS && !text.chars().any(char::is_control)
}

impl Text {
    /// The text itself.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Text {
    type Err = NotText;

    fn from_str(text: &str) -> Result<Self, NotText> {
        text.to_owned().try_into()
    }
}

impl TryFrom<String> for Text {
    type Error = NotText;

    fn try_from(text: String) -> Result<Self, NotText> {
        if !text.is_empty() && fits(&text) { Ok(Self(text)) } else { Err(NotText) }
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}

impl fmt::Display for Text {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl FromBody for Text {
    fn expected() -> String {
        format!("text of 1 to {MAX_CHARACTERS} characters, without control characters")
    }

    fn from_body(value: &Value, pointer: &str, mistakes: &mut Mistakes) -> Option<Self> {
        parse(value, pointer, mistakes)
    }
}
