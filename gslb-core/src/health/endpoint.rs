//! One endpoint: from verdicts to its status, by the rules of its pool for coming back.

use std::time::Duration;

use crate::moment::Moment;
use crate::site::model::{Initial, Resume};

/// Where a status comes from. One that an override forces is told by who knows the overrides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// The rule `initial` of its pool: nothing is known.
    Initial,
    /// What was known before a restart, or of the endpoint under another probe.
    Saved,
    /// Outcomes of its probe.
    Verdict,
}

/// Why a verdict is not the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Held {
    /// Down although it is well: it went down too lately (`hold_down`).
    HoldDown {
        /// When it ends.
        until: Moment,
    },
    /// Down although it is well: an operator has to let it back (`resume = "manual"`).
    Manual,
    /// Up although it fails: too many fail at once, so the prober is doubted.
    MassFailure,
}

/// What the document says of an endpoint's health.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// How long it stays down at least.
    pub hold_down: Duration,
    /// How it comes back.
    pub resume: Resume,
    /// What it is before anything is known.
    pub initial: Initial,
}

/// One endpoint's status, and what the next one depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Endpoint {
    /// Its status.
    pub up: bool,
    /// Where the status comes from.
    pub source: Source,
    /// The last verdict.
    pub verdict: Option<bool>,
    /// Why the verdict is not the status.
    pub held: Option<Held>,
    /// While it is down because it failed: until when it stays so at least. An endpoint that begins down has not failed.
    failed: Option<Failed>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Failed {
    until: Moment,
    /// An operator let it back.
    resumed: bool,
}

impl Endpoint {
    /// An endpoint of which nothing is known.
    pub fn initial(initial: Initial) -> Endpoint {
        let up = initial != Initial::Down;
        Endpoint { up, source: Source::Initial, verdict: None, held: None, failed: None }
    }

    /// An endpoint that had a status `age` ago, which it keeps until there is a verdict.
    pub fn saved(up: bool, age: Duration, rules: Rules, now: Moment) -> Endpoint {
        let until = now.after(rules.hold_down.saturating_sub(age));
        let failed = (!up).then_some(Failed { until, resumed: false });
        Endpoint { up, source: Source::Saved, verdict: None, held: None, failed }
    }

