//! One target: the run of its latest outcomes, the last few of them, and how long it takes.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::outcome::{Failure, Outcome};
use super::verdict::Run;
use crate::latency::Smoothed;
use crate::moment::Moment;

/// How many outcomes are kept to be shown.
pub const MAX_OUTCOMES: usize = 10;

/// An outcome as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedOutcome {
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
    pub(super) outcomes: VecDeque<RecordedOutcome>,
    /// Of successes only: how long a failure took says nothing of the way.
    pub(super) latency: Smoothed,
    /// Of successes only: the time of the probe as a whole.
    pub(super) response: Smoothed,
    pub(super) certificate_expires: Option<u64>,
    /// For targets that send word themselves: how long no word is borne.
    pub(super) patience: Option<Duration>,
    /// When there was an outcome last; at first, when the target was taken up.
    pub(super) heard: Moment,
    /// When the probe of the last outcome began; for a target that sends word itself, when there was word or none in time.
    pub(super) began: Moment,
    /// Why it cannot be probed; none where it can.
    pub(super) unable: Option<Arc<str>>,
    /// Since when there is no way to it, or no address of its name, for reasons that may be this host's.
    pub(super) blind: Option<Moment>,
    /// True while something is due that looks after its word.
    pub(super) is_watched: bool,
}

impl Probed {
    pub(super) fn new(patience: Option<Duration>, now: Moment) -> Probed {
        Probed {
            run: Run::default(),
            outcomes: VecDeque::new(),
            latency: Smoothed::default(),
            response: Smoothed::default(),
            certificate_expires: None,
            patience,
            heard: now,
            began: now,
            unable: None,
            blind: None,
            is_watched: false,
        }
    }

    pub(super) fn observe(&mut self, outcome: &Outcome, now: Moment, wall: u64) {
        if outcome.is_unable() {
            // That a probe could not run is our own fault, and says nothing of who was to be probed.
            self.unable.get_or_insert_with(|| said(outcome).into());
            return self.keep(outcome.clone(), wall);
        }
        self.unable = None;
        self.blind = None;
        (self.heard, self.began) = (now, Moment(now.0.saturating_sub(outcome.took)));
        self.run.observe(outcome.passed());
        self.certificate_expires = outcome.certificate_expires.or(self.certificate_expires);
        if outcome.passed() && self.patience.is_none() {
            self.response.add(outcome.took);
            outcome.latency.into_iter().for_each(|latency| self.latency.add(latency));
        }
        self.keep(outcome.clone(), wall);
    }

    /// There was no word in time: that is as good as a verdict.
    pub(super) fn fall_silent(&mut self, now: Moment, wall: u64) {
        self.run.end();
        self.began = now;
        let patience = self.patience.unwrap_or_default();
        let evidence = format!("no word for {}", crate::site::document::duration::show(patience));
        self.keep(Outcome::new(Err(Failure::Expired), patience, &evidence), wall);
    }

    /// Why the probe cannot be made; none where it can.
    pub(super) fn cannot_be_made(&self) -> Option<Failure> {
        self.unable.as_ref()?;
        self.outcomes.iter().rev().find(|seen| seen.outcome.is_unable()).and_then(|seen| seen.outcome.result.err())
    }

    fn keep(&mut self, outcome: Outcome, wall: u64) {
        if self.outcomes.len() == MAX_OUTCOMES {
            self.outcomes.pop_front();
        }
        self.outcomes.push_back(RecordedOutcome { at: wall, outcome });
    }

    /// Why a verdict is what it is.
    pub(super) fn why(&self, up: bool) -> String {
        // A probe that could not be made has found nothing.
        let found = self.outcomes.iter().rev().find(|seen| !seen.outcome.is_unable());
        let what = found.map_or_else(String::new, |seen| said(&seen.outcome));
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

/// What was seen, or else the kind of failure.
fn said(outcome: &Outcome) -> String {
    match (&*outcome.evidence, outcome.result) {
        ("", Err(failure)) => failure.to_string(),
        (evidence, _) => evidence.to_owned(),
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
        assert_eq!(probed.unable.as_deref(), Some("not allowed"));
        probed.observe(&Outcome::new(Ok(()), Duration::ZERO, ""), Moment::default(), 8);
        assert_eq!(probed.unable, None);
    }

    #[test]
    fn only_probes_that_passed_say_how_quick_it_is_and_posts_never_do() {
        let quick = Duration::from_millis(20);
        let outcome = |result, took| Outcome { latency: Some(took), ..Outcome::new(result, took, "seen") };
        for (patience, expected) in [(None, Some(quick)), (Some(Duration::from_secs(60)), None)] {
            let mut probed = Probed::new(patience, Moment::default());
            probed.observe(&outcome(Ok(()), quick), Moment::default(), 7);
            probed.observe(&outcome(Err(Failure::Timeout), Duration::from_secs(2)), Moment::default(), 8);
            assert_eq!((probed.response.get(), probed.latency.get()), (expected, expected));
        }
    }
}
