//! The `[log]` table: format and level of the log.

use gslb_api::LogLevel;
use gslb_core::notation::{Fields, Problems};

use super::value::table;
use crate::telemetry::logging::{Log, LogFormat};

impl Log {
    pub(super) fn take_from(&mut self, root: &Fields<'_, '_>, problems: &mut Problems) {
        let Some(log) = table(root, "log", &["format", "level"], problems) else { return };
        let formats = [("text", LogFormat::Text), ("json", LogFormat::Json)];
        log.set("format", &mut self.format, problems, |item, problems| item.choice(&formats, problems));
        let levels = LogLevel::ALL.map(|level| (level.name(), level));
        log.set("level", &mut self.level, problems, |item, problems| item.choice(&levels, problems));
    }
}
