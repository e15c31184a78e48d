//! Doubt the prober first: where too many endpoints fail at once, the last statuses are held.

use std::collections::VecDeque;
use std::time::Duration;

use super::moment::Moment;
use crate::model::MassFailure;

/// Fewest endpoints that can be a mass failure: in smaller sites one dead data center would be.
pub const MIN_ENDPOINTS: u32 = 4;
/// A hold ends after this many times the rule's `within`, where other endpoints have passed their probes lately: then it
/// is not our own network that is broken.
pub const CONFIRMATION: u32 = 3;

/// Why a hold ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// No more than the share still fail.
    Recovered,
    /// They failed for [`CONFIRMATION`] times the rule's time, while others passed.
    Confirmed,
    /// An operator believes the failures.
    Lifted,
}

/// Counts who fails, and knows whether that is believed.
#[derive(Debug, Clone, Default)]
pub struct Doubt {
    rule: Option<MassFailure>,
    /// Endpoints that have a probe.
    probed: u32,
    /// Endpoints that are up and whose latest outcome was a failure.
    failing: u32,
    /// Endpoints that went down lately, the first one first.
    gone: VecDeque<(Moment, u32)>,
    hold: Option<Hold>,
    passed: Option<Moment>,
}

#[derive(Debug, Clone, Copy)]
struct Hold {
    began: Moment,
    confirmation: Duration,
    within: Duration,
    share: f64,
}

impl Doubt {
    /// Believes everything so far; no rule believes everything ever.
    pub fn new(rule: Option<MassFailure>, probed: u32) -> Doubt {
        Doubt { rule, probed, ..Doubt::default() }
    }

    /// True while failures are not believed.
    pub fn is_holding(&self) -> bool {
        self.hold.is_some()
    }

    /// Since when failures are not believed.
    pub fn since(&self) -> Option<Moment> {
        self.hold.map(|hold| hold.began)
    }

    /// Endpoints that are up and whose latest outcome was a failure, and how many are probed in all.
    pub fn counts(&self) -> (u32, u32) {
        (self.failing, self.probed)
    }

    /// An endpoint that is up began to fail (`more`), or does so no longer.
    pub fn count(&mut self, more: bool) {
        self.failing = if more { self.failing + 1 } else { self.failing.saturating_sub(1) };
    }

    /// Some endpoint passed its probe.
    pub fn passed(&mut self, now: Moment) {
        self.passed = Some(now);
    }

    /// Asked before an endpoint that is up turns down, and is counted as failing still: those that must be put back up
    /// where this is the one too many, none where it may turn.
    pub fn begins(&mut self, now: Moment) -> Option<Vec<u32>> {
        let rule = self.rule.filter(|_| self.hold.is_none())?;
        while self.gone.front().is_some_and(|&(at, _)| now.since(at) > rule.within) {
            self.gone.pop_front();
        }
        let at_once = self.failing + self.gone.len() as u32;
        if !is_mass(at_once, self.probed, rule.share.0) {
            return None;
        }
        let confirmation = rule.within.saturating_mul(CONFIRMATION);
        self.hold = Some(Hold { began: now, confirmation, within: rule.within, share: rule.share.0 });
        Some(self.gone.drain(..).map(|(_, endpoint)| endpoint).collect())
    }

    /// An endpoint has turned down.
    pub fn went_down(&mut self, endpoint: u32, now: Moment) {
        if self.rule.is_some() {
            self.gone.push_back((now, endpoint));
        }
    }

    /// An endpoint has come back, so that it is not gone any more.
    pub fn came_back(&mut self, endpoint: u32) {
        self.gone.retain(|&(_, gone)| gone != endpoint);
    }

    /// Those that have turned down so far count no more.
    pub fn forget_gone(&mut self) {
        self.gone.clear();
    }

    /// Ends the hold where it is time.
    pub fn ends(&mut self, now: Moment) -> Option<Ended> {
        let hold = self.hold?;
        let network_works = self.passed.is_some_and(|at| at > hold.began && now.since(at) <= hold.within);
        let ended = if !is_mass(self.failing, self.probed, hold.share) {
            Ended::Recovered
        } else if network_works && now.since(hold.began) >= hold.confirmation {
            Ended::Confirmed
        } else {
            return None;
        };
        self.hold = None;
        Some(ended)
    }

    /// Ends the hold because an operator says so; false where there is none.
    pub fn lift(&mut self) -> bool {
        self.hold.take().is_some()
    }

    /// The hold of another document goes on here.
    pub fn resume_from(&mut self, before: &Doubt) {
        (self.hold, self.passed) = (before.hold.filter(|_| self.rule.is_some()), before.passed);
    }
}

fn is_mass(count: u32, of: u32, share: f64) -> bool {
    count >= MIN_ENDPOINTS && f64::from(count) > share * f64::from(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment(Duration::from_secs(seconds))
    }

    fn ten() -> Doubt {
        Doubt::new(Some(MassFailure::default()), 10)
    }

    /// `endpoint` fails and turns down.
    fn turn(doubt: &mut Doubt, endpoint: u32, now: Moment) -> Option<Vec<u32>> {
        doubt.count(true);
        let begins = doubt.begins(now);
        if begins.is_none() {
            doubt.count(false);
            doubt.went_down(endpoint, now);
        }
        begins
    }

    #[test]
    fn half_may_go_and_the_next_one_brings_them_back() {
        let mut doubt = ten();
        for endpoint in 0..5 {
            assert_eq!(turn(&mut doubt, endpoint, at(1)), None);
        }
        assert_eq!(turn(&mut doubt, 5, at(2)), Some(vec![0, 1, 2, 3, 4]));
        assert!(doubt.is_holding());
    }

    #[test]
    fn those_that_go_slowly_or_are_few_are_believed() {
        let mut doubt = ten();
        assert!((0..10).all(|endpoint| turn(&mut doubt, endpoint, at(u64::from(endpoint) * 4)).is_none()));
        let mut small = Doubt::new(Some(MassFailure::default()), 3);
        assert!((0..3).all(|endpoint| turn(&mut small, endpoint, at(0)).is_none()));
        let mut off = Doubt::new(None, 10);
        assert!((0..10).all(|endpoint| turn(&mut off, endpoint, at(0)).is_none()));
    }

    #[test]
    fn those_that_are_about_to_go_count_before_the_first_goes() {
        let mut doubt = ten();
        (0..6).for_each(|_| doubt.count(true));
        assert_eq!(doubt.begins(at(0)), Some(Vec::new()), "so that no answer changes at all");
        doubt.count(false);
        assert_eq!(doubt.ends(at(1)), Some(Ended::Recovered));
    }

    #[test]
    fn it_is_confirmed_by_others_that_pass_and_never_without() {
        let mut doubt = ten();
        doubt.passed(at(0));
        (0..6).for_each(|_| doubt.count(true));
        doubt.begins(at(0));
        assert_eq!(doubt.ends(at(300)), None, "nobody passes: it may well be our own network");
        doubt.passed(at(20));
        assert_eq!(doubt.ends(at(29)), None);
        assert_eq!(doubt.ends(at(30)), Some(Ended::Confirmed));
    }
}
