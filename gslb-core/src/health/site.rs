//! The health of a whole site: outcomes and time in, what they change out. Only what an outcome concerns is touched.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

mod doubting;
mod heirs;
mod layout;

use super::doubt::{Doubt, Tally};
use super::endpoint::{Endpoint, Held, Rules, Source};
use super::flaps::Flaps;
use super::moment::Moment;
use super::outcome::{Failure, Outcome};
use super::probed::Probed;
use super::saved::{SavedKey, SavedStatus};
use super::status::{Ability, Effects, Progress, Status, Transition};
use super::target::{Member, Targets};
use super::verdict::{Rule, Run};
use super::ways::Ways;
use crate::model::{self, Pool, ProbeKind, Site};
use crate::table::liveness::{Change, EndpointState, NO_TTL_LIMIT};
use crate::table::overrides::States;

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
    doubt: Doubt,
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
    target: Option<u32>,
    pool: Arc<str>,
    name: Arc<str>,
    answers: model::Target,
    rules: Rules,
    /// Time between two outcomes.
    interval: Duration,
    weight: u32,
    endpoint: Endpoint,
    since: u64,
    why: Arc<str>,
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
            Some(why) if able_before => effects.abilities.push(Ability { target, unable: Some(why.clone()) }),
            None if !able_before => effects.abilities.push(Ability { target, unable: None }),
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
        let probed = known.target.and_then(|target| self.probed.get(target as usize));
        let Rule { rise, fall } = known.rules.rule;
        let limit = known.state.ttl_limit;
        Some(Status {
            up: known.endpoint.up,
            source: known.endpoint.source,
            since: known.since,
            why: match (known.endpoint.held, probed) {
                // Whoever decides whether the failures are believed has to see them.
                (Some(Held::MassFailure), Some(probed)) => format!("would be down: {}", probed.why(false)).into(),
                _ => known.why.clone(),
            },
            held: known.endpoint.held,
            progress: probed.map(|probed| {
                let passes = probed.run.is_passing();
                Progress { passes, length: probed.run.length(), needed: if passes { rise } else { fall } }
            }),
            outcomes: probed.map_or_else(Vec::new, |probed| probed.outcomes.iter().cloned().collect()),
            unable: probed.and_then(|probed| probed.unable.clone()),
            latency: probed.and_then(|probed| probed.latency.get()),
            response: probed.and_then(|probed| probed.response.get()),
            certificate_expires: probed.and_then(|probed| probed.certificate_expires),
            flaps: known.flaps.count(now),
            ttl_limit: (limit != NO_TTL_LIMIT).then_some(limit),
        })
    }

    /// What is to be saved of an endpoint; nothing where nothing is known of it.
    pub fn saved(&self, member: Member) -> Option<(SavedKey, SavedStatus)> {
        let known = self.endpoints.get(self.number(member)?)?;
        let key = SavedKey::of(&known.pool, &known.name, &known.answers);
        let status = SavedStatus { up: known.endpoint.up, since: known.since, why: known.why.to_string() };
        (known.endpoint.source != Source::Initial).then_some((key, status))
    }

    /// All endpoints, pool by pool.
    pub fn members(&self) -> impl Iterator<Item = Member> {
        self.endpoints.iter().map(|known| known.member)
    }

    /// When the certificates of probed servers end, in seconds since 1970-01-01 00:00 UTC, for each endpoint with one.
    pub fn certificates(&self) -> impl Iterator<Item = (Member, u64)> {
        self.endpoints.iter().filter_map(|known| {
            let probed = self.probed.get(known.target? as usize)?;
            Some((known.member, probed.certificate_expires?))
        })
    }

    /// Smoothed time of the successes of each data center's targets, the least of each: the quickest endpoint says how far
    /// a data center is, and the others add their own work to it. What does not pass now is left out. One entry per data
    /// center of `site`, which must be the one of this health.
    pub fn latencies(&self, site: &Site) -> Vec<Option<Duration>> {
        let mut least: Vec<Option<Duration>> = vec![None; site.data_centers.len()];
        for known in &self.endpoints {
            let data_center = site.pools.get(known.member.pool.0 as usize).and_then(|pool| pool.data_center);
            let slot = data_center.and_then(|id| least.get_mut(id.0 as usize));
            let probed = known.target.and_then(|target| self.probed.get(target as usize));
            let measured = probed.filter(|probed| probed.run.is_passing()).and_then(|probed| probed.latency.get());
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

    fn run(&self, number: usize) -> Run {
        let target = self.endpoints.get(number).and_then(|known| known.target);
        target.and_then(|target| self.probed.get(target as usize)).map_or(Run::default(), |probed| probed.run)
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
        let run = self.run(number);
        let Some(known) = self.endpoints.get(number) else { return };
        if let Some(verdict) = known.rules.rule.verdict(run, known.endpoint.verdict) {
            let turns_down = known.endpoint.up && !verdict;
            let doubted = turns_down && self.is_doubted(number, now, wall, effects);
            self.turn(number, verdict, doubted, now, wall, effects);
        }
        self.look_again(number);
        self.tell(number, run, effects);
    }

    fn turn(&mut self, number: usize, verdict: bool, doubted: bool, now: Moment, wall: u64, effects: &mut Effects) {
        let Some(known) = self.endpoints.get_mut(number) else { return };
        let (held, source) = (known.endpoint.held, known.endpoint.source);
        let turned = known.endpoint.settle(verdict, known.rules, doubted, now);
        if let (Some(Held::HoldDown { until }), true) = (known.endpoint.held, known.endpoint.held != held) {
            self.due.push(Reverse((until, Due::Comeback(number))));
        }
        let probed = known.target.and_then(|target| self.probed.get(target as usize));
        let why = || probed.map_or_else(String::new, |probed| probed.why(verdict));
        if !turned {
            // It is what it was, but by now there is a better reason for it.
            if source != Source::Verdict && known.endpoint.up == verdict {
                known.why = why().into();
            }
            return;
        }
        let why = why();
        if known.turned(why, now, wall, effects) {
            self.doubt.came_back(number as u32);
        } else if known.believed.is_none() && source != Source::Initial {
            // What was doubted once, and what never was found up, raises no doubt.
            let host = known.target.and_then(|target| self.hosts.get(target as usize)).map(|host| host.number);
            self.doubt.went_down(number as u32, host.unwrap_or(u32::MAX), now);
        }
    }

    /// Tells the state of an endpoint where it is not as it was told last.
    fn tell(&mut self, number: usize, run: Run, effects: &mut Effects) {
        let is_holding = self.doubt.is_holding();
        let Some(known) = self.endpoints.get_mut(number) else { return };
        let state = known.state_after(run, is_holding);
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
        let probe = pool.probe.and_then(|id| site.probes.get(id.0 as usize));
        let rule = probe.map_or(Rule { rise: 1, fall: 1 }, |probe| Rule { rise: probe.rise, fall: probe.fall });
        let interval = probe.map_or(Duration::ZERO, |probe| match probe.kind {
            ProbeKind::Push { ttl } => ttl,
            _ => probe.interval,
        });
        let Pool { hold_down, resume, initial, .. } = *pool;
        let mut known = Known {
            member,
            target: targets.of_endpoint(member),
            pool: pool.name.clone(),
            name: endpoint.name.clone(),
            answers: endpoint.target.clone(),
            rules: Rules { rule, hold_down, resume, initial },
            interval,
            weight: endpoint.weight,
            endpoint: Endpoint::initial(initial),
            since: wall,
            why: if probe.is_some() { "no verdict yet".into() } else { "not probed".into() },
            flaps: Flaps::default(),
            is_old: false,
            believed: None,
            tally: Tally::default(),
            state: EndpointState::new(true, endpoint.weight),
        };
        known.state = known.state_after(Run::default(), false);
        Some(known)
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
    fn state_after(&self, run: Run, is_holding: bool) -> EndpointState {
        let Endpoint { up, source, held, .. } = self.endpoint;
        let missing = match held {
            Some(Held::HoldDown { .. } | Held::Manual) => None,
            Some(Held::MassFailure) => Some(1),
            None => self.rules.rule.missing(run, up).filter(|_| self.target.is_some()),
        };
        let floor = if is_holding { HOLD_TTL } else { Duration::ZERO };
        let limit = missing.map(|missing| self.interval.saturating_mul(missing).max(floor));
        let is_old = self.is_old && source == Source::Saved;
        EndpointState {
            up,
            weight: self.weight,
            ttl_limit: limit.map_or(NO_TTL_LIMIT, whole_seconds),
            recovered: held == Some(Held::Manual),
            is_known: up || source != Source::Initial && !is_old || self.target.is_none(),
        }
    }
}

/// At least one second: less would not be cached at all.
fn whole_seconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis().div_ceil(1_000)).unwrap_or(NO_TTL_LIMIT - 1).max(1)
}
