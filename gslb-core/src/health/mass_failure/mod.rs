//! Doubt the prober first: where hosts fail at once in too many places, the last statuses are held for a while.

use std::collections::VecDeque;
use std::time::Duration;

mod spread;

use crate::moment::Moment;
use crate::site::model::MassFailure;
use spread::{Signs, Spread};

/// Fewest hosts that can be a mass failure: in smaller sites one dead data center would be.
pub const MIN_HOSTS: u32 = 4;

/// Why a hold ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// No more than half of the share failed, for as long as the rule's `within`.
    Recovered,
    /// They went on failing for the rule's `hold` while something answered: it is not our own network that is broken.
    Confirmed,
    /// Nothing answered for the rule's `longest`.
    Unanswered,
    /// An operator believes the failures.
    Accepted,
    /// The document has no such rule any more.
    RuleRemoved,
}

/// What an endpoint adds to what is counted of its host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    /// It is up, and was found to be.
    pub(super) up: bool,
    /// It is so, and its latest outcome was a failure that may be doubted.
    pub(super) failing: bool,
}

/// What is to be done where a hold begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Begun {
    /// Hosts that fail.
    pub(super) failing: u32,
    /// Hosts that were up.
    pub(super) hosts: u32,
    /// Places where more than the share of the hosts fail.
    pub(super) failing_places: u32,
    /// Places where hosts were up: data centers, and hosts in none.
    pub(super) places: u32,
    /// Endpoints that must be put back up.
    pub(super) back: Vec<u32>,
}

/// Where a host is counted: in which spread, and at which place of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) spread: u32,
    pub(super) place: u32,
}

/// Counts which hosts fail and where, and knows whether that is believed.
#[derive(Debug, Clone, Default)]
pub struct MassFailureGuard {
    rule: Option<MassFailure>,
    hosts: Vec<Host>,
    /// Where each host is counted.
    spots: Vec<Box<[Spot]>>,
    /// The first one is that of the whole site, the others are those of services.
    spreads: Vec<Spread>,
    /// Endpoints that went down lately, the first one first.
    gone: VecDeque<Gone>,
    /// How many ever went down, and how many of them before the last answer.
    went: u64,
    went_before_answer: u64,
    hold: Option<Hold>,
    earlier: Option<Earlier>,
}

/// How many endpoints of a host are up, fail though they are up, and went down lately.
#[derive(Debug, Clone, Copy, Default)]
struct Host {
    up: u32,
    failing: u32,
    gone: u32,
}

#[derive(Debug, Clone, Copy)]
struct Gone {
    at: Moment,
    endpoint: u32,
    host: u32,
    number: u64,
}

#[derive(Debug, Clone, Copy)]
struct Hold {
    began: Moment,
    /// When something answered first since it began.
    proven: Option<Moment>,
    /// Since when few fail.
    calm: Option<Moment>,
    /// What holds shortly before have lasted already.
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
    /// Believes everything so far; no rule believes everything ever. `spots` has where each host is counted, `places` how
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

    /// True while failures are not believed.
    pub fn is_holding(&self) -> bool {
        self.hold.is_some()
    }

    /// Since when failures are not believed.
    pub fn since(&self) -> Option<Moment> {
        self.hold.map(|hold| hold.began)
    }

    /// When something answered first since failures are not believed.
    pub(super) fn proven(&self) -> Option<Moment> {
        self.hold.and_then(|hold| hold.proven)
    }

    /// Hosts that fail or have failed lately, and hosts that are up or were lately.
    pub fn counts(&self) -> (u32, u32) {
        self.spreads.first().map_or((0, 0), |site| (site.hosts.failing, site.hosts.up))
    }

    /// Places that fail, and places where something is up: data centers, and hosts in none.
    fn places(&self) -> (u32, u32) {
        self.spreads.first().map_or((0, 0), |site| (site.whole.failing, site.whole.up))
    }

    /// True where the failures of a service have not spread over its places since the hold began: its other places answer
    /// while something of it fails, whatever happens to the services of others.
    pub(super) fn is_narrow(&self, circle: u32) -> bool {
        self.spreads.get(circle as usize).is_some_and(Spread::is_narrow)
    }

