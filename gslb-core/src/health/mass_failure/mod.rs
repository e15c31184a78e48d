//! The mass-failure guard: if hosts in too many places fail at once, the prober or its network is the likely cause, so
//! statuses are held for a while.

use std::collections::VecDeque;
use std::time::Duration;

mod spread;

use crate::moment::Moment;
use crate::site::model::MassFailure;
use spread::{Signs, Spread};

/// Minimum number of failing hosts for a mass failure; with fewer, a single dead data center would be one.
pub const MIN_HOSTS: u32 = 4;

/// Why a hold ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// At most half of the share failed, for the rule's `within`.
    Recovered,
    /// They kept failing for the rule's `hold` while something answered, so our own network works.
    Confirmed,
    /// Nothing answered for the rule's `longest`.
    Unanswered,
    /// An operator accepted the failures.
    Accepted,
    /// The document no longer has the rule.
    RuleRemoved,
}

/// What an endpoint adds to the counts of its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    /// It is up, as found by probes.
    pub(super) up: bool,
    /// It is up, and its latest outcome is a failure that the guard may hold.
    pub(super) failing: bool,
}

/// A hold that has just begun.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Begun {
    /// Hosts that fail.
    pub(super) failing: u32,
    /// Hosts that were up.
    pub(super) hosts: u32,
    /// Places where more than the share of the hosts fail.
    pub(super) failing_places: u32,
    /// Places where hosts were up: data centers, and hosts outside any data center.
    pub(super) places: u32,
    /// Endpoints to put back up.
    pub(super) back: Vec<u32>,
}

/// Where a host is counted: a spread, and a place in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) spread: u32,
    pub(super) place: u32,
}

/// Counts which hosts fail and where, and decides whether to hold statuses.
#[derive(Debug, Clone, Default)]
pub struct MassFailureGuard {
    rule: Option<MassFailure>,
    hosts: Vec<Host>,
    /// Where each host is counted.
    spots: Vec<Box<[Spot]>>,
    /// The first is the whole site, the others are services.
    spreads: Vec<Spread>,
    /// Endpoints that went down recently, oldest first.
    gone: VecDeque<DownEvent>,
    /// How many have ever gone down, and how many of them before the last answer.
    down_count: u64,
    down_count_at_answer: u64,
    hold: Option<Hold>,
    earlier: Option<Earlier>,
}

/// How many endpoints of a host are up, are up but failing, and recently went down.
#[derive(Debug, Clone, Copy, Default)]
struct Host {
    up: u32,
    failing: u32,
    gone: u32,
}

#[derive(Debug, Clone, Copy)]
struct DownEvent {
    at: Moment,
    endpoint: u32,
    host: u32,
    number: u64,
}

#[derive(Debug, Clone, Copy)]
struct Hold {
    began: Moment,
    /// When something first answered since it began.
    proven: Option<Moment>,
    /// Since when few fail.
    calm: Option<Moment>,
    /// How long recent holds have already lasted.
    before: Lasted,
}

/// How long statuses were held while nothing answered, and while something did.
#[derive(Debug, Clone, Copy, Default)]
struct Lasted {
    silent: Duration,
    proven: Duration,
}

#[derive(Debug, Clone, Copy)]
struct Earlier {
    ended: Moment,
    lasted: Lasted,
}

impl MassFailureGuard {
    /// A guard that holds nothing; without a rule it never will. `spots` says where each host is counted, `places` how
    /// many places each spread has.
    pub(super) fn new(rule: Option<MassFailure>, spots: Vec<Box<[Spot]>>, places: &[u32]) -> MassFailureGuard {
        let share = rule.map_or(1.0, |rule| rule.share.0);
        let spreads = places.iter().map(|&places| Spread::new(share, places)).collect();
        MassFailureGuard {
            rule,
            hosts: vec![Host::default(); spots.len()],
            spots,
            spreads,
            ..MassFailureGuard::default()
        }
    }

    /// True while statuses are held.
    pub fn is_holding(&self) -> bool {
        self.hold.is_some()
    }

    /// Since when statuses are held.
    pub fn since(&self) -> Option<Moment> {
        self.hold.map(|hold| hold.began)
    }

