//! The health of a whole site: outcomes and time in, changes out. An outcome only touches the endpoints of its target.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::sync::Arc;
use std::time::Duration;

pub(crate) mod carry_over;
mod layout;
pub(crate) mod mass_failures;
mod queries;

use super::endpoint::{Endpoint, Held, Rules, Source};
use super::flaps::Flaps;
use super::mass_failure::{MassFailureGuard, Tally};
use super::outcome::{Failure, Outcome};
use super::probed::Probed;
use super::reachability::Reachability;
use super::several::Probes;
use super::status::{Effects, ProbeAbility, Recovery, Transition};
use super::target::{Member, Targets};
use crate::live::pool::{Change, EndpointState, NO_TTL_LIMIT};
use crate::moment::Moment;
use crate::site::model::{Endpoint as SiteEndpoint, Pool, PoolId, Site};

/// Minimum TTL during a mass failure, unless the service's own TTL is smaller.
pub const HOLD_TTL: Duration = Duration::from_secs(10);

/// The health of all endpoints of a site.
#[derive(Debug, Clone)]
pub struct Health {
    /// The site whose endpoints these are.
    site: Arc<Site>,
    targets: Targets,
    /// One per target.
    probed: Vec<Probed>,
    /// The host of each target.
    hosts: Vec<Host>,
    /// The guard's per-service counts that each pool is part of.
    pool_spreads: Vec<Box<[u32]>>,
    /// The endpoints of pools with probes, pool by pool. The others keep their initial status, so they take no memory.
    endpoints: Vec<EndpointHealth>,
    /// Index of each pool's first endpoint in `endpoints`; [`NOT_PROBED`] for a pool without probes.
    first: Vec<u32>,
    /// When this health was made: endpoints without probes have their status since then.
    since: u64,
    /// Why an endpoint without probes has its status.
    not_probed: Arc<str>,
    /// Status changes of endpoints that were probed under an earlier document and are not now.
    earlier_flaps: HashMap<Member, Flaps>,
    guard: MassFailureGuard,
    reachability: Reachability,
    due: BinaryHeap<Reverse<(Moment, Due)>>,
}

/// Stands for the index of the first endpoint of a pool without probes.
const NOT_PROBED: u32 = u32::MAX;

/// The host of a target.
#[derive(Debug, Clone, Copy)]
struct Host {
    number: u32,
    /// Its answers prove that our network works.
    proves: bool,
}

/// The health of one endpoint with probes.
#[derive(Debug, Clone)]
struct EndpointHealth {
    member: Member,
    probes: Probes,
    endpoint: Endpoint,
    since: u64,
    why: Arc<str>,
    /// Since when it has recovered and waits for an operator.
    recovered: Option<u64>,
    flaps: Flaps,
    /// Its saved status is too old to count as known.
    is_stale: bool,
    /// Failures of probes that started since then take effect despite a mass failure; `None` once it passes.
    accepted_since: Option<Moment>,
    /// What the guard counts for it.
    tally: Tally,
    /// The last reported state.
    state: EndpointState,
}

/// Deadlines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// The end of an endpoint's `hold_down`.
    HoldDownEnd(usize),
    /// When a push target's last report expires.
    PushDeadline(u32),
}

impl Health {
    /// The targets to probe; [`Health::observe`] takes their numbers.
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// Applies the outcome of a probe.
    pub fn observe(&mut self, target: u32, outcome: &Outcome, now: Moment, wall: u64) -> Effects {
        let mut effects = Effects::default();
        let reclassified = self.reclassify(target, outcome, now);
        let outcome = reclassified.as_ref().unwrap_or(outcome);
        let Some(probed) = self.probed.get_mut(target as usize) else { return effects };
        let able_before = probed.unable.is_none();
        let no_path_since = probed.no_path_since;
        probed.observe(outcome, now, wall);
        if reclassified.is_some() {
            probed.no_path_since = no_path_since;
        }
        match &probed.unable {
            Some(why) if able_before => effects.abilities.push(ProbeAbility { target, unable: Some(why.clone()) }),
            None if !able_before => effects.abilities.push(ProbeAbility { target, unable: None }),
            _ => {}
        }
        if outcome.is_unable() {
            return effects;
        }
        if outcome.is_answer() {
            self.note_answer(target, now);
        }
        if outcome.is_answer() && self.hosts.get(target as usize).is_some_and(|host| host.proves) {
            self.guard.answered(now);
        }
        self.schedule_push_deadline(target);
        self.judge(target, now, wall, &mut effects);
        self.end_hold_if_due(now, wall, &mut effects);
        effects
    }

