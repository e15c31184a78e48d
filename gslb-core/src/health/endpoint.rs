//! One endpoint: turns verdicts into a status, following its pool's rules for returning to service.

use std::time::Duration;

use crate::moment::Moment;
use crate::site::model::{Initial, Resume};

/// Where a status comes from. Overrides are applied later and are not known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The `initial` setting of its pool: nothing is known yet.
    Initial,
    /// A status from before a restart, or from before its probes changed.
    Saved,
    /// Outcomes of its probes.
    Verdict,
}

/// Why the status differs from the verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Healthy but kept down: it went down too recently (`hold_down`).
    HoldDown {
        /// When the hold ends.
        until: Moment,
    },
    /// Healthy but kept down: it waits for an operator (`resume = "manual"`).
    Manual,
    /// Failing but kept up: too many hosts fail at once, so the prober itself is suspect.
    MassFailure,
}

/// An endpoint's health settings in the document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Minimum time that it stays down.
    pub hold_down: Duration,
    /// How it returns to service.
    pub resume: Resume,
    /// Its status before anything is known.
    pub initial: Initial,
}

/// One endpoint's status, and the state that decides the next one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// Its status.
    pub up: bool,
    /// Where the status comes from.
    pub source: Source,
    /// The last verdict.
    pub verdict: Option<bool>,
    /// Why the status differs from the verdict.
    pub held: Option<Held>,
    /// Set while it is down because of a failure. An endpoint that starts down has not failed.
    failed: Option<Failed>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Failed {
    until: Moment,
    /// An operator resumed it early.
    resumed: bool,
}

impl Endpoint {
    /// An endpoint of which nothing is known yet.
    pub fn initial(initial: Initial) -> Endpoint {
        Endpoint { up: initial.is_up(), source: Source::Initial, verdict: None, held: None, failed: None }
    }

    /// An endpoint with a status saved `age` ago, which it keeps until the first verdict.
    pub fn saved(up: bool, age: Duration, rules: Rules, now: Moment) -> Endpoint {
        let until = now.after(rules.hold_down.saturating_sub(age));
        let failed = (!up).then_some(Failed { until, resumed: false });
        Endpoint { up, source: Source::Saved, verdict: None, held: None, failed }
    }

    /// Applies the latest verdict; returns true if the status changed. With `hold`, a mass failure is in progress: a
    /// failing endpoint keeps its status and the source of that status.
    pub fn settle(&mut self, verdict: bool, rules: Rules, hold: bool, now: Moment) -> bool {
        let before = self.up;
        self.verdict = Some(verdict);
        if !(self.up && !verdict && hold) {
            self.source = Source::Verdict;
        }
        self.held = match (self.up, verdict) {
            (true, true) => None,
            (true, false) if hold => Some(Held::MassFailure),
            (true, false) => {
                self.up = false;
                None
            }
            (false, true) => self.kept_down(rules, now),
            (false, false) => None,
        };
        if verdict && self.held.is_none() {
            (self.up, self.failed) = (true, None);
        }
        if !verdict && !self.up && (before || self.failed.is_none_or(|failed| failed.resumed)) {
            self.failed = Some(Failed { until: now.after(rules.hold_down), resumed: false });
        }
        self.up != before
    }

    /// Why an endpoint that is down and healthy again stays down.
    fn kept_down(&self, rules: Rules, now: Moment) -> Option<Held> {
        let failed = self.failed.filter(|failed| !failed.resumed)?;
        match rules.resume {
            _ if failed.until > now => Some(Held::HoldDown { until: failed.until }),
            Resume::Manual => Some(Held::Manual),
            Resume::Auto => None,
        }
    }

    /// Ends `hold_down` or the wait for an operator early; returns false if neither keeps it down.
    pub fn resume(&mut self) -> bool {
        match (self.held, &mut self.failed) {
            (Some(Held::HoldDown { .. } | Held::Manual), Some(failed)) => {
                failed.resumed = true;
                true
            }
            _ => false,
        }
    }

    /// Releases the mass-failure hold because the endpoint passes again; returns true if there was one.
    pub fn release_mass_failure_hold(&mut self) -> bool {
        let is_held = self.held == Some(Held::MassFailure);
        if is_held {
            (self.held, self.verdict) = (None, Some(true));
        }
        is_held
    }

