//! What is known of one target: its current run, its latest outcomes, and its latency.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::outcome::{Failure, Outcome};
use super::verdict::Run;
use crate::latency::Smoothed;
use crate::moment::Moment;

/// Number of outcomes kept per target, for display.
pub const MAX_OUTCOMES: usize = 10;

/// An outcome and when it was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedOutcome {
    /// When, in milliseconds since 1970-01-01 00:00 UTC.
    pub at: u64,
    /// The outcome.
    pub outcome: Outcome,
}

/// What is known of one target.
#[derive(Debug, Clone)]
pub(super) struct Probed {
    pub(super) run: Run,
    /// Newest last.
    pub(super) outcomes: VecDeque<RecordedOutcome>,
    /// Round-trip time of successes; the duration of a failure says nothing about the path.
    pub(super) latency: Smoothed,
    /// Total probe time of successes.
    pub(super) response: Smoothed,
    pub(super) certificate_expires: Option<u64>,
    /// For push targets: how long a report is valid.
    pub(super) push_ttl: Option<Duration>,
    /// When the last outcome arrived; initially, when the target was added.
    pub(super) last_outcome: Moment,
    /// When the last probe started; for a push target, when the last report arrived or expired.
    pub(super) began: Moment,
    /// Why it cannot be probed; `None` if it can.
    pub(super) unable: Option<Arc<str>>,
    /// Since when there is no route to it, or its name does not resolve, possibly because of this host.
    pub(super) no_path_since: Option<Moment>,
    /// True while a push deadline is scheduled.
    pub(super) has_push_deadline: bool,
}

impl Probed {
    pub(super) fn new(push_ttl: Option<Duration>, now: Moment) -> Probed {
        Probed {
            run: Run::default(),
            outcomes: VecDeque::new(),
            latency: Smoothed::default(),
            response: Smoothed::default(),
            certificate_expires: None,
            push_ttl,
            last_outcome: now,
            began: now,
            unable: None,
            no_path_since: None,
            has_push_deadline: false,
        }
    }

    pub(super) fn observe(&mut self, outcome: &Outcome, now: Moment, wall: u64) {
        if outcome.is_unable() {
            // That the probe could not run is our fault, and says nothing about the target.
            self.unable.get_or_insert_with(|| describe(outcome).into());
            return self.keep(outcome.clone(), wall);
        }
        self.unable = None;
        self.no_path_since = None;
        (self.last_outcome, self.began) = (now, Moment(now.0.saturating_sub(outcome.took)));
        self.run.observe(outcome.passed());
        self.certificate_expires = outcome.certificate_expires.or(self.certificate_expires);
        if outcome.passed() && self.push_ttl.is_none() {
            self.response.add(outcome.took);
            outcome.latency.into_iter().for_each(|latency| self.latency.add(latency));
        }
        self.keep(outcome.clone(), wall);
    }

    /// No push report arrived in time: this alone makes a verdict.
    pub(super) fn expire_push(&mut self, now: Moment, wall: u64) {
        self.run.fail_at_once();
        self.began = now;
        let push_ttl = self.push_ttl.unwrap_or_default();
        let evidence = format!("no report for {}", crate::notation::duration::show(push_ttl));
        self.keep(Outcome::new(Err(Failure::Expired), push_ttl, &evidence), wall);
    }

    /// Why the probe cannot run; `None` if it can.
    pub(super) fn probe_error(&self) -> Option<Failure> {
        self.unable.as_ref()?;
        self.outcomes.iter().rev().find(|seen| seen.outcome.is_unable()).and_then(|seen| seen.outcome.result.err())
    }

    fn keep(&mut self, outcome: Outcome, wall: u64) {
        if self.outcomes.len() == MAX_OUTCOMES {
            self.outcomes.pop_front();
        }
        self.outcomes.push_back(RecordedOutcome { at: wall, outcome });
    }

    /// The reason for a verdict.
    pub(super) fn why(&self, up: bool) -> String {
        // A probe that could not run found nothing.
        let found = self.outcomes.iter().rev().find(|seen| !seen.outcome.is_unable());
        let what = found.map_or_else(String::new, |seen| describe(&seen.outcome));
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

/// The evidence, or else the kind of failure.
fn describe(outcome: &Outcome) -> String {
    match (&*outcome.evidence, outcome.result) {
        ("", Err(failure)) => failure.to_string(),
        (evidence, _) => evidence.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_probe_that_could_not_run_is_shown_but_is_not_a_failure() {
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
    fn latency_comes_from_successful_probes_and_never_from_push_reports() {
        let quick = Duration::from_millis(20);
        let outcome = |result, took| Outcome { latency: Some(took), ..Outcome::new(result, took, "seen") };
        for (push_ttl, expected) in [(None, Some(quick)), (Some(Duration::from_secs(60)), None)] {
            let mut probed = Probed::new(push_ttl, Moment::default());
            probed.observe(&outcome(Ok(()), quick), Moment::default(), 7);
            probed.observe(&outcome(Err(Failure::Timeout), Duration::from_secs(2)), Moment::default(), 8);
            assert_eq!((probed.response.get(), probed.latency.get()), (expected, expected));
        }
    }
}