    /// When something first answered since the hold began.
    pub(super) fn proven(&self) -> Option<Moment> {
        self.hold.and_then(|hold| hold.proven)
    }

    /// Hosts that fail or recently failed, and hosts that are up or recently were.
    pub fn counts(&self) -> (u32, u32) {
        self.spreads.first().map_or((0, 0), |site| (site.hosts.failing, site.hosts.up))
    }

    /// Places that fail, and places where something is up: data centers, and hosts outside any data center.
    fn places(&self) -> (u32, u32) {
        self.spreads.first().map_or((0, 0), |site| (site.whole.failing, site.whole.up))
    }

    /// True if a service's failures have not spread over its places since the hold began: its other places answer,
    /// whatever happens to other services.
    pub(super) fn is_narrow(&self, spread: u32) -> bool {
        self.spreads.get(spread as usize).is_some_and(Spread::is_narrow)
    }

    /// Updates the counts after an endpoint of a host changed.
    pub(super) fn count(&mut self, host: u32, before: Tally, now: Tally) {
        self.change(host, |host| {
            host.up = host.up.saturating_sub(u32::from(before.up)) + u32::from(now.up);
            host.failing = host.failing.saturating_sub(u32::from(before.failing)) + u32::from(now.failing);
        });
    }

    fn change(&mut self, number: u32, change: impl FnOnce(&mut Host)) {
        let Some(host) = self.hosts.get_mut(number as usize) else { return };
        let before = host.signs();
        change(host);
        let now = host.signs();
        if before == now {
            return;
        }
        for spot in self.spots.get(number as usize).into_iter().flatten() {
            if let Some(spread) = self.spreads.get_mut(spot.spread as usize) {
                spread.change(spot.place, before, now);
            }
        }
    }

    /// Records that something answered a probe, healthy or not: the network path works.
    pub fn answered(&mut self, now: Moment) {
        self.down_count_at_answer = self.down_count;
        if let Some(hold) = &mut self.hold {
            hold.proven.get_or_insert(now);
        }
    }

    /// Call this before an endpoint goes down, while it still counts as failing; returns `None` if it may go down.
    /// Otherwise a hold begins, and endpoints that went down before it without an answer in between are put back up:
    /// they belong to the same wave.
    pub(super) fn begin_if_due(&mut self, now: Moment) -> Option<Begun> {
        let rule = self.rule.filter(|_| self.hold.is_none())?;
        while self.gone.front().is_some_and(|gone| now.since(gone.at) > rule.within) {
            self.drop_oldest();
        }
        let ((failing, hosts), (failing_places, places)) = (self.counts(), self.places());
        let is_wide = self.spreads.first().is_some_and(Spread::is_wide);
        if !(is_wide && is_mass(failing, hosts, rule.share.0)) {
            return None;
        }
        let close = self.earlier.filter(|earlier| now.since(earlier.ended) <= rule.longest);
        let before = close.map_or(Lasted::default(), |earlier| earlier.lasted);
        if before.silent >= rule.longest {
            return None;
        }
        let back = self.gone.iter().filter(|gone| gone.number >= self.down_count_at_answer).map(|gone| gone.endpoint);
        let begun = Begun { failing, hosts, failing_places, places, back: back.collect() };
        self.spreads.iter_mut().for_each(|spread| spread.watch(false));
        while self.drop_oldest() {}
        self.hold = Some(Hold { began: now, proven: None, calm: None, before });
        Some(begun)
    }

    /// Records that an endpoint went down.
    pub(super) fn went_down(&mut self, endpoint: u32, host: u32, now: Moment) {
        if self.rule.is_some() {
            self.gone.push_back(DownEvent { at: now, endpoint, host, number: self.down_count });
            self.down_count += 1;
            self.change(host, |host| host.gone += 1);
        }
    }

    /// Records that an endpoint came back up.
    pub(super) fn came_back(&mut self, endpoint: u32) {
        if let Some(at) = self.gone.iter().position(|gone| gone.endpoint == endpoint)
            && let Some(gone) = self.gone.remove(at)
        {
            self.change(gone.host, |host| host.gone = host.gone.saturating_sub(1));
        }
    }

