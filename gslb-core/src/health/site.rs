//! The health of a whole site: outcomes and time in, what they change out. Only what an outcome concerns is touched.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

use super::doubt::{Doubt, Ended};
use super::endpoint::{Endpoint, Held, Rules, Source};
use super::flaps::Flaps;
use super::moment::Moment;
use super::outcome::Outcome;
use super::probed::Probed;
use super::saved::{Saved, SavedKey, SavedStatus};
use super::status::{Effects, MassFailureTurn, Progress, Status, Transition};
use super::target::{Member, Targets};
use super::verdict::{Rule, Run};
use crate::model::{self, Pool, ProbeKind, Site};
use crate::table::liveness::{Change, EndpointState, NO_TTL_LIMIT};
use crate::table::overrides::States;

/// Everything that is known of the endpoints of one site.
#[derive(Debug, Clone)]
pub struct Health {
    targets: Targets,
    /// One per target.
    probed: Vec<Probed>,
    /// All endpoints, pool by pool.
    endpoints: Vec<Known>,
    /// Place of each pool's first endpoint in `endpoints`.
    first: Vec<usize>,
    doubt: Doubt,
    due: BinaryHeap<Reverse<(Moment, Due)>>,
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
    /// The health of `site` at its start; `wall` is the time in milliseconds since 1970-01-01 00:00 UTC, here and below.
    pub fn new(site: &Site, saved: &Saved, now: Moment, wall: u64) -> Health {
        let mut health = Health::fresh(site, now, wall);
        for known in &mut health.endpoints {
            if known.rules.initial == model::Initial::SavedOrUp && known.target.is_some() {
                let key = SavedKey::of(&known.pool, &known.name, &known.answers);
                if let Some(status) = saved.statuses.get(&key) {
                    known.recall(status.up, status.since, status.why.as_str().into(), now, wall);
                }
            }
        }
        health.begin(now, wall);
        health
    }

    /// The health of another document: what is known of a target stays known, and so does the status of an endpoint that
    /// is probed otherwise than before.
    pub fn for_site(&self, site: &Site, now: Moment, wall: u64) -> Health {
        let mut health = Health::fresh(site, now, wall);
        for (probed, (target, _)) in health.probed.iter_mut().zip(health.targets.iter()) {
            let before = self.targets.number(target).and_then(|number| self.probed.get(number as usize));
            if let Some(before) = before {
                *probed = Probed { is_watched: false, ..before.clone() };
            }
        }
        let before: std::collections::HashMap<_, _> =
            self.endpoints.iter().map(|known| ((&*known.pool, &*known.name, &known.answers), known)).collect();
        let targets = &health.targets;
        for known in &mut health.endpoints {
            let Some(before) = before.get(&(&*known.pool, &*known.name, &known.answers)) else { continue };
            let [old, new] = [(&self.targets, before.target), (targets, known.target)]
                .map(|(targets, number)| number.and_then(|number| targets.get(number)));
            known.flaps = before.flaps.clone();
            if old == new && before.endpoint.source != Source::Initial {
                (known.endpoint, known.since) = (before.endpoint, before.since);
                known.why = before.why.clone();
            } else if new.is_some() && before.endpoint.source != Source::Initial {
                known.recall(before.endpoint.up, before.since, before.why.clone(), now, wall);
            }
        }
        health.doubt.resume_from(&self.doubt);
        health.begin(now, wall);
        health
    }

    /// Nothing is known yet.
    fn fresh(site: &Site, now: Moment, wall: u64) -> Health {
        let targets = Targets::of(site);
        let patience = |kind: &ProbeKind| if let ProbeKind::Push { ttl } = kind { Some(*ttl) } else { None };
        let probed = targets.iter().map(|(target, _)| Probed::new(patience(&target.kind), now)).collect();
        let (mut endpoints, mut first) = (Vec::new(), Vec::new());
        for (pool, id) in site.pools.iter().zip(0..) {
            first.push(endpoints.len());
            for at in 0..pool.endpoints.len() as u32 {
                let member = Member { pool: model::PoolId(id), endpoint: at };
                endpoints.extend(Known::fresh(site, pool, member, &targets, wall));
            }
        }
        let count = endpoints.iter().filter(|known| known.target.is_some()).count() as u32;
        let doubt = Doubt::new(site.safety.mass_failure, count);
        Health { targets, probed, endpoints, first, doubt, due: BinaryHeap::new() }
    }

