//! A point in time without a date: how long ago something was can be told, what the wall clock said cannot.

use std::time::Duration;

/// Time since some start that is the same for all moments of a process. Clocks of walls jump; this one does not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Moment(pub Duration);

impl Moment {
    /// The moment `time` later.
    pub fn after(self, time: Duration) -> Moment {
        Moment(self.0.saturating_add(time))
    }

    /// How long after `earlier` it is; zero where it is not.
    pub fn since(self, earlier: Moment) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}