    fn drop_oldest(&mut self) -> bool {
        let Some(gone) = self.gone.pop_front() else { return false };
        self.change(gone.host, |host| host.gone = host.gone.saturating_sub(1));
        true
    }

    /// Ends the hold if it is time.
    pub fn end_if_due(&mut self, now: Moment) -> Option<Ended> {
        let rule = self.rule?;
        let few = rule.share.0 / 2.0;
        let is_mass = self.spreads.first().is_some_and(|site| site.hosts.exceeds(few) && site.whole.exceeds(few));
        let hold = self.hold.as_mut()?;
        if is_mass {
            hold.calm = None;
        } else {
            hold.calm.get_or_insert(now);
        }
        let lasted = hold.lasted(now);
        let ended = match (hold.calm, hold.proven) {
            (Some(since), _) if now.since(since) >= rule.within => Ended::Recovered,
            (None, Some(_)) if lasted.proven >= rule.hold => Ended::Confirmed,
            (None, None) if lasted.silent >= rule.longest => Ended::Unanswered,
            _ => return None,
        };
        self.end(now);
        Some(ended)
    }

    /// Ends the hold on an operator's request; returns false if there is none.
    pub fn accept_failures(&mut self, now: Moment) -> bool {
        let held = self.is_holding();
        self.end(now);
        held
    }

    fn end(&mut self, now: Moment) {
        if let Some(hold) = self.hold.take() {
            // Holds close together share one clock, so that flapping cannot extend them forever.
            self.earlier = Some(Earlier { ended: now, lasted: hold.lasted(hold.calm.unwrap_or(now)) });
        }
    }

    /// Continues from the guard of the previous document. `locate` maps an endpoint of that document to endpoint and
    /// host in this one. Returns false if this ends a hold because the rule is gone.
    pub(super) fn resume_from(
        &mut self,
        before: &MassFailureGuard,
        locate: impl Fn(u32) -> Option<(u32, u32)>,
    ) -> bool {
        (self.down_count, self.down_count_at_answer) = (before.down_count, before.down_count_at_answer);
        if self.rule.is_none() {
            return before.hold.is_none();
        }
        (self.hold, self.earlier) = (before.hold, before.earlier);
        // Services may have changed, so assume that their failures have spread.
        self.spreads.iter_mut().for_each(|spread| spread.watch(before.hold.is_some()));
        for gone in &before.gone {
            if let Some((endpoint, host)) = locate(gone.endpoint) {
                self.gone.push_back(DownEvent { endpoint, host, ..*gone });
                self.change(host, |host| host.gone += 1);
            }
        }
        true
    }
}

impl Host {
    /// Whether it counts as up, and whether it counts as failing.
    fn signs(self) -> Signs {
        (self.up > 0 || self.gone > 0, self.failing > 0 || self.gone > 0)
    }
}

impl Hold {
    fn lasted(&self, now: Moment) -> Lasted {
        let silent = self.proven.unwrap_or(now).since(self.began);
        let proven = self.proven.map_or(Duration::ZERO, |at| now.since(at));
        Lasted { silent: self.before.silent + silent, proven: self.before.proven + proven }
    }
}

