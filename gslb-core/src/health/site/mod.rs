//! The health of a whole site: outcomes and time in, what they change out. Only what an outcome concerns is touched.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

pub(crate) mod carry_over;
mod layout;
pub(crate) mod mass_failures;

use super::endpoint::{Endpoint, Held, Rules, Source};
use super::flaps::Flaps;
use super::mass_failure::{MassFailureGuard, Tally};
use super::outcome::{Failure, Outcome};
use super::probed::Probed;
use super::saved::{SavedKey, SavedStatus};
use super::several::{EndpointProbe, Probes};
use super::status::{Effects, ProbeAbility, Recovery, Status, Transition};
use super::target::{Member, Targets};
use super::ways::Ways;
use crate::live::overrides::States;
use crate::live::pool::{Change, EndpointState, NO_TTL_LIMIT};
use crate::moment::Moment;
use crate::site::model::{self, Pool, Site};

/// Least TTL while a mass failure is held, as long as the service's own TTL is not smaller.
pub const HOLD_TTL: Duration = Duration::from_secs(10);

/// Everything that is known of the endpoints of one site.
#[derive(Debug, Clone)]
pub struct Health {
    targets: Targets,
    /// One per target.
    probed: Vec<Probed>,
    /// The host of each target, by a number of its own.
    hosts: Vec<Host>,
    /// Where the doubt counts the services of each pool.
    circles: Vec<Box<[u32]>>,
    /// All endpoints, pool by pool.
    endpoints: Vec<Known>,
    /// Place of each pool's first endpoint in `endpoints`.
    first: Vec<usize>,
    doubt: MassFailureGuard,
    ways: Ways,
    due: BinaryHeap<Reverse<(Moment, Due)>>,
}

/// Which host a target is at.
#[derive(Debug, Clone, Copy)]
struct Host {
    number: u32,
    /// Its answers say that our network works.
    proves: bool,
}

/// What is known of one endpoint.
#[derive(Debug, Clone)]
struct Known {
    member: Member,
    probes: Probes,
    pool: Arc<str>,
    name: Arc<str>,
    answers: model::Target,
    rules: Rules,
    weight: u32,
    endpoint: Endpoint,
    since: u64,
    why: Arc<str>,
    /// Since when it has recovered and waits for an operator.
    recovered: Option<u64>,
    flaps: Flaps,
    /// It was saved so long ago that it is no news.
    is_old: bool,
    /// Failures of probes that began since then are believed, whatever is doubted; none where it has passed since.
    believed: Option<Moment>,
    /// As the doubt counts it.
    tally: Tally,
    /// As it was told last.
    state: EndpointState,
}

/// What has to be looked at when its time has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// Whether an endpoint comes back.
    Comeback(usize),
    /// Whether a target has sent word.
    Word(u32),
}

impl Health {
    /// What is probed; numbers of targets are those of [`Health::observe`].
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// Takes what came of probing a target.
    pub fn observe(&mut self, target: u32, outcome: &Outcome, now: Moment, wall: u64) -> Effects {
        let mut effects = Effects::default();
        let blamed = self.blamed(target, outcome, now);
        let outcome = blamed.as_ref().unwrap_or(outcome);
        let Some(probed) = self.probed.get_mut(target as usize) else { return effects };
        let able_before = probed.unable.is_none();
        let blind = probed.blind;
        probed.observe(outcome, now, wall);
        if blamed.is_some() {
            probed.blind = blind;
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
            self.doubt.answered(now);
        }
        self.watch(target);
        self.judge(target, now, wall, &mut effects);
        self.end_doubt(now, wall, &mut effects);
        effects
    }

    /// The outcome as a failure, where the probe found no way or no address, and others have answered since it first found
    /// none: then that is not this host's fault.
    fn blamed(&mut self, target: u32, outcome: &Outcome, now: Moment) -> Option<Outcome> {
        let failure = outcome.result.err()?;
        if !matches!(failure, Failure::NoRoute | Failure::Resolver) {
            return None;
        }
        let (host, probed) = (self.hosts.get(target as usize)?, self.probed.get_mut(target as usize)?);
        let first = probed.blind;
        let since = *probed.blind.get_or_insert(now);
        let is_blamed = match failure {
            Failure::NoRoute => self.ways.blames_way(host.number, &self.targets.get(target)?.host, since),
            _ => self.ways.blames_name(host.number, since),
        };
        if !is_blamed || first.is_none() {
            return None;
        }
        // The first such outcome waited for that, and counts now.
        if probed.unable.is_some() {
            probed.run.observe(false);
        }
        Some(outcome.blamed())
    }