    /// Takes the latest verdict; true where the status is another one than before. `doubted` says that failures are not
    /// believed now: then the status stays what it was, and comes from where it came.
    pub fn settle(&mut self, verdict: bool, rules: Rules, doubted: bool, now: Moment) -> bool {
        let before = self.up;
        self.verdict = Some(verdict);
        if !(self.up && !verdict && doubted) {
            self.source = Source::Verdict;
        }
        self.held = match (self.up, verdict) {
            (true, true) => None,
            (true, false) if doubted => Some(Held::MassFailure),
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

    /// Why an endpoint that is down and well again does not come back.
    fn kept_down(&self, rules: Rules, now: Moment) -> Option<Held> {
        let failed = self.failed.filter(|failed| !failed.resumed)?;
        match rules.resume {
            _ if failed.until > now => Some(Held::HoldDown { until: failed.until }),
            Resume::Manual => Some(Held::Manual),
            Resume::Auto => None,
        }
    }

    /// Lets it back before its time, as an operator does; false where nothing but its verdict keeps it down.
    pub fn resume(&mut self) -> bool {
        match (self.held, &mut self.failed) {
            (Some(Held::HoldDown { .. } | Held::Manual), Some(failed)) => {
                failed.resumed = true;
                true
            }
            _ => false,
        }
    }

    /// Takes note that a probe has passed: what is up although it failed is up now as any other is.
    /// True where that concerns it.
    pub fn relieve(&mut self) -> bool {
        let is_held = self.held == Some(Held::MassFailure);
        if is_held {
            (self.held, self.verdict) = (None, Some(true));
        }
        is_held
    }

    /// Puts it back to up because the verdict that turned it down is doubted now; true where it was down.
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
    fn the_verdict_comes_before_what_was_saved_and_that_before_the_initial_rule() {
        let mut endpoint = Endpoint::initial(Initial::SavedOrUp);
        assert_eq!((endpoint.up, endpoint.source), (true, Source::Initial));
        assert!(!endpoint.settle(true, AUTO, false, at(0)), "known at last, but no change");
        assert_eq!(endpoint.source, Source::Verdict);
        let mut endpoint = Endpoint::saved(false, Duration::ZERO, AUTO, at(0));
        assert_eq!((endpoint.up, endpoint.source), (false, Source::Saved));
        assert!(endpoint.settle(true, AUTO, false, at(0)));
        assert!(endpoint.up);
    }

    #[test]
    fn what_went_down_stays_down_for_its_time() {
        let rules = Rules { hold_down: Duration::from_secs(60), ..AUTO };
        let mut endpoint = Endpoint::initial(Initial::Up);
        endpoint.settle(false, rules, false, at(10));
        assert!(!endpoint.settle(true, rules, false, at(20)));
        assert_eq!(endpoint.held, Some(Held::HoldDown { until: at(70) }));
        assert!(!endpoint.settle(false, rules, false, at(30)) && endpoint.held.is_none());
        assert!(!endpoint.settle(true, rules, false, at(69)));
        assert!(endpoint.settle(true, rules, false, at(70)), "counted from when it went down");
        // What was saved has been down for a part of the time.
        let mut endpoint = Endpoint::saved(false, Duration::from_secs(50), rules, at(0));
        assert!(!endpoint.settle(true, rules, false, at(9)));
        assert!(endpoint.settle(true, rules, false, at(10)));
    }

    #[test]
    fn a_manual_pool_waits_for_the_operator_after_each_failure() {
        let rules = Rules { resume: Resume::Manual, ..AUTO };
        let mut endpoint = Endpoint::initial(Initial::Down);
        assert!(endpoint.settle(true, rules, false, at(0)), "what never failed needs no word");
        endpoint.settle(false, rules, false, at(1));
        assert!(!endpoint.resume(), "it still fails");
        assert!(!endpoint.settle(true, rules, false, at(2)));
        assert_eq!(endpoint.held, Some(Held::Manual));
        assert!(endpoint.resume());
        assert!(endpoint.settle(true, rules, false, at(2)));
        endpoint.settle(false, rules, false, at(3));
        assert!(!endpoint.settle(true, rules, false, at(4)), "the word was for the failure before");
        let mut saved = Endpoint::saved(false, Duration::ZERO, rules, at(0));
        assert!(!saved.settle(true, rules, false, at(9)), "a restart is no operator");
    }

    #[test]
    fn word_that_comes_before_the_next_failure_is_spent_by_it() {
        let rules = Rules { resume: Resume::Manual, hold_down: Duration::from_secs(60), ..AUTO };
        let mut endpoint = Endpoint::initial(Initial::Up);
        endpoint.settle(false, rules, false, at(0));
        endpoint.settle(true, rules, false, at(1));
        assert!(endpoint.resume(), "an operator may cut the hold short");
        endpoint.settle(false, rules, false, at(2));
        assert!(!endpoint.settle(true, rules, false, at(3)));
    }

    #[test]
    fn what_is_doubted_stays_up_and_may_be_put_back_up() {
        let mut endpoint = Endpoint::initial(Initial::Up);
        assert!(!endpoint.settle(false, AUTO, true, at(0)));
        assert_eq!((endpoint.up, endpoint.held), (true, Some(Held::MassFailure)));
        assert!(endpoint.settle(false, AUTO, false, at(1)), "the doubt is over");
        assert!(endpoint.restore() && endpoint.up);
        assert!(!endpoint.restore());
        endpoint.relieve();
        assert!(!endpoint.settle(true, AUTO, true, at(2)) && endpoint.held.is_none());
    }

    #[test]
    fn what_is_held_keeps_where_its_status_comes_from() {
        let mut endpoint = Endpoint::saved(true, Duration::ZERO, AUTO, at(0));
        assert!(!endpoint.settle(false, AUTO, true, at(0)));
        assert_eq!((endpoint.up, endpoint.source), (true, Source::Saved));
    }
}
