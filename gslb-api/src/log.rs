//! How much is logged: a level that can be changed while the server runs, and whoever carries the change out.

use std::fmt;
use std::mem;
use std::sync::{Mutex, PoisonError};

use crate::types::LogLevel;

/// What carries a change of the level out.
type Apply = Box<dyn Fn(LogLevel) + Send + Sync>;

/// The level in force, and what carries a change of it out. By default nothing does: nobody logs then.
#[derive(Default)]
pub struct LogSwitch {
    level: Mutex<LogLevel>,
    apply: Option<Apply>,
}

impl LogSwitch {
    /// A switch that stands at `level`; `apply` carries each change out.
    pub fn new(level: LogLevel, apply: impl Fn(LogLevel) + Send + Sync + 'static) -> Self {
        Self { level: Mutex::new(level), apply: Some(Box::new(apply)) }
    }

    /// The level in force.
    pub fn level(&self) -> LogLevel {
        *self.level.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts `to` in force if what `may` says of the level before it is no refusal.
    ///
    /// # Errors
    /// That refusal.
    pub fn change<E>(&self, to: LogLevel, may: impl FnOnce(LogLevel) -> Result<(), E>) -> Result<LogLevel, E> {
        let mut level = self.level.lock().unwrap_or_else(PoisonError::into_inner);
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