    fn note_answer(&mut self, target: u32, now: Moment) {
        if let (Some(host), Some(of)) = (self.hosts.get(target as usize), self.targets.get(target))
            && of.posted_for.is_none()
        {
            self.ways.answered(host.number, &of.host, now);
        }
    }

    /// Takes note that time has passed. Call it a few times a second.
    pub fn tick(&mut self, now: Moment, wall: u64) -> Effects {
        let mut effects = Effects::default();
        while let Some(&Reverse((at, due))) = self.due.peek()
            && at <= now
        {
            self.due.pop();
            match due {
                Due::Comeback(number) => self.settle(number, now, wall, &mut effects),
                Due::Word(target) => self.listen(target, now, wall, &mut effects),
            }
        }
        self.end_doubt(now, wall, &mut effects);
        effects
    }

    /// Lets an endpoint back that its pool's `hold_down` or `resume` keeps down. None where there is no such endpoint, or
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

    /// The state of every endpoint, before anything is forced.
    pub fn states(&self) -> States {
        let ends = self.first.iter().skip(1).copied().chain([self.endpoints.len()]);
        let of_pool = |(&first, end)| self.endpoints.get(first..end).unwrap_or_default().iter();
        self.first.iter().zip(ends).map(of_pool).map(|pool| pool.map(|known| known.state).collect()).collect()
    }

    /// The state of one endpoint, before anything is forced.
    pub fn state(&self, member: Member) -> Option<EndpointState> {
        Some(self.endpoints.get(self.number(member)?)?.state)
    }

    /// The status of an endpoint, with its evidence.
    pub fn status(&self, member: Member, now: Moment) -> Option<Status> {
        let known = self.endpoints.get(self.number(member)?)?;
        let all = &self.probed;
        let of = |probe: &EndpointProbe| self.probed.get(probe.target as usize);
        let leading = known.probes.leading(all).and_then(|probe| Some((probe, of(probe)?)));
        let limit = known.state.ttl_limit;
        Some(Status {
            up: known.endpoint.up,
            source: known.endpoint.source,
            since: known.since,
            why: match (known.endpoint.held, leading) {
                // Whoever decides whether the failures are believed has to see them.
                (Some(Held::MassFailure), Some(_)) => format!("would be down: {}", known.probes.why(all, false)).into(),
                _ => match known.probes.dissent(all, known.endpoint.up) {
                    Some(dissent) => format!("{}; now {dissent}", known.why).into(),
                    None => known.why.clone(),
                },
            },
            held: known.endpoint.held,
            recovered: known.recovered,
            probes: known.probes.statuses(all),
            progress: leading.map(|(probe, probed)| probe.progress(probed)),
            outcomes: leading.map_or_else(Vec::new, |(_, probed)| probed.outcomes.iter().cloned().collect()),
            unable: known.probes.unable(all),
            latency: known.probes.iter().filter_map(of).find_map(|probed| probed.latency.get()),
            response: known.probes.iter().filter_map(of).find_map(|probed| probed.response.get()),
            certificate_expires: known.probes.iter().filter_map(of).filter_map(|it| it.certificate_expires).min(),
            flaps: known.flaps.count(now),
            ttl_limit: (limit != NO_TTL_LIMIT).then_some(limit),
        })
    }

    /// What is to be saved of an endpoint; nothing where nothing is known of it.
    pub fn saved(&self, member: Member) -> Option<(SavedKey, SavedStatus)> {
        let known = self.endpoints.get(self.number(member)?)?;
        let key = SavedKey::of(&known.pool, &known.name, &known.answers);
        let Known { since, recovered, .. } = *known;
        let status = SavedStatus { up: known.endpoint.up, since, why: known.why.to_string(), recovered };
        (known.endpoint.source != Source::Initial).then_some((key, status))
    }

    /// All endpoints, pool by pool.
    pub fn members(&self) -> impl Iterator<Item = Member> {
        self.endpoints.iter().map(|known| known.member)
    }

