//! One target: the run of its latest outcomes, the last few of them, and how long it takes.

use std::collections::VecDeque;
use std::time::Duration;

use super::moment::Moment;
use super::outcome::{Failure, Outcome};
use super::verdict::Run;
use crate::latency::Smoothed;

/// How many outcomes are kept to be shown.
pub const MAX_OUTCOMES: usize = 10;

/// An outcome as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seen {
    /// When, in milliseconds since 1970-01-01 00:00 UTC.
    pub at: u64,
    /// What came of it.
    pub outcome: Outcome,
}

/// What is known of one target.
#[derive(Debug, Clone)]
pub(super) struct Probed {
    pub(super) run: Run,
    /// The last one last.
    pub(super) outcomes: VecDeque<Seen>,
    /// Of successes only: how long a failure took says nothing of the way.
    pub(super) latency: Smoothed,
    pub(super) certificate_expires: Option<u64>,
    /// For targets that send word themselves: how long no word is borne.
    pub(super) patience: Option<Duration>,
    /// When there was an outcome last; at first, when the target was taken up.
    pub(super) heard: Moment,
    /// True while something is due that looks after its word.
    pub(super) is_watched: bool,
}

impl Probed {
    pub(super) fn new(patience: Option<Duration>, now: Moment) -> Probed {
        Probed {
            run: Run::default(),
            outcomes: VecDeque::new(),
            latency: Smoothed::default(),
            certificate_expires: None,
            patience,
            heard: now,
            is_watched: false,
        }
    }

    pub(super) fn observe(&mut self, outcome: &Outcome, now: Moment, wall: u64) {
        if matches!(outcome.result, Err(Failure::Forbidden | Failure::System)) {
            // That a probe could not run is our own fault, and says nothing of who was to be probed.
            return self.keep(outcome.clone(), wall);
        }
        self.heard = now;
        self.run.observe(outcome.passed());
        self.certificate_expires = outcome.certificate_expires.or(self.certificate_expires);
        if outcome.passed() && self.patience.is_none() {
            outcome.latency.into_iter().for_each(|latency| self.latency.add(latency));
        }
        self.keep(outcome.clone(), wall);
    }

    /// There was no word in time: that is as good as a verdict.
    pub(super) fn fall_silent(&mut self, wall: u64) {
        self.run.end();
        let patience = self.patience.unwrap_or_default();
        let evidence = format!("no word for {}", crate::document::duration::show(patience));
        self.keep(Outcome::new(Err(Failure::Expired), patience, &evidence), wall);
    }

    fn keep(&mut self, outcome: Outcome, wall: u64) {
        if self.outcomes.len() == MAX_OUTCOMES {
            self.outcomes.pop_front();
        }
        self.outcomes.push_back(Seen { at: wall, outcome });
    }

    /// Why a verdict is what it is.
    pub(super) fn why(&self, up: bool) -> String {
        let last = self.outcomes.back().map(|seen| &seen.outcome);
        let what = match last.map(|outcome| (&*outcome.evidence, outcome.result)) {
            Some(("", Err(failure))) => failure.to_string(),
            Some((evidence, _)) => evidence.to_owned(),
            None => String::new(),
        };
        let words = if up { "successes" } else { "failures" };
        match (self.run.length(), &*what) {
            (u32::MAX, what) => what.to_owned(),
            (1, "") => format!("one {}", if up { "success" } else { "failure" }),
            (1, what) => format!("one {}: {what}", if up { "success" } else { "failure" }),
            (count, "") => format!("{count} {words} in a row"),
            (count, what) => format!("{count} {words} in a row, the last one: {what}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_that_could_not_run_is_evidence_and_no_failure() {
        let mut probed = Probed::new(None, Moment::default());
        for failure in [Failure::Forbidden, Failure::System] {
            let outcome = Outcome::new(Err(failure), Duration::ZERO, "not allowed");
            probed.observe(&outcome, Moment::default(), 7);
        }
        assert_eq!((probed.run, probed.outcomes.len()), (Run::default(), 2));
    }
}
