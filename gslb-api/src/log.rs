//! The log level, which can be changed while the server runs.

use std::fmt;
use std::mem;

use parking_lot::Mutex;

use crate::types::LogLevel;

/// Applies a change of the level.
type Apply = Box<dyn Fn(LogLevel) + Send + Sync>;

/// The current level, and how to apply a change. The default applies nothing.
#[derive(Default)]
pub struct LogSwitch {
    level: Mutex<LogLevel>,
    apply: Option<Apply>,
}

impl LogSwitch {
    /// A switch at `level`; `apply` applies each change.
    pub fn new(level: LogLevel, apply: impl Fn(LogLevel) + Send + Sync + 'static) -> Self {
        Self { level: Mutex::new(level), apply: Some(Box::new(apply)) }
    }

    /// The current level.
    pub fn level(&self) -> LogLevel {
        *self.level.lock()
    }

    /// Sets the level to `to` if `may` allows it, given the current level. Returns the previous level.
    ///
    /// # Errors
    /// The error of `may`.
    pub fn change<E>(&self, to: LogLevel, may: impl FnOnce(LogLevel) -> Result<(), E>) -> Result<LogLevel, E> {
        let mut level = self.level.lock();
        may(*level)?;
        let before = mem::replace(&mut *level, to);
        if let Some(apply) = &self.apply {
            apply(to);
        }
        Ok(before)
    }
}

impl fmt::Debug for LogSwitch {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("LogSwitch").field(&self.level()).finish()
    }
}
