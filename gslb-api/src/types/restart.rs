//! A restart without a gap.

use std::str::FromStr;
use std::time::Duration;

use gslb_core::notation::duration;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::request::{FromBody, Mistakes, parse, request};

/// Shortest and longest time that a restart may take.
const SHORTEST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(3600);

request! {
    /// A restart to do.
    pub struct RestartRequest {
        /// How long the successor may take, 1s to 1h.
        #[serde(skip_serializing_if = "Option::is_none")]
        #[schema(nullable = false, default = "2m")]
        pub timeout: Option<RestartTime>,
    }
}

/// How long a restart may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(into = "String")]
#[schema(value_type = String, example = "2m")]
pub struct RestartTime(pub Duration);

/// Text that is not such a duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {}", RestartTime::expected())]
pub struct InvalidRestartTime;

impl FromStr for RestartTime {
    type Err = InvalidRestartTime;

    fn from_str(text: &str) -> Result<Self, InvalidRestartTime> {
        let time = duration::parse(text).filter(|time| (SHORTEST..=LONGEST).contains(time));
        time.map(Self).ok_or(InvalidRestartTime)
    }
}

impl From<RestartTime> for String {
    fn from(time: RestartTime) -> Self {
        duration::show(time.0)
    }
}

impl FromBody for RestartTime {
    fn expected() -> String {
        let (shortest, longest) = (duration::show(SHORTEST), duration::show(LONGEST));
        format!("a duration such as \"2m\", \"{shortest}\" to \"{longest}\"")
    }

    fn from_body(value: &Value, pointer: &str, mistakes: &mut Mistakes) -> Option<Self> {
        parse(value, pointer, mistakes)
    }
}

/// A successor that has taken over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Restarted {
    /// Its process id.
    pub pid: u32,
    /// Its version.
    pub version: String,
    /// How long the restart took, in milliseconds. Queries were answered all the time.
    pub milliseconds: u64,
}
