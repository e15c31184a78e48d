//! How much is logged: a level that can be changed while the server runs, and whoever carries the change out.

use std::fmt;
use std::mem;
use std::sync::{Mutex, PoisonError};

/// How much is logged; each level has all that is before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum LogLevel {
    /// What went wrong.
    Error,
    /// What is doubtful.
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