    /// An endpoint of a host adds something else now than before.
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

    /// Something answered a probe, well or not: the way there and back works.
    pub fn answered(&mut self, now: Moment) {
        self.went_before_answer = self.went;
        if let Some(hold) = &mut self.hold {
            hold.proven.get_or_insert(now);
        }
    }

    /// Asked before an endpoint that is up turns down, and is counted as failing still; none where it may turn. Those that
    /// turned before it are put back up where nothing has answered since then: it is one wave.
    pub(super) fn begins(&mut self, now: Moment) -> Option<Begun> {
        let rule = self.rule.filter(|_| self.hold.is_none())?;
        while self.gone.front().is_some_and(|gone| now.since(gone.at) > rule.within) {
            self.forget_first();
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
        let back = self.gone.iter().filter(|gone| gone.number >= self.went_before_answer).map(|gone| gone.endpoint);
        let begun = Begun { failing, hosts, failing_places, places, back: back.collect() };
        self.spreads.iter_mut().for_each(|spread| spread.watch(false));
        while self.forget_first() {}
        self.hold = Some(Hold { began: now, proven: None, calm: None, before });
        Some(begun)
    }

    /// An endpoint has turned down.
    pub(super) fn went_down(&mut self, endpoint: u32, host: u32, now: Moment) {
        if self.rule.is_some() {
            self.gone.push_back(Gone { at: now, endpoint, host, number: self.went });
            self.went += 1;
            self.change(host, |host| host.gone += 1);
        }
    }

    /// An endpoint has come back, so that it is not gone any more.
    pub(super) fn came_back(&mut self, endpoint: u32) {
        if let Some(at) = self.gone.iter().position(|gone| gone.endpoint == endpoint)
            && let Some(gone) = self.gone.remove(at)
        {
            self.change(gone.host, |host| host.gone = host.gone.saturating_sub(1));
        }
    }

    fn forget_first(&mut self) -> bool {
        let Some(gone) = self.gone.pop_front() else { return false };
        self.change(gone.host, |host| host.gone = host.gone.saturating_sub(1));
        true
    }

    /// Ends the hold where it is time.
    pub fn ends(&mut self, now: Moment) -> Option<Ended> {
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

    /// Ends the hold because an operator says so; false where there is none.
    pub fn accept_failures(&mut self, now: Moment) -> bool {
        let held = self.is_holding();
        self.end(now);
        held
    }

    fn end(&mut self, now: Moment) {
        if let Some(hold) = self.hold.take() {
            // What holds that lie close together have lasted counts for all of them: who flaps is believed at last.
            self.earlier = Some(Earlier { ended: now, lasted: hold.lasted(hold.calm.unwrap_or(now)) });
        }
    }

    /// The doubt of another document goes on here. `place` says which endpoint of this one, and host, an endpoint of that
    /// one is. False where that ends a hold, as there is no rule any more.
    pub(super) fn resume_from(&mut self, before: &MassFailureGuard, place: impl Fn(u32) -> Option<(u32, u32)>) -> bool {
        (self.went, self.went_before_answer) = (before.went, before.went_before_answer);
        if self.rule.is_none() {
            return before.hold.is_none();
        }
        (self.hold, self.earlier) = (before.hold, before.earlier);
        // The services may be others, so nobody knows how far their failures have spread.
        self.spreads.iter_mut().for_each(|spread| spread.watch(before.hold.is_some()));
        for gone in &before.gone {
            if let Some((endpoint, host)) = place(gone.endpoint) {
                self.gone.push_back(Gone { endpoint, host, ..*gone });
                self.change(host, |host| host.gone += 1);
            }
        }
        true
    }
}

impl Host {
    /// Whether it counts as up, and as failing.
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
    const WELL: Tally = Tally { up: true, failing: false };
    const ILL: Tally = Tally { up: true, failing: true };

    fn at(seconds: u64) -> Moment {
        Moment(Duration::from_secs(seconds))
    }

    /// Hosts of an endpoint each, all of them up.
    fn of(rule: Option<MassFailure>, hosts: u32) -> MassFailureGuard {
        in_places(rule, &(0..hosts).collect::<Vec<_>>())
    }

    fn fresh(rule: Option<MassFailure>, places: &[u32]) -> MassFailureGuard {
        let spots = places.iter().map(|&place| [Spot { spread: 0, place }].into()).collect();
        MassFailureGuard::new(rule, spots, &[places.iter().max().map_or(0, |last| last + 1)])
    }

    /// Hosts of an endpoint each, by their places, all of them up.
    fn in_places(rule: Option<MassFailure>, places: &[u32]) -> MassFailureGuard {
        let mut doubt = fresh(rule, places);
        (0..places.len() as u32).for_each(|host| doubt.count(host, NONE, WELL));
        doubt
    }

    fn ten() -> MassFailureGuard {
        of(Some(MassFailure::default()), 10)
    }

    /// The endpoint of `host` fails and turns down.
    fn turn(doubt: &mut MassFailureGuard, host: u32, now: Moment) -> Option<Vec<u32>> {
        doubt.count(host, WELL, ILL);
        let begun = doubt.begins(now);
        if begun.is_none() {
            doubt.count(host, ILL, NONE);
            doubt.went_down(host, host, now);
        }
        begun.map(|begun| begun.back)
    }

    fn fail(doubt: &mut MassFailureGuard, hosts: std::ops::Range<u32>) {
        hosts.for_each(|host| doubt.count(host, WELL, ILL));
    }

    fn mend(doubt: &mut MassFailureGuard, hosts: std::ops::Range<u32>) {
        hosts.for_each(|host| doubt.count(host, ILL, WELL));
    }

    #[test]
    fn half_may_go_and_the_next_one_brings_back_those_since_whom_nothing_answered() {
        for (answered_after, back) in [(None, vec![0, 1, 2, 3, 4]), (Some(2), vec![3, 4]), (Some(4), vec![])] {
            let mut doubt = ten();
            for host in 0..5 {
                assert_eq!(turn(&mut doubt, host, at(1)), None);
                if answered_after == Some(host) {
                    doubt.answered(at(1));
                }
            }
            assert_eq!(turn(&mut doubt, 5, at(2)), Some(back));
            assert!(doubt.is_holding());
        }
    }

    #[test]
    fn those_that_go_slowly_or_are_few_are_believed() {
        let mut doubt = ten();
        assert!((0..10).all(|host| turn(&mut doubt, host, at(u64::from(host) * 12)).is_none()));
        let mut small = of(Some(MassFailure::default()), 3);
        assert!((0..3).all(|host| turn(&mut small, host, at(0)).is_none()));
        let mut off = of(None, 10);
        assert!((0..10).all(|host| turn(&mut off, host, at(0)).is_none()));
    }

    #[test]
    fn one_host_is_one_however_many_of_its_endpoints_fail() {
        let mut doubt = ten();
        for _ in 0..9 {
            doubt.count(0, NONE, WELL);
            doubt.count(0, WELL, ILL);
        }
        assert_eq!((doubt.counts(), doubt.begins(at(0))), ((1, 10), None));
    }

    #[test]
    fn the_share_is_of_those_that_were_up() {
        let mut doubt = of(Some(MassFailure::default()), 10);
        // Four went down long ago.
        (0..4).for_each(|host| doubt.count(host, WELL, NONE));
        fail(&mut doubt, 4..7);
        assert_eq!(doubt.begins(at(0)), None, "three are half of six, and fewer than four");
        fail(&mut doubt, 7..8);
        assert_eq!(
            doubt.begins(at(0)),
            Some(Begun { failing: 4, hosts: 6, failing_places: 4, places: 6, back: Vec::new() })
        );
    }

    #[test]
    fn a_data_center_that_dies_alone_is_believed_however_many_hosts_it_has() {
        let rule = Some(MassFailure::default());
        let mut doubt = in_places(rule, &[0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        fail(&mut doubt, 0..9);
        assert_eq!(doubt.begins(at(0)), None, "nine of ten hosts, but one place of two");
        fail(&mut doubt, 9..10);
        assert!(doubt.begins(at(0)).is_some());
        // One host that fails in the other place does not make a mass failure of it.
        let mut doubt = in_places(rule, &[0, 0, 0, 0, 0, 0, 1, 1, 1, 1]);
        fail(&mut doubt, 0..8);
        assert_eq!(doubt.begins(at(0)), None, "half of the other place answers");
        fail(&mut doubt, 8..9);
        assert_eq!(doubt.begins(at(0)).map(|begun| (begun.failing_places, begun.places)), Some((2, 2)));
    }

    #[test]
    fn a_hold_ends_where_one_place_alone_is_left() {
        let mut doubt = in_places(Some(MassFailure::default()), &[0, 0, 0, 0, 0, 0, 1, 2, 3]);
        fail(&mut doubt, 0..8);
        assert!(doubt.begins(at(0)).is_some(), "three places of four");
        mend(&mut doubt, 6..8);
        assert_eq!((doubt.ends(at(1)), doubt.ends(at(11))), (None, Some(Ended::Recovered)));
    }

    #[test]
    fn a_hold_ends_as_recovered_only_with_a_margin_and_after_a_while() {
        let mut doubt = ten();
        fail(&mut doubt, 0..6);
        assert!(doubt.begins(at(0)).is_some(), "counted before the first goes, so that no answer changes at all");
        mend(&mut doubt, 0..3);
        assert_eq!(doubt.ends(at(60)), None, "three of ten are more than half of the share");
        mend(&mut doubt, 3..4);
        assert_eq!(doubt.ends(at(61)), None);
        fail(&mut doubt, 3..4);
        assert_eq!(doubt.ends(at(65)), None, "that begins anew");
        mend(&mut doubt, 3..4);
        assert_eq!((doubt.ends(at(70)), doubt.ends(at(79))), (None, None));
        assert_eq!(doubt.ends(at(80)), Some(Ended::Recovered));
    }

    #[test]
    fn an_answer_proves_the_network_and_silence_is_borne_for_longer() {
        let mut doubt = ten();
        doubt.answered(at(0));
        fail(&mut doubt, 0..6);
        doubt.begins(at(0));
        assert_eq!(doubt.ends(at(200)), None, "nothing has answered since then");
        doubt.answered(at(200));
        assert_eq!(doubt.ends(at(209)), None);
        assert_eq!(doubt.ends(at(210)), Some(Ended::Confirmed));
        let mut doubt = ten();
        fail(&mut doubt, 0..10);
        doubt.begins(at(0));
        assert_eq!(doubt.ends(at(299)), None);
        assert_eq!(doubt.ends(at(300)), Some(Ended::Unanswered), "something that is not probed may have to answer");
    }

    #[test]
    fn holds_that_lie_close_together_have_one_clock() {
        let mut doubt = ten();
        let (mut held, mut now) = (0, 0);
        // Six are up and down for eight seconds each, and something always answers.
        while held < 100 {
            fail(&mut doubt, 0..6);
            if doubt.begins(at(now)).is_some() {
                doubt.answered(at(now));
            }
            now += 8;
            if doubt.ends(at(now)) == Some(Ended::Confirmed) {
                break;
            }
            held += 8;
            mend(&mut doubt, 0..6);
            doubt.ends(at(now));
            now += 12;
            assert_eq!(doubt.ends(at(now)), Some(Ended::Recovered));
        }
        assert!(held <= 10, "held for {held} s");
        // Long after, it is another matter.
        mend(&mut doubt, 0..6);
        fail(&mut doubt, 0..6);
        assert!(doubt.begins(at(now + 301)).is_some());
        doubt.answered(at(now + 301));
        assert_eq!(doubt.ends(at(now + 302)), None);
    }

    #[test]
    fn another_document_goes_on_with_the_wave_and_the_hold() {
        let mut before = ten();
        (0..5).for_each(|host| _ = turn(&mut before, host, at(1)));
        let mut next = fresh(Some(MassFailure::default()), &(0..10).collect::<Vec<_>>());
        (5..10).for_each(|host| next.count(host, NONE, WELL));
        assert!(next.resume_from(&before, |endpoint| Some((endpoint, endpoint))));
        assert_eq!(next.counts(), (5, 10));
        assert_eq!(turn(&mut next, 5, at(2)), Some(vec![0, 1, 2, 3, 4]));
        assert!(!fresh(None, &[]).resume_from(&next, |_| None), "a hold that no rule asks for any more");
    }
}
