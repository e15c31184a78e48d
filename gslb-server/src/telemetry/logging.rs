//! The log: lines on standard error, as text or JSON, of a level that can be changed while the process runs.
//!
//! Lines are written by a thread of their own. Whoever logs never waits: where nobody takes the lines, as on a terminal
//! that was stopped or a pipe that nobody reads, a bounded number of them is kept, and those beyond are counted.

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

/// In which form a line of the log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// An object of JSON.
    Json,
}

/// Lines that wait to be written, at most.
const WAITING: usize = 4096;

/// A log that is written. What waits is written when this is dropped, unless nobody takes it.
pub struct Logging {
    /// What changes the level.
    pub switch: Arc<LogSwitch>,
    /// How many lines were dropped.
    pub dropped: Dropped,
    _writing: WorkerGuard,
}

/// Lines that nobody took in time.
#[derive(Debug, Clone)]
pub struct Dropped(ErrorCounter);

impl Dropped {
    /// How many there were since start.
    pub fn count(&self) -> usize {
        self.0.dropped_lines()
    }
}

/// Begins to log, for the rest of the process.
///
/// # Panics
/// When the process logs already.
pub fn start(log: &Log) -> Logging {
    let builder = NonBlockingBuilder::default().buffered_lines_limit(WAITING).lossy(true).thread_name("log");
    let (writer, writing) = builder.finish(io::stderr());
    let dropped = Dropped(writer.error_counter());
    let (filter, handle) = reload::Layer::new(filter(log.level));
    let lines = match log.format {
        LogFormat::Text => fmt::layer().with_writer(Printable(writer)).with_target(false).boxed(),
        LogFormat::Json => fmt::layer().with_writer(writer).with_target(false).json().flatten_event(true).boxed(),
    };
    registry().with(filter).with(lines).init();
    // It fails only where the filter is gone, which lasts as long as the process.
    let switch = LogSwitch::new(log.level, move |level| drop(handle.reload(self::filter(level))));
    Logging { switch: Arc::new(switch), dropped, _writing: writing }
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