    /// Counts who fails, judges what came with its outcomes, and notes what is due.
    fn begin(&mut self, now: Moment, wall: u64) {
        let mut unheeded = Effects::default();
        for number in 0..self.endpoints.len() {
            if self.endpoints.get(number).is_some_and(|known| known.endpoint.up) && self.run(number).is_failing() {
                self.doubt.count(true);
            }
        }
        for number in 0..self.endpoints.len() {
            if let Some(Held::HoldDown { until }) = self.endpoints.get(number).and_then(|known| known.endpoint.held) {
                self.due.push(Reverse((until, Due::Comeback(number))));
            }
            self.settle(number, now, wall, &mut unheeded);
        }
        (0..self.probed.len() as u32).for_each(|target| self.watch(target));
    }

    /// What is probed; numbers of targets are those of [`Health::observe`].
    pub fn targets(&self) -> &Targets {
        &self.targets
    }

    /// Takes what came of probing a target.
    pub fn observe(&mut self, target: u32, outcome: &Outcome, now: Moment, wall: u64) -> Effects {
        let mut effects = Effects::default();
        let Some(probed) = self.probed.get_mut(target as usize) else { return effects };
        let failed_before = probed.run.is_failing();
        probed.observe(outcome, now, wall);
        if outcome.passed() {
            self.doubt.passed(now);
        }
        self.watch(target);
        self.judge(target, failed_before, now, wall, &mut effects);
        self.end_doubt(now, wall, &mut effects);
        effects
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

    /// Believes the failures of a mass failure, as an operator says. None where none are doubted.
    pub fn lift(&mut self, now: Moment, wall: u64) -> Option<Effects> {
        let mut effects = Effects::default();
        self.doubt.lift().then(|| self.believe(Ended::Lifted, now, wall, &mut effects))?;
        Some(effects)
    }

    /// Since when a mass failure is doubted.
    pub fn doubts_since(&self) -> Option<Moment> {
        self.doubt.since()
    }

    /// Endpoints that are up although their latest outcome was a failure, and how many are probed in all.
    pub fn failing(&self) -> (u32, u32) {
        self.doubt.counts()
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
            why: known.why.clone(),
            held: known.endpoint.held,
            progress: probed.map(|probed| {
                let passes = probed.run.is_passing();
                Progress { passes, length: probed.run.length(), needed: if passes { rise } else { fall } }
            }),
            outcomes: probed.map_or_else(Vec::new, |probed| probed.outcomes.iter().cloned().collect()),
            latency: probed.and_then(|probed| probed.latency.get()),
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
        let failed_before = probed.run.is_failing();
        probed.fall_silent(wall);
        self.judge(target, failed_before, now, wall, effects);
    }

    /// Settles every endpoint that a target stands for.
    fn judge(&mut self, target: u32, failed_before: bool, now: Moment, wall: u64, effects: &mut Effects) {
        let members: Vec<usize> =
            self.targets.members(target).iter().filter_map(|&member| self.number(member)).collect();
        for &number in &members {
            let fails = self.run(number).is_failing();
            // All are counted before the first of them turns.
            if fails != failed_before && self.endpoints.get(number).is_some_and(|known| known.endpoint.up) {
                self.doubt.count(fails);
            }
        }
        members.into_iter().for_each(|number| self.settle(number, now, wall, effects));
    }

    /// Makes of the latest outcomes what they mean for an endpoint, and tells it.
    fn settle(&mut self, number: usize, now: Moment, wall: u64, effects: &mut Effects) {
        let run = self.run(number);
        let Some(known) = self.endpoints.get(number) else { return };
        // What was held up and is on its way back need not go down first.
        let recovers = known.endpoint.held == Some(Held::MassFailure) && run.is_passing();
        let verdict = known.rules.rule.verdict(run, known.endpoint.verdict).filter(|verdict| *verdict || !recovers);
        if let Some(verdict) = verdict {
            if known.endpoint.up && !verdict {
                self.begin_doubt(now, wall, effects);
            }
            self.turn(number, verdict, now, wall, effects);
        }
        self.tell(number, run, effects);
    }

    fn turn(&mut self, number: usize, verdict: bool, now: Moment, wall: u64, effects: &mut Effects) {
        let (run, doubted) = (self.run(number), self.doubt.is_holding());
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
        let up = known.turned(why, now, wall, effects);
        if up {
            self.doubt.came_back(number as u32);
        } else {
            self.doubt.went_down(number as u32, now);
        }
        // Only who is up is counted as failing.
        if run.is_failing() {
            self.doubt.count(up);
        }
    }

    /// Tells the state of an endpoint where it is not as it was told last.
    fn tell(&mut self, number: usize, run: Run, effects: &mut Effects) {
        let Some(known) = self.endpoints.get_mut(number) else { return };
        let state = known.state_after(run);
        if state != known.state {
            known.state = state;
            let Member { pool, endpoint } = known.member;
            effects.changes.push(Change { pool, endpoint, state });
        }
    }

    /// Asks whether an endpoint that is about to turn down is one too many.
    fn begin_doubt(&mut self, now: Moment, wall: u64, effects: &mut Effects) {
        let Some(gone) = self.doubt.begins(now) else { return };
        for number in gone.into_iter().map(|number| number as usize) {
            let run = self.run(number);
            let Some(known) = self.endpoints.get_mut(number) else { continue };
            if known.endpoint.restore() {
                known.turned("held up: too many endpoints fail at once".to_owned(), now, wall, effects);
                if run.is_failing() {
                    self.doubt.count(true);
                }
                self.tell(number, run, effects);
            }
        }
        let (failing, probed) = self.doubt.counts();
        effects.mass_failure = Some(MassFailureTurn::Began { failing, probed });
    }

    fn end_doubt(&mut self, now: Moment, wall: u64, effects: &mut Effects) {
        if let Some(ended) = self.doubt.ends(now) {
            self.believe(ended, now, wall, effects);
        }
    }

    /// Lets the verdicts hold that were doubted. Where most have recovered, the others may be about to: each of them goes
    /// with its next failure, and not before.
    fn believe(&mut self, ended: Ended, now: Moment, wall: u64, effects: &mut Effects) {
        effects.mass_failure = Some(MassFailureTurn::Ended(ended));
        let all = if ended == Ended::Recovered { 0 } else { self.endpoints.len() };
        for number in 0..all {
            let held = self.endpoints.get(number).is_some_and(|known| known.endpoint.held == Some(Held::MassFailure));
            if held && self.run(number).is_failing() {
                self.turn(number, false, now, wall, effects);
                self.tell(number, self.run(number), effects);
            }
        }
        // Those that went down now were doubted once; they must not raise the next doubt.
        self.doubt.forget_gone();
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
            state: EndpointState::new(true, endpoint.weight),
        };
        known.state = known.state_after(Run::default());
        Some(known)
    }

