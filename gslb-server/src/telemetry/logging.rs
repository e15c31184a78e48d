//! The log: lines on standard error, as text or JSON, with a level that can change at run time.
//!
//! A thread of its own writes the lines, so logging never blocks. If the output is stuck (a stopped terminal, a full
//! pipe), a bounded number of lines is kept, and further ones are dropped and counted.

use std::io;
use std::sync::Arc;

use gslb_api::{LogLevel, LogSwitch};
use tracing::level_filters::LevelFilter;
use tracing_appender::non_blocking::{ErrorCounter, NonBlockingBuilder, WorkerGuard};
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{fmt, registry, reload};

use crate::printable::Printable;

/// The `[log]` table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Log {
    /// `format`: `text` or `json`. Default `text`.
    pub format: LogFormat,
    /// `level`: `error`, `warn`, `info`, `debug` or `trace`. Default `info`. The API can change it at run time.
    pub level: LogLevel,
}

/// The format of log lines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// A JSON object per line.
    Json,
}

/// Most lines that wait to be written.
const MAX_BUFFERED: usize = 4096;

/// The running log. Dropping it writes the remaining lines, unless the output is stuck.
pub struct Logging {
    /// Changes the level.
    pub switch: Arc<LogSwitch>,
    /// How many lines were dropped.
    pub dropped: Dropped,
    _writer_guard: WorkerGuard,
}

/// Dropped lines.
#[derive(Debug, Clone)]
pub struct Dropped(ErrorCounter);

impl Dropped {
    /// Number of dropped lines since start.
    pub fn count(&self) -> usize {
        self.0.dropped_lines()
    }
}

/// Starts logging for the rest of the process.
///
/// # Panics
/// If logging has already started.
pub fn start(log: &Log) -> Logging {
    let builder = NonBlockingBuilder::default().buffered_lines_limit(MAX_BUFFERED).lossy(true).thread_name("log");
    let (writer, writing) = builder.finish(io::stderr());
    let dropped = Dropped(writer.error_counter());
    let (filter, handle) = reload::Layer::new(filter(log.level));
    let lines = match log.format {
        LogFormat::Text => fmt::layer().with_writer(Printable(writer)).with_target(false).boxed(),
        LogFormat::Json => fmt::layer().with_writer(writer).with_target(false).json().flatten_event(true).boxed(),
    };
    registry().with(filter).with(lines).init();
    // It fails only if the filter is gone; the filter lives as long as the process.
    let switch = LogSwitch::new(log.level, move |level| drop(handle.reload(self::filter(level))));
    Logging { switch: Arc::new(switch), dropped, _writer_guard: writing }
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