    /// Puts it back up because its failure turned out to be part of a mass failure; returns true if it was down.
    pub fn restore(&mut self) -> bool {
        let restored = !self.up && self.verdict == Some(false);
        if restored {
            (self.up, self.held, self.failed) = (true, Some(Held::MassFailure), None);
        }
        restored
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AUTO: Rules = Rules { hold_down: Duration::ZERO, resume: Resume::Auto, initial: Initial::SavedOrUp };

    fn at(seconds: u64) -> Moment {
        Moment(Duration::from_secs(seconds))
    }

    #[test]
    fn a_verdict_replaces_a_saved_status_which_replaces_the_initial_one() {
        let mut endpoint = Endpoint::initial(Initial::SavedOrUp);
        assert_eq!((endpoint.up, endpoint.source), (true, Source::Initial));
        assert!(!endpoint.settle(true, AUTO, false, at(0)), "the first verdict agrees with the initial status");
        assert_eq!(endpoint.source, Source::Verdict);
        let mut endpoint = Endpoint::saved(false, Duration::ZERO, AUTO, at(0));
        assert_eq!((endpoint.up, endpoint.source), (false, Source::Saved));
        assert!(endpoint.settle(true, AUTO, false, at(0)));
        assert!(endpoint.up);
    }

    #[test]
    fn an_endpoint_that_went_down_stays_down_for_hold_down() {
        let rules = Rules { hold_down: Duration::from_secs(60), ..AUTO };
        let mut endpoint = Endpoint::initial(Initial::Up);
        endpoint.settle(false, rules, false, at(10));
        assert!(!endpoint.settle(true, rules, false, at(20)));
        assert_eq!(endpoint.held, Some(Held::HoldDown { until: at(70) }));
        assert!(!endpoint.settle(false, rules, false, at(30)) && endpoint.held.is_none());
        assert!(!endpoint.settle(true, rules, false, at(69)));
        assert!(endpoint.settle(true, rules, false, at(70)), "hold_down starts when it goes down");
        // A saved endpoint has already been down for part of hold_down.
        let mut endpoint = Endpoint::saved(false, Duration::from_secs(50), rules, at(0));
        assert!(!endpoint.settle(true, rules, false, at(9)));
        assert!(endpoint.settle(true, rules, false, at(10)));
    }

    #[test]
    fn with_manual_resume_an_endpoint_waits_for_an_operator_after_each_failure() {
        let rules = Rules { resume: Resume::Manual, ..AUTO };
        let mut endpoint = Endpoint::initial(Initial::Down);
        assert!(endpoint.settle(true, rules, false, at(0)), "an endpoint that never failed does not wait");
        endpoint.settle(false, rules, false, at(1));
        assert!(!endpoint.resume(), "it still fails");
        assert!(!endpoint.settle(true, rules, false, at(2)));
        assert_eq!(endpoint.held, Some(Held::Manual));
        assert!(endpoint.resume());
        assert!(endpoint.settle(true, rules, false, at(2)));
        endpoint.settle(false, rules, false, at(3));
        assert!(!endpoint.settle(true, rules, false, at(4)), "each failure needs its own resume");
        let mut saved = Endpoint::saved(false, Duration::ZERO, rules, at(0));
        assert!(!saved.settle(true, rules, false, at(9)), "a restart does not resume it");
    }

    #[test]
    fn a_resume_does_not_outlast_the_next_failure() {
        let rules = Rules { resume: Resume::Manual, hold_down: Duration::from_secs(60), ..AUTO };
        let mut endpoint = Endpoint::initial(Initial::Up);
        endpoint.settle(false, rules, false, at(0));
        endpoint.settle(true, rules, false, at(1));
        assert!(endpoint.resume(), "an operator may cut the hold short");
        endpoint.settle(false, rules, false, at(2));
        assert!(!endpoint.settle(true, rules, false, at(3)));
    }

    #[test]
    fn during_a_mass_failure_an_endpoint_stays_up_and_can_be_restored() {
        let mut endpoint = Endpoint::initial(Initial::Up);
        assert!(!endpoint.settle(false, AUTO, true, at(0)));
        assert_eq!((endpoint.up, endpoint.held), (true, Some(Held::MassFailure)));
        assert!(endpoint.settle(false, AUTO, false, at(1)), "the mass failure is over");
        assert!(endpoint.restore() && endpoint.up);
        assert!(!endpoint.restore());
        endpoint.release_mass_failure_hold();
        assert!(!endpoint.settle(true, AUTO, true, at(2)) && endpoint.held.is_none());
    }

    #[test]
    fn a_held_endpoint_keeps_the_source_of_its_status() {
        let mut endpoint = Endpoint::saved(true, Duration::ZERO, AUTO, at(0));
        assert!(!endpoint.settle(false, AUTO, true, at(0)));
        assert_eq!((endpoint.up, endpoint.source), (true, Source::Saved));
    }
}
