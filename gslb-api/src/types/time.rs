//! Moments and durations in bodies.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use gslb_core::notation::duration;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::request::{FromBody, Mistakes, parse};
use crate::clock;
use crate::store::Time;

/// A moment in RFC 3339, in UTC, with milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String, format = DateTime, example = "2026-11-22T10:09:58.123Z")]
pub struct Timestamp(pub Time);

impl Timestamp {
    /// The moment this many milliseconds after 1970-01-01 00:00 UTC.
    pub fn from_millis(millis: u64) -> Self {
        Self(Time::from_millis(millis))
    }

    /// Milliseconds since 1970-01-01 00:00 UTC.
    pub fn millis(self) -> u64 {
        self.0.millis()
    }
}

/// Text that is not a moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a moment such as \"2030-01-31T12:00:00Z\"")]
pub struct InvalidMoment;

impl FromStr for Timestamp {
    type Err = InvalidMoment;

    fn from_str(text: &str) -> Result<Self, InvalidMoment> {
        clock::parse(text).map(Self).ok_or(InvalidMoment)
    }
}

impl TryFrom<String> for Timestamp {
    type Error = InvalidMoment;

    fn try_from(text: String) -> Result<Self, InvalidMoment> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(moment: Timestamp) -> Self {
        clock::show(moment.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&clock::show(self.0))
    }
}

impl FromBody for Timestamp {
    fn expected() -> String {
        "a moment such as \"2030-01-31T12:00:00Z\"".to_owned()
    }

    fn from_body(value: &Value, pointer: &str, mistakes: &mut Mistakes) -> Option<Self> {
        parse(value, pointer, mistakes)
    }
}

/// How long something lasts, which is not zero: a number and its unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(into = "String")]
#[schema(value_type = String, example = "30m")]
pub struct Lifetime(pub Duration);

/// Text that is not a duration.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a duration such as \"30m\"; the units are ms, s, m, h and d")]
pub struct InvalidDuration;

impl FromStr for Lifetime {
    type Err = InvalidDuration;

    fn from_str(text: &str) -> Result<Self, InvalidDuration> {
        duration::parse(text).filter(|time| !time.is_zero()).map(Self).ok_or(InvalidDuration)
    }
}

impl From<Lifetime> for String {
    fn from(lifetime: Lifetime) -> Self {
        duration::show(lifetime.0)
    }
}

impl FromBody for Lifetime {
    fn expected() -> String {
        "a duration such as \"30m\"; the units are ms, s, m, h and d".to_owned()
    }

    fn from_body(value: &Value, pointer: &str, mistakes: &mut Mistakes) -> Option<Self> {
        parse(value, pointer, mistakes)
    }
}
