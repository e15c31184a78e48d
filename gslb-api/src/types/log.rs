//! The log level of the server.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::request::{FromBody, Mistakes, deserialize, request};

/// How much is logged; each level has everything of those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(example = "info")]
pub enum LogLevel {
    /// What failed.
    Error,
    /// What may become a problem.
    Warn,
    /// What changes.
    #[default]
    Info,
    /// How it came about.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// All levels, the quietest first.
    pub const ALL: [Self; 5] = [Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// As it is written in gslb.toml and in the API.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }

    /// The level of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|level| level.name() == name)
    }
}

impl FromBody for LogLevel {
    fn expected() -> String {
        format!("one of {}", Self::ALL.map(Self::name).join(", "))
    }

    fn from_body(value: &Value, pointer: &str, mistakes: &mut Mistakes) -> Option<Self> {
        deserialize(value, pointer, mistakes)
    }
}

request! {
    /// How much the server logs.
    #[derive(Copy, Eq, Deserialize)]
    pub struct Log {
        /// The level.
        pub level: LogLevel,
    }
}
