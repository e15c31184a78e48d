//! The thaw: for a while, no frozen window stops a change.

use std::str::FromStr;
use std::time::Duration;

use gslb_core::notation::duration;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::request::{FromBody, Mistakes, parse, request};
use super::{Text, Timestamp};

/// How long a thaw may last.
const LONGEST: Duration = Duration::from_secs(24 * 3600);

request! {
    /// A thaw to begin.
    pub struct ThawRequest {
        /// Why, for the audit log. It is not blank.
        pub reason: Text,
        /// How long it lasts, up to 24h.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false, default = "15m")]
        pub r#for: Option<ThawTime>,
    }
}

/// How long a thaw lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(into = "String")]
#[schema(value_type = String, example = "15m")]
pub struct ThawTime(pub Duration);

/// Text that is not such a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {}", ThawTime::expected())]
pub struct InvalidThawTime;

impl FromStr for ThawTime {
    type Err = InvalidThawTime;

    fn from_str(text: &str) -> Result<Self, InvalidThawTime> {
        let time = duration::parse(text).filter(|time| !time.is_zero() && *time <= LONGEST);
        time.map(Self).ok_or(InvalidThawTime)
    }
}

impl From<ThawTime> for String {
    fn from(time: ThawTime) -> Self {
        duration::show(time.0)
    }
}

impl FromBody for ThawTime {
    fn expected() -> String {
        format!("a duration such as \"15m\", at most \"{}\"", duration::show(LONGEST))
    }

    fn from_body(value: &Value, pointer: &str, mistakes: &mut Mistakes) -> Option<Self> {
        parse(value, pointer, mistakes)
    }
}

/// Whether there is a thaw.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ThawState {
    /// The thaw; null if frozen windows hold.
    #[schema(required = true)]
    pub thaw: Option<Thaw>,
}

/// A thaw that holds now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Thaw {
    /// When it began.
    pub since: Timestamp,
    /// When it ends.
    pub until: Timestamp,
    /// Why there is one.
    pub reason: String,
    /// The name of the admin.
    pub owner: String,
}