    /// When the certificates of probed servers end, in seconds since 1970-01-01 00:00 UTC: for each endpoint and each probe
    /// that saw one, which is given by its place among the probes of the pool.
    pub fn certificates(&self) -> impl Iterator<Item = (Member, usize, u64)> {
        self.endpoints.iter().flat_map(|known| {
            known.probes.iter().enumerate().filter_map(|(at, probe)| {
                let probed = self.probed.get(probe.target as usize)?;
                Some((known.member, at, probed.certificate_expires?))
            })
        })
    }

    /// Endpoints that cannot be probed now, so that they keep their status, and why the first probe of them cannot be made.
    pub fn unable(&self) -> impl Iterator<Item = (Member, Failure)> {
        self.endpoints.iter().filter_map(|known| {
            let all = known.probes.iter().filter_map(|probe| self.probed.get(probe.target as usize));
            Some((known.member, all.filter_map(Probed::cannot_be_made).next()?))
        })
    }

    /// What each probe of each endpoint of a pool with several probes found: its place among the probes of the pool, and its
    /// verdict; those that have none yet are left out.
    pub fn verdicts(&self) -> impl Iterator<Item = (Member, usize, bool)> {
        self.endpoints.iter().flat_map(|known| known.probes.verdicts().map(|(at, up)| (known.member, at, up)))
    }

    /// Smoothed time of the successes of each data center's targets, the least of each: the quickest endpoint says how far
    /// a data center is, and the others add their own work to it. What does not pass now is left out. One entry per data
    /// center of `site`, which must be the one of this health.
    pub fn latencies(&self, site: &Site) -> Vec<Option<Duration>> {
        let mut least: Vec<Option<Duration>> = vec![None; site.data_centers.len()];
        for known in &self.endpoints {
            let data_center = site.pools.get(known.member.pool.0 as usize).and_then(|pool| pool.data_center);
            let slot = data_center.and_then(|id| least.get_mut(id.0 as usize));
            let probed = known.probes.iter().filter_map(|probe| self.probed.get(probe.target as usize));
            let measured =
                probed.filter(|probed| probed.run.is_passing()).filter_map(|probed| probed.latency.get()).min();
            if let (Some(slot), Some(measured)) = (slot, measured) {
                *slot = Some(slot.map_or(measured, |least| least.min(measured)));
            }
        }
        least
    }

    /// How many endpoints have recovered and wait for an operator to let them back.
    pub fn awaiting_resume(&self) -> usize {
        self.endpoints.iter().filter(|known| known.endpoint.held == Some(Held::Manual)).count()
    }

    fn number(&self, member: Member) -> Option<usize> {
        let number = self.first.get(member.pool.0 as usize)? + member.endpoint as usize;
        self.endpoints.get(number).filter(|known| known.member == member).map(|_| number)
    }

    /// Has the word of a target looked after, where it sends word itself.
    fn watch(&mut self, target: u32) {
        let Some(probed) = self.probed.get_mut(target as usize) else { return };
        if let (Some(patience), false) = (probed.patience, probed.is_watched) {
            probed.is_watched = true;
            self.due.push(Reverse((probed.heard.after(patience), Due::Word(target))));
        }
    }

    fn listen(&mut self, target: u32, now: Moment, wall: u64, effects: &mut Effects) {
        let Some(probed) = self.probed.get_mut(target as usize) else { return };
        probed.is_watched = false;
        if probed.patience.is_some_and(|patience| probed.heard.after(patience) > now) {
            return self.watch(target);
        }
        probed.fall_silent(now, wall);
        self.judge(target, now, wall, effects);
    }

    /// Settles every endpoint that a target stands for.
    fn judge(&mut self, target: u32, now: Moment, wall: u64, effects: &mut Effects) {
        let members: Vec<usize> =
            self.targets.members(target).iter().filter_map(|&member| self.number(member)).collect();
        // All are counted before the first of them turns.
        members.iter().for_each(|&number| self.look_again(number));
        members.into_iter().for_each(|number| self.settle(number, now, wall, effects));
    }

    /// Makes of the latest outcomes what they mean for an endpoint, and tells it.
    fn settle(&mut self, number: usize, now: Moment, wall: u64, effects: &mut Effects) {
        let Some(known) = self.endpoints.get_mut(number) else { return };
        if let Some(verdict) = known.probes.judge(&self.probed) {
            let turns_down = known.endpoint.up && !verdict;
            let doubted = turns_down && self.is_doubted(number, now, wall, effects);
            self.turn(number, verdict, doubted, now, wall, effects);
        }
        self.look_again(number);
        self.tell(number, effects);
    }