    /// Turns "no route" and "resolver" outcomes into failures of the endpoint if others have answered since the first
    /// such outcome, so that this host is not the cause.
    fn reclassify(&mut self, target: u32, outcome: &Outcome, now: Moment) -> Option<Outcome> {
        let failure = outcome.result.err()?;
        if !matches!(failure, Failure::NoRoute | Failure::Resolver) {
            return None;
        }
        let (host, probed) = (self.hosts.get(target as usize)?, self.probed.get_mut(target as usize)?);
        let first = probed.no_path_since;
        let since = *probed.no_path_since.get_or_insert(now);
        let is_endpoint_failure = match failure {
            Failure::NoRoute => self.reachability.is_route_failure(host.number, &self.targets.get(target)?.host, since),
            _ => self.reachability.is_name_failure(host.number, since),
        };
        if !is_endpoint_failure || first.is_none() {
            return None;
        }
        // The first such outcome was not counted then, so it counts now.
        if probed.unable.is_some() {
            probed.run.observe(false);
        }
        Some(outcome.as_endpoint_failure())
    }

    fn note_answer(&mut self, target: u32, now: Moment) {
        if let (Some(host), Some(of)) = (self.hosts.get(target as usize), self.targets.get(target))
            && of.posted_for.is_none()
        {
            self.reachability.answered(host.number, &of.host, now);
        }
    }

    /// Handles deadlines. Call it a few times per second.
    pub fn tick(&mut self, now: Moment, wall: u64) -> Effects {
        let mut effects = Effects::default();
        while let Some(&Reverse((at, due))) = self.due.peek()
            && at <= now
        {
            self.due.pop();
            match due {
                Due::HoldDownEnd(number) => self.settle(number, now, wall, &mut effects),
                Due::PushDeadline(target) => self.check_push(target, now, wall, &mut effects),
            }
        }
        self.end_hold_if_due(now, wall, &mut effects);
        effects
    }

    /// Returns an endpoint to service that `hold_down` or `resume` keeps down. `None` if there is no such endpoint, or
    /// something else keeps it down.
    pub fn resume(&mut self, member: Member, now: Moment, wall: u64) -> Option<Effects> {
        let number = self.number(member)?;
        let mut effects = Effects::default();
        if !self.endpoints.get_mut(number)?.endpoint.resume() {
            return None;
        }
        self.settle(number, now, wall, &mut effects);
        Some(effects)
    }

    fn number(&self, member: Member) -> Option<usize> {
        let number = *self.first.get(member.pool.0 as usize)? as usize + member.endpoint as usize;
        self.endpoints.get(number).filter(|known| known.member == member).map(|_| number)
    }

    fn known(&self, member: Member) -> Option<&EndpointHealth> {
        self.endpoints.get(self.number(member)?)
    }

    /// The endpoint of the document, and its pool.
    fn written(&self, member: Member) -> Option<(&Pool, &SiteEndpoint)> {
        let pool = self.site.pools.get(member.pool.0 as usize)?;
        Some((pool, pool.endpoints.get(member.endpoint as usize)?))
    }

    /// Schedules the deadline of a push target.
    fn schedule_push_deadline(&mut self, target: u32) {
        let Some(probed) = self.probed.get_mut(target as usize) else { return };
        if let (Some(push_ttl), false) = (probed.push_ttl, probed.has_push_deadline) {
            probed.has_push_deadline = true;
            self.due.push(Reverse((probed.last_outcome.after(push_ttl), Due::PushDeadline(target))));
        }
    }

    fn check_push(&mut self, target: u32, now: Moment, wall: u64, effects: &mut Effects) {
        let Some(probed) = self.probed.get_mut(target as usize) else { return };
        probed.has_push_deadline = false;
        if probed.push_ttl.is_some_and(|push_ttl| probed.last_outcome.after(push_ttl) > now) {
            return self.schedule_push_deadline(target);
        }
        probed.expire_push(now, wall);
        self.judge(target, now, wall, effects);
    }

    /// Settles every endpoint of a target.
    fn judge(&mut self, target: u32, now: Moment, wall: u64, effects: &mut Effects) {
        let members: Vec<usize> =
            self.targets.members(target).iter().filter_map(|&member| self.number(member)).collect();
        // Count all of them before the first one changes.
        members.iter().for_each(|&number| self.update_tally(number));
        members.into_iter().for_each(|number| self.settle(number, now, wall, effects));
    }

    /// Applies the latest outcomes to an endpoint and reports changes.
    fn settle(&mut self, number: usize, now: Moment, wall: u64, effects: &mut Effects) {
        let Some(known) = self.endpoints.get_mut(number) else { return };
        if let Some(verdict) = known.probes.judge(&self.probed) {
            let turns_down = known.endpoint.up && !verdict;
            let hold = turns_down && self.must_hold(number, now, wall, effects);
            self.apply_verdict(number, verdict, hold, now, wall, effects);
        }
        self.update_tally(number);
        self.emit_change(number, effects);
    }

