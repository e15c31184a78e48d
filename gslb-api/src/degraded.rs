//! What keeps a server from serving what it should, for as long as it does: told by `/readyz`, status and metrics.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What the server does without.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Concern {
    /// The store cannot be used: changes cannot be saved.
    Store,
    /// The watched document, or a file that it names, is not in force.
    Document,
    /// The revision in force is not the latest.
    Revision,
    /// The geo databases in the configuration are not in use.
    Databases,
    /// A reload does not come to its end.
    Reload,
}

impl Concern {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Store, Self::Document, Self::Revision, Self::Databases, Self::Reload];

    /// Its word in JSON, and its label in metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Document => "document",
            Self::Revision => "revision",
            Self::Databases => "databases",
            Self::Reload => "reload",
        }
    }
}

/// After which time a reload that is under way is told.
const LONG: Duration = Duration::from_secs(5);

/// What a server does without now, and why.
#[derive(Debug, Default)]
pub struct Degraded(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    reasons: BTreeMap<Concern, String>,
    /// The revision that should be in force.
    latest: u64,
    /// When the reload that is under way began.
    reload: Option<Instant>,
}

impl Degraded {
    /// Notes that the server does without `concern`, and why.
    pub fn set(&self, concern: Concern, why: impl Into<String>) {
        self.state().reasons.insert(concern, why.into());
    }

    /// Notes that an older revision is in force than `latest`, and why. It is over when a later one is in force.
    pub fn passed_over(&self, latest: u64, why: impl Into<String>) {
        let mut state = self.state();
        state.latest = latest;
        state.reasons.insert(Concern::Revision, why.into());
    }

    /// Notes that `concern` is as it should be.
    pub fn clear(&self, concern: Concern) {
        self.state().reasons.remove(&concern);
    }

    /// Notes that a reload has begun, or that none is under way.
    pub fn reloading(&self, since: Option<Instant>) {
        self.state().reload = since;
    }

    /// For how long a reload has been under way; zero where none is.
    pub fn reload_time(&self) -> Duration {
        self.state().reload.map(|since| since.elapsed()).unwrap_or_default()
    }

    /// What the server does without, and why, while revision `in_force` is in force.
    pub fn told(&self, in_force: u64) -> Vec<(Concern, String)> {
        let state = self.state();
        let holds = |concern: Concern| concern != Concern::Revision || in_force < state.latest;
        let noted = state.reasons.iter().filter(|(concern, _)| holds(**concern));
        let mut told: Vec<_> = noted.map(|(concern, why)| (*concern, why.clone())).collect();
        if let Some(time) = state.reload.map(|since| since.elapsed()).filter(|time| *time >= LONG) {
            told.push((Concern::Reload, format!("a reload has been running for {} s", time.as_secs())));
        }
        told
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_until_it_is_over() {
        let degraded = Degraded::default();
        degraded.set(Concern::Databases, "damaged");
        degraded.passed_over(4, "revision 4 cannot be read");
        let words = |in_force| degraded.told(in_force).into_iter().map(|(concern, _)| concern).collect::<Vec<_>>();
        assert_eq!(words(3), [Concern::Revision, Concern::Databases]);
        assert_eq!(words(5), [Concern::Databases], "something later is in force");
        degraded.clear(Concern::Databases);
        assert!(words(5).is_empty());
    }

    #[test]
    fn only_a_reload_that_takes_long_is_told() {
        let degraded = Degraded::default();
        degraded.reloading(Some(Instant::now()));
        assert!(degraded.told(1).is_empty());
        if let Some(long_ago) = Instant::now().checked_sub(LONG) {
            degraded.reloading(Some(long_ago));
            assert!(degraded.told(1)[0].1.contains("has been running for 5 s"));
        }
        degraded.reloading(None);
        assert_eq!((degraded.told(1).len(), degraded.reload_time()), (0, Duration::ZERO));
    }
}