    fn turn(&mut self, number: usize, verdict: bool, doubted: bool, now: Moment, wall: u64, effects: &mut Effects) {
        let Some(known) = self.endpoints.get_mut(number) else { return };
        let (held, source) = (known.endpoint.held, known.endpoint.source);
        let turned = known.endpoint.settle(verdict, known.rules, doubted, now);
        if let (Some(Held::HoldDown { until }), true) = (known.endpoint.held, known.endpoint.held != held) {
            self.due.push(Reverse((until, Due::Comeback(number))));
        }
        known.note_recovery(&self.probed, verdict, wall, effects);
        if !turned {
            // It is what it was, but by now there is a better reason for it.
            if source != Source::Verdict && known.endpoint.up == verdict {
                known.why = known.probes.why(&self.probed, verdict).into();
            }
            return;
        }
        let why = known.probes.why(&self.probed, verdict);
        if known.turned(why, now, wall, effects) {
            self.doubt.came_back(number as u32);
        } else if known.believed.is_none() && source != Source::Initial {
            // What was doubted once, and what never was found up, raises no doubt.
            let host = known.probes.target().and_then(|target| self.hosts.get(target as usize)).map(|host| host.number);
            self.doubt.went_down(number as u32, host.unwrap_or(u32::MAX), now);
        }
    }

    /// Tells the state of an endpoint where it is not as it was told last.
    fn tell(&mut self, number: usize, effects: &mut Effects) {
        let is_holding = self.doubt.is_holding();
        let Some(known) = self.endpoints.get_mut(number) else { return };
        let state = known.state_after(&self.probed, is_holding);
        if state != known.state {
            known.state = state;
            let Member { pool, endpoint } = known.member;
            effects.changes.push(Change { pool, endpoint, state });
        }
    }
}

impl Known {
    fn fresh(site: &Site, pool: &Pool, member: Member, targets: &Targets, wall: u64) -> Option<Known> {
        let endpoint = pool.endpoints.get(member.endpoint as usize)?;
        let Pool { hold_down, resume, initial, .. } = *pool;
        let mut known = Known {
            member,
            probes: Probes::of(site, pool, member, targets),
            pool: pool.name.clone(),
            name: endpoint.name.clone(),
            answers: endpoint.target.clone(),
            rules: Rules { hold_down, resume, initial },
            weight: endpoint.weight,
            endpoint: Endpoint::initial(initial),
            since: wall,
            why: if !pool.probes.is_empty() { "no verdict yet".into() } else { "not probed".into() },
            recovered: None,
            flaps: Flaps::default(),
            is_old: false,
            believed: None,
            tally: Tally::default(),
            state: EndpointState::new(true, endpoint.weight),
        };
        known.state = known.state_after(&[], false);
        Some(known)
    }

    /// Notes whether it has recovered and waits for an operator from now on, or fails again while it does.
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

    /// Notes that the status has turned; true where it is up now.
    fn turned(&mut self, why: String, now: Moment, wall: u64, effects: &mut Effects) -> bool {
        let up = self.endpoint.up;
        (self.since, self.why) = (wall, why.into());
        self.flaps.add(now);
        effects.transitions.push(Transition { member: self.member, up, why: self.why.clone() });
        up
    }

    /// Its state after the latest outcomes. While failures are doubted, statuses stay for a while, and no TTL falls below
    /// [`HOLD_TTL`]: every resolver would ask every second, for minutes.
    fn state_after(&self, probed: &[Probed], is_holding: bool) -> EndpointState {
        let Endpoint { up, source, held, .. } = self.endpoint;
        let time = match held {
            Some(Held::HoldDown { .. } | Held::Manual) => None,
            Some(Held::MassFailure) => Some(self.probes.interval()),
            None => self.probes.time_to_turn(probed, up),
        };
        let floor = if is_holding { HOLD_TTL } else { Duration::ZERO };
        let limit = time.map(|time| time.max(floor));
        let is_old = self.is_old && source == Source::Saved;
        EndpointState {
            up,
            weight: self.weight,
            ttl_limit: limit.map_or(NO_TTL_LIMIT, whole_seconds),
            recovered: held == Some(Held::Manual),
            is_known: up || source != Source::Initial && !is_old || self.probes.target().is_none(),
        }
    }
}

/// At least one second: less would not be cached at all.
fn whole_seconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis().div_ceil(1_000)).unwrap_or(NO_TTL_LIMIT).max(1)
}
