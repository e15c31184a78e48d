//! The `[log]` table: format and level of the log.

use gslb_api::LogLevel;
use toml::de::DeValue;

use super::section::{Checked, Section, invalid, string};
use crate::telemetry::logging::{Log, LogFormat};

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
        other => invalid(format_args!("unknown format \"{}\"", other.escape_debug()), "write \"text\" or \"json\""),
    }
}

fn log_level(value: &DeValue) -> Checked<LogLevel> {
    let wanted = format!("one of {}", LogLevel::ALL.map(|level| format!("\"{}\"", level.name())).join(", "));
    let text = string(value, &wanted)?;
    let invalid = || invalid(format_args!("unknown level \"{}\"", text.escape_debug()), format!("write {wanted}"));
    LogLevel::from_name(text).map_or_else(invalid, Ok)
}