    /// Takes a status from before.
    fn recall(&mut self, up: bool, since: u64, why: Arc<str>, now: Moment, wall: u64) {
        let age = Duration::from_millis(wall.saturating_sub(since));
        self.endpoint = Endpoint::saved(up, age, self.rules, now);
        (self.since, self.why) = (since, why);
    }

    /// Notes that the status has turned; true where it is up now.
    fn turned(&mut self, why: String, now: Moment, wall: u64, effects: &mut Effects) -> bool {
        let up = self.endpoint.up;
        (self.since, self.why) = (wall, why.into());
        self.flaps.add(now);
        effects.transitions.push(Transition { member: self.member, up, why: self.why.clone() });
        up
    }

    fn state_after(&self, run: Run) -> EndpointState {
        let Endpoint { up, source, held, .. } = self.endpoint;
        let missing = match held {
            Some(Held::HoldDown { .. } | Held::Manual) => None,
            Some(Held::MassFailure) => Some(1),
            None => self.rules.rule.missing(run, up).filter(|_| self.target.is_some()),
        };
        let limit = missing.map(|missing| self.interval.saturating_mul(missing));
        EndpointState {
            up,
            weight: self.weight,
            ttl_limit: limit.map_or(NO_TTL_LIMIT, whole_seconds),
            is_known: up || source != Source::Initial || self.target.is_none(),
        }
    }
}

/// At least one second: less would not be cached at all.
fn whole_seconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis().div_ceil(1_000)).unwrap_or(NO_TTL_LIMIT - 1).max(1)
}