fn is_mass(count: u32, of: u32, share: f64) -> bool {
    count >= MIN_HOSTS && f64::from(count) > share * f64::from(of)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Tally = Tally { up: false, failing: false };
    const HEALTHY: Tally = Tally { up: true, failing: false };
    const FAILING: Tally = Tally { up: true, failing: true };

    fn at(seconds: u64) -> Moment {
        Moment(Duration::from_secs(seconds))
    }

    /// Hosts with one endpoint each, all up.
    fn of(rule: Option<MassFailure>, hosts: u32) -> MassFailureGuard {
        in_places(rule, &(0..hosts).collect::<Vec<_>>())
    }

    fn fresh(rule: Option<MassFailure>, places: &[u32]) -> MassFailureGuard {
        let spots = places.iter().map(|&place| [Spot { spread: 0, place }].into()).collect();
        MassFailureGuard::new(rule, spots, &[places.iter().max().map_or(0, |last| last + 1)])
    }

    /// Hosts with one endpoint each, all up, in these places.
    fn in_places(rule: Option<MassFailure>, places: &[u32]) -> MassFailureGuard {
        let mut guard = fresh(rule, places);
        (0..places.len() as u32).for_each(|host| guard.count(host, NONE, HEALTHY));
        guard
    }

    fn ten() -> MassFailureGuard {
        of(Some(MassFailure::default()), 10)
    }

    /// The endpoint of `host` fails and goes down.
    fn take_down(guard: &mut MassFailureGuard, host: u32, now: Moment) -> Option<Vec<u32>> {
        guard.count(host, HEALTHY, FAILING);
        let begun = guard.begin_if_due(now);
        if begun.is_none() {
            guard.count(host, FAILING, NONE);
            guard.went_down(host, host, now);
        }
        begun.map(|begun| begun.back)
    }

    fn fail(guard: &mut MassFailureGuard, hosts: std::ops::Range<u32>) {
        hosts.for_each(|host| guard.count(host, HEALTHY, FAILING));
    }

    fn recover(guard: &mut MassFailureGuard, hosts: std::ops::Range<u32>) {
        hosts.for_each(|host| guard.count(host, FAILING, HEALTHY));
    }

    #[test]
    fn half_may_go_down_and_the_next_failure_restores_those_since_the_last_answer() {
        for (answered_after, back) in [(None, vec![0, 1, 2, 3, 4]), (Some(2), vec![3, 4]), (Some(4), vec![])] {
            let mut guard = ten();
            for host in 0..5 {
                assert_eq!(take_down(&mut guard, host, at(1)), None);
                if answered_after == Some(host) {
                    guard.answered(at(1));
                }
            }
            assert_eq!(take_down(&mut guard, 5, at(2)), Some(back));
            assert!(guard.is_holding());
        }
    }

    #[test]
    fn slow_or_few_failures_are_not_held() {
        let mut guard = ten();
        assert!((0..10).all(|host| take_down(&mut guard, host, at(u64::from(host) * 12)).is_none()));
        let mut small = of(Some(MassFailure::default()), 3);
        assert!((0..3).all(|host| take_down(&mut small, host, at(0)).is_none()));
        let mut off = of(None, 10);
        assert!((0..10).all(|host| take_down(&mut off, host, at(0)).is_none()));
    }

    #[test]
    fn a_host_counts_once_however_many_of_its_endpoints_fail() {
        let mut guard = ten();
        for _ in 0..9 {
            guard.count(0, NONE, HEALTHY);
            guard.count(0, HEALTHY, FAILING);
        }
        assert_eq!((guard.counts(), guard.begin_if_due(at(0))), ((1, 10), None));
    }

    #[test]
    fn the_share_is_of_the_hosts_that_were_up() {
        let mut guard = of(Some(MassFailure::default()), 10);
        // Four hosts went down long ago.
        (0..4).for_each(|host| guard.count(host, HEALTHY, NONE));
        fail(&mut guard, 4..7);
        assert_eq!(guard.begin_if_due(at(0)), None, "three are half of six, and fewer than four");
        fail(&mut guard, 7..8);
        assert_eq!(
            guard.begin_if_due(at(0)),
            Some(Begun { failing: 4, hosts: 6, failing_places: 4, places: 6, back: Vec::new() })
        );
    }

    #[test]
    fn one_dead_data_center_is_not_a_mass_failure_however_many_hosts_it_has() {
        let rule = Some(MassFailure::default());
        let mut guard = in_places(rule, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        fail(&mut guard, 0..9);
        assert_eq!(guard.begin_if_due(at(0)), None, "nine of ten hosts, but one place of two");
        fail(&mut guard, 9..10);
        assert!(guard.begin_if_due(at(0)).is_some());
        // One failing host in the other place is not enough for a mass failure.
        let mut guard = in_places(rule, &[0, 0, 0, 0, 0, 0, 1, 1, 1, 1]);
        fail(&mut guard, 0..8);
        assert_eq!(guard.begin_if_due(at(0)), None, "half of the other place answers");
        fail(&mut guard, 8..9);
        assert_eq!(guard.begin_if_due(at(0)).map(|begun| (begun.failing_places, begun.places)), Some((2, 2)));
    }

    #[test]
    fn a_hold_ends_when_only_one_data_center_still_fails() {
        let mut guard = in_places(Some(MassFailure::default()), &[0, 0, 0, 0, 0, 0, 1, 2, 3]);
        fail(&mut guard, 0..8);
        assert!(guard.begin_if_due(at(0)).is_some(), "three places of four");
        recover(&mut guard, 6..8);
        assert_eq!((guard.end_if_due(at(1)), guard.end_if_due(at(11))), (None, Some(Ended::Recovered)));
    }

    #[test]
    fn a_hold_ends_as_recovered_only_below_half_the_share_for_a_while() {
        let mut guard = ten();
        fail(&mut guard, 0..6);
        assert!(guard.begin_if_due(at(0)).is_some(), "the hold begins before the first endpoint goes down");
        recover(&mut guard, 0..3);
        assert_eq!(guard.end_if_due(at(60)), None, "three of ten is more than half of the share");
        recover(&mut guard, 3..4);
        assert_eq!(guard.end_if_due(at(61)), None);
        fail(&mut guard, 3..4);
        assert_eq!(guard.end_if_due(at(65)), None, "the wait starts over");
        recover(&mut guard, 3..4);
        assert_eq!((guard.end_if_due(at(70)), guard.end_if_due(at(79))), (None, None));
        assert_eq!(guard.end_if_due(at(80)), Some(Ended::Recovered));
    }

    #[test]
    fn an_answer_confirms_failures_sooner_than_silence() {
        let mut guard = ten();
        guard.answered(at(0));
        fail(&mut guard, 0..6);
        guard.begin_if_due(at(0));
        assert_eq!(guard.end_if_due(at(200)), None, "nothing has answered since then");
        guard.answered(at(200));
        assert_eq!(guard.end_if_due(at(209)), None);
        assert_eq!(guard.end_if_due(at(210)), Some(Ended::Confirmed));
        let mut guard = ten();
        fail(&mut guard, 0..10);
        guard.begin_if_due(at(0));
        assert_eq!(guard.end_if_due(at(299)), None);
        assert_eq!(guard.end_if_due(at(300)), Some(Ended::Unanswered), "after longest, hold no more");
    }

    #[test]
    fn holds_close_together_share_one_clock() {
        let mut guard = ten();
        let (mut held, mut now) = (0, 0);
        // Six hosts fail for eight seconds at a time, and something always answers.
        while held < 100 {
            fail(&mut guard, 0..6);
            if guard.begin_if_due(at(now)).is_some() {
                guard.answered(at(now));
            }
            now += 8;
            if guard.end_if_due(at(now)) == Some(Ended::Confirmed) {
                break;
            }
            held += 8;
            recover(&mut guard, 0..6);
            guard.end_if_due(at(now));
            now += 12;
            assert_eq!(guard.end_if_due(at(now)), Some(Ended::Recovered));
        }
        assert!(held <= 10, "held for {held} s");
        // Long after that, a new hold starts from zero.
        recover(&mut guard, 0..6);
        fail(&mut guard, 0..6);
        assert!(guard.begin_if_due(at(now + 301)).is_some());
        guard.answered(at(now + 301));
        assert_eq!(guard.end_if_due(at(now + 302)), None);
    }

    #[test]
    fn a_new_document_continues_the_wave_and_the_hold() {
        let mut before = ten();
        (0..5).for_each(|host| _ = take_down(&mut before, host, at(1)));
        let mut next = fresh(Some(MassFailure::default()), &(0..10).collect::<Vec<_>>());
        (5..10).for_each(|host| next.count(host, NONE, HEALTHY));
        assert!(next.resume_from(&before, |endpoint| Some((endpoint, endpoint))));
        assert_eq!(next.counts(), (5, 10));
        assert_eq!(take_down(&mut next, 5, at(2)), Some(vec![0, 1, 2, 3, 4]));
        assert!(!fresh(None, &[]).resume_from(&next, |_| None), "the rule was removed");
    }
}
