//! The log: lines on standard error, as text or JSON, of a level that can be changed while the process runs.

use std::io;

use gslb_api::{LogLevel, LogSwitch};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{fmt, registry, reload};

use crate::config::{Log, LogFormat};

/// Begins to log, for the rest of the process, and returns what changes the level.
///
/// # Panics
/// When the process logs already.
pub fn start(log: &Log) -> LogSwitch {
    let (filter, handle) = reload::Layer::new(filter(log.level));
    let lines = fmt::layer().with_writer(io::stderr).with_target(false);
    let lines = match log.format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    registry().with(filter).with(lines).init();
    // It fails only where the filter is gone, which lasts as long as the process.
    LogSwitch::new(log.level, move |level| drop(handle.reload(self::filter(level))))
}

fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}
