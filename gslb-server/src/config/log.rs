//! The `[log]` table: what is logged, and in which form.

use gslb_api::LogLevel;
use toml::de::DeValue;

use super::section::{Checked, Section, string, wrong};

/// The `[log]` table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Log {
    /// `format`: `text` or `json`. Default `text`.
    pub format: LogFormat,
    /// `level`: `error`, `warn`, `info`, `debug` or `trace`. Default `info`. The API can change it at run time.
    pub level: LogLevel,
}

/// In which form a line of the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// An object of JSON.
    Json,
}

impl Log {
    pub(super) fn take_from(&mut self, mut log: Section<'_, '_>) {
        log.set("format", &mut self.format, log_format);
        log.set("level", &mut self.level, log_level);
        log.finish();
    }
}

fn log_format(value: &DeValue) -> Checked<LogFormat> {
    match string(value, "\"text\" or \"json\"")? {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        other => wrong(format_args!("\"{}\" is no format", other.escape_debug()), "write \"text\" or \"json\""),
    }
}

fn log_level(value: &DeValue) -> Checked<LogLevel> {
    let wanted = format!("one of {}", LogLevel::ALL.map(|level| format!("\"{}\"", level.name())).join(", "));
    let text = string(value, &wanted)?;
    let wrong = || wrong(format_args!("\"{}\" is no level", text.escape_debug()), format!("write {wanted}"));
    LogLevel::from_name(text).map_or_else(wrong, Ok)
}