    fn apply_verdict(
        &mut self,
        number: usize,
        verdict: bool,
        hold: bool,
        now: Moment,
        wall: u64,
        effects: &mut Effects,
    ) {
        let Some(known) = self.endpoints.get_mut(number) else { return };
        let Some(rules) = rules(&self.site, known.member.pool) else { return };
        let (held, source) = (known.endpoint.held, known.endpoint.source);
        let turned = known.endpoint.settle(verdict, rules, hold, now);
        if let (Some(Held::HoldDown { until }), true) = (known.endpoint.held, known.endpoint.held != held) {
            self.due.push(Reverse((until, Due::HoldDownEnd(number))));
        }
        known.note_recovery(&self.probed, verdict, wall, effects);
        if !turned {
            // The status is the same, but now there is a better reason for it.
            if source != Source::Verdict && known.endpoint.up == verdict {
                known.why = known.probes.why(&self.probed, verdict).into();
            }
            return;
        }
        let why = known.probes.why(&self.probed, verdict);
        if known.record_transition(why, now, wall, effects) {
            self.guard.came_back(number as u32);
        } else if known.accepted_since.is_none() && source != Source::Initial {
            // Endpoints that were held before, or that never were seen up, do not count towards a mass failure.
            let host = known.probes.target().and_then(|target| self.hosts.get(target as usize)).map(|host| host.number);
            self.guard.went_down(number as u32, host.unwrap_or(u32::MAX), now);
        }
    }

    /// Reports the state of an endpoint if it changed since the last report.
    fn emit_change(&mut self, number: usize, effects: &mut Effects) {
        let is_holding = self.guard.is_holding();
        let Some(known) = self.endpoints.get_mut(number) else { return };
        let state = known.state_after(&self.probed, is_holding);
        if state != known.state {
            known.state = state;
            let Member { pool, endpoint } = known.member;
            effects.changes.push(Change { pool, endpoint, state });
        }
    }
}

/// How the endpoints of a pool return to service.
fn rules(site: &Site, pool: PoolId) -> Option<Rules> {
    let Pool { hold_down, resume, initial, .. } = *site.pools.get(pool.0 as usize)?;
    Some(Rules { hold_down, resume, initial })
}

impl EndpointHealth {
    /// An endpoint of `pool` of which nothing is known, for the reason `why`.
    fn fresh(
        site: &Site,
        pool: &Pool,
        member: Member,
        targets: &Targets,
        why: &Arc<str>,
        wall: u64,
    ) -> Option<EndpointHealth> {
        let endpoint = pool.endpoints.get(member.endpoint as usize)?;
        Some(EndpointHealth {
            member,
            probes: Probes::of(site, pool, member, targets),
            endpoint: Endpoint::initial(pool.initial),
            since: wall,
            why: Arc::clone(why),
            recovered: None,
            flaps: Flaps::default(),
            is_stale: false,
            accepted_since: None,
            tally: Tally::default(),
            state: EndpointState::initial(pool, endpoint.weight),
        })
    }

    /// Records that it has recovered and waits for an operator, or that it fails again while waiting.
    fn note_recovery(&mut self, probed: &[Probed], verdict: bool, wall: u64, effects: &mut Effects) {
        let waits = self.endpoint.held == Some(Held::Manual);
        if waits == self.recovered.is_some() {
            return;
        }
        self.recovered = waits.then_some(wall);
        if self.endpoint.up {
            return;
        }
        let why: Arc<str> = self.probes.why(probed, verdict).into();
        if !waits {
            self.why = why.clone();
        }
        effects.recoveries.push(Recovery { member: self.member, waits, why });
    }

    /// Records that the status changed; returns true if it is up now.
    fn record_transition(&mut self, why: String, now: Moment, wall: u64, effects: &mut Effects) -> bool {
        let up = self.endpoint.up;
        (self.since, self.why) = (wall, why.into());
        self.flaps.add(now);
        effects.transitions.push(Transition { member: self.member, up, why: self.why.clone() });
        up
    }

    /// Its state after the latest outcomes. During a mass failure no TTL falls below [`HOLD_TTL`]: otherwise every
    /// resolver would query every second for minutes.
    fn state_after(&self, probed: &[Probed], is_holding: bool) -> EndpointState {
        let Endpoint { up, source, held, .. } = self.endpoint;
        let time = match held {
            Some(Held::HoldDown { .. } | Held::Manual) => None,
            Some(Held::MassFailure) => Some(self.probes.interval()),
            None => self.probes.time_to_change(probed, up),
        };
        let floor = if is_holding { HOLD_TTL } else { Duration::ZERO };
        let limit = time.map(|time| time.max(floor));
        let is_stale = self.is_stale && source == Source::Saved;
        EndpointState {
            up,
            weight: self.state.weight,
            ttl_limit: limit.map_or(NO_TTL_LIMIT, whole_seconds),
            recovered: held == Some(Held::Manual),
            is_known: up || source != Source::Initial && !is_stale || self.probes.target().is_none(),
        }
    }
}

/// Rounded up to at least one second: with less, answers would not be cached at all.
fn whole_seconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis().div_ceil(1_000)).unwrap_or(NO_TTL_LIMIT).max(1)
}
