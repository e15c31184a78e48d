//! The decision: chooses the endpoints of an answer from a client's plan and what is up.

use super::draw::{Dice, Draw, RaceTime, pick_by_weight};
use super::outcome::Outcome;
use super::plan::{Branch, Plan, PlanId};
use super::search::{Search, Walked};
use super::shortcut::Shortcut;
use super::trace::{Choice, Reason, Step, Trace};
use super::view::View;
use crate::hash::scramble;
use crate::live::demand::Demand;
use crate::live::pool::{Entry, NO_TTL_LIMIT, Ready};
use crate::site::model::{Choose, MAX_ANSWERS, PoolId, WhenAllDown};

/// The inputs of a decision, and the receivers of its result.
pub struct Decision<'a, 'd, T, E> {
    /// The table.
    pub view: View<'a>,
    /// The service's answer when everything is down.
    pub when_all_down: WhenAllDown,
    /// Key of the client's prefix, for sticky draws.
    pub client_key: u64,
    /// How weighted draws are made.
    pub draw: Draw<'d>,
    /// TTL of the answer in seconds: the service's, or less if a pool that was checked may change sooner.
    pub ttl: u32,
    /// Records the steps.
    pub trace: &'a mut T,
    /// Receives the endpoints in the order in which they are chosen, and the TTL.
    pub emit: E,
}

impl<'a, T: Trace, E: FnMut(PoolId, &'a Entry, u32)> Search<'a> for Decision<'a, '_, T, E> {
    #[inline]
    fn view(&self) -> View<'a> {
        self.view
    }

    #[inline]
    fn when_all_down(&self) -> WhenAllDown {
        self.when_all_down
    }

    #[inline]
    fn walk(&mut self, plan: PlanId, demand: Demand) -> Walked {
        self.walk_plan(plan, demand)
    }

    #[inline]
    fn take(&mut self, pool: PoolId, demand: Demand) -> bool {
        self.take_pool(pool, demand)
    }

    fn note_relaxed(&mut self, demand: Demand) {
        self.trace.note(|| Step::Relaxed(demand));
    }

    fn note_kind_down(&mut self) {
        self.trace.note(|| Step::KindDown);
    }

    fn note_not_yet_known(&mut self) {
        self.trace.note(|| Step::NotYetKnown);
    }

    fn note_only(&mut self, plan: PlanId) {
        let plans = self.view.plans;
        self.trace.note(|| {
            let mut pools = Vec::new();
            plans.each_pool(plan, &mut |pool| {
                if !pools.contains(&pool) {
                    pools.push(pool);
                }
            });
            Step::Only(pools)
        });
    }
}

impl<'a, T: Trace, E: FnMut(PoolId, &'a Entry, u32)> Decision<'a, '_, T, E> {
    /// Decides for the clients of `plan`.
    #[inline]
    pub fn decide(&mut self, plan: PlanId) -> Outcome {
        self.search(plan)
    }

    /// Decides for the clients of `plan`, with its shortcut.
    #[inline]
    pub fn decide_by(&mut self, shortcut: Shortcut, plan: PlanId) -> Outcome {
        let (walked, demand) = match shortcut {
            Shortcut::Pool(pool, demand) => (Walked::of(self.take_pool(pool, demand)), demand),
            Shortcut::Part(part, demand) => (self.walk_plan(part, demand), demand),
            Shortcut::NoSuchKind => return Outcome::NoSuchKind,
            Shortcut::None => (Walked::Nothing, Demand::Up),
        };
        match walked {
            Walked::Taken => Outcome::Answered(demand),
            Walked::Ended(outcome) => outcome,
            Walked::Nothing => self.decide(plan),
        }
    }

    /// Takes endpoints that fulfill the demand.
    fn walk_plan(&mut self, plan: PlanId, demand: Demand) -> Walked {
        match self.view.plans.get(plan) {
            None => Walked::Nothing,
            Some(Plan::Pool(pool)) => Walked::of(self.take_pool(*pool, demand)),
            Some(Plan::Failover(list)) => {
                for &next in list {
                    let walked = match self.view.plans.get(next) {
                        // The usual member, inlined.
                        Some(Plan::Pool(pool)) => Walked::of(self.take_pool(*pool, demand)),
                        _ => self.walk_plan(next, demand),
                    };
                    if !matches!(walked, Walked::Nothing) {
                        return walked;
                    }
                }
                Walked::Nothing
            }
            Some(Plan::All(list)) => {
                // One record set has one TTL (RFC 2181 §5.2), so check all pools before taking the first.
                list.iter().for_each(|&next| self.look_at(next, demand));
                // All of them are pools.
                Walked::of(list.iter().filter(|next| self.walk_plan(**next, demand) == Walked::Taken).count() > 0)
            }
            Some(Plan::Only(plan)) => self.walk_only(*plan, demand),
            Some(Plan::Weighted(branches)) => match self.draw {
                Draw::Fresh(_) => self.walk_by_dice(branches, demand),
                Draw::Sticky => self.walk_by_race(branches, demand),
            },
            Some(Plan::Hash(branches)) => self.walk_by_race(branches, demand),
        }
    }

    fn walk_by_dice(&mut self, branches: &'a [Branch], demand: Demand) -> Walked {
        let view = self.view;
        branches.iter().for_each(|branch| self.look_at(branch.plan, demand));
        let weighted = view.needs_weight(branches, demand);
        let weight = |branch: &Branch| view.weight_of(branch, weighted, demand);
        let total: u64 = branches.iter().map(|branch| u64::from(weight(branch))).sum();
        if total == 0 {
            self.note_passed_over(branches, demand);
            return Walked::Nothing;
        }
        let roll = match &mut self.draw {
            Draw::Fresh(dice) => dice.roll(),
            Draw::Sticky => self.client_key,
        };
        let winner = pick_by_weight(roll, total, branches.iter().map(weight));
        self.follow(branches, winner, demand, false)
    }

    fn walk_by_race(&mut self, branches: &'a [Branch], demand: Demand) -> Walked {
        let mut best: Option<(RaceTime, usize)> = None;
        branches.iter().for_each(|branch| self.look_at(branch.plan, demand));
        let weighted = self.view.needs_weight(branches, demand);
        for (index, branch) in branches.iter().enumerate() {
            if self.view.takes_part(branch, weighted, demand) {
                let time = RaceTime::new(self.client_key, branch.identity, branch.weight);
                if best.is_none_or(|(leader, _)| time.beats(&leader)) {
                    best = Some((time, index));
                }
            }
        }
        match best {
            Some((_, winner)) => self.follow(branches, winner, demand, true),
            None => {
                self.note_passed_over(branches, demand);
                Walked::Nothing
            }
        }
    }

    fn follow(&mut self, branches: &'a [Branch], winner: usize, demand: Demand, sticky: bool) -> Walked {
        let view = self.view;
        self.trace.note(|| Step::Drawn { sticky, among: view.contenders(branches, demand), winner });
        // A nested draw must be independent of this one, or the shares would be wrong.
        let key = self.client_key;
        self.client_key = scramble(key);
        let walked = branches.get(winner).map_or(Walked::Nothing, |branch| self.walk_plan(branch.plan, demand));
        self.client_key = key;
        walked
    }

    /// Lowers the TTL to what the pools that a walk of `plan` checks allow: together they decide a draw.
    fn look_at(&mut self, plan: PlanId, demand: Demand) {
        match self.view.plans.get(plan) {
            None => {}
            Some(Plan::Pool(pool)) => self.limit_ttl(*pool),
            Some(Plan::Only(plan)) => self.look_at(*plan, demand),
            Some(Plan::Failover(list)) => {
                // Pools behind the first one that can be taken are not checked.
                let _ = list.iter().any(|&next| {
                    self.look_at(next, demand);
                    self.view.is_alive(next, demand)
                });
            }
            Some(Plan::All(list)) => list.iter().for_each(|&next| self.look_at(next, demand)),
            Some(Plan::Weighted(branches) | Plan::Hash(branches)) => {
                branches.iter().for_each(|branch| self.look_at(branch.plan, demand));
            }
        }
    }

    #[inline]
    fn limit_ttl(&mut self, id: PoolId) {
        let limit = self.view.pool(id).map_or(NO_TTL_LIMIT, |pool| pool.ttl_limit);
        if limit < self.ttl {
            self.trace.note(|| Step::TtlLimited { pool: id, ttl: limit });
        }
        self.ttl = self.ttl.min(limit);
    }

    /// Answers with endpoints of a pool; false if none fulfills the demand.
    #[inline]
    fn take_pool(&mut self, id: PoolId, demand: Demand) -> bool {
        let view = self.view;
        self.limit_ttl(id);
        let (Some(pool), Some(ready)) = (view.pool(id), view.ready(id, demand)) else {
            self.trace.note(|| Step::PassedOver(id, view.reason(id, demand)));
            return false;
        };
        self.trace.note(|| Step::Taken(id));
        let answers = pool.answers as usize;
        match (pool.choose, &mut self.draw) {
            (Choose::All, _) => ready.entries.iter().for_each(|entry| self.name(id, entry, ready, Choice::All)),
            _ if ready.entries.len() <= answers => {
                ready.entries.iter().for_each(|entry| self.name(id, entry, ready, Choice::All));
            }
            (Choose::Weighted, Draw::Fresh(dice)) if answers == 1 => {
                if let Some(entry) = ready.entries.get(roll_entry(dice, ready)) {
                    self.name(id, entry, ready, Choice::Dice);
                }
            }
            (Choose::Weighted, Draw::Fresh(dice)) => {
                let key = dice.roll();
                self.take_by_race(id, ready, key, Choice::Dice, answers);
            }
            (Choose::Weighted | Choose::Hash, _) => {
                self.take_by_race(id, ready, self.client_key, Choice::Client, answers);
            }
        }
        true
    }

    /// Answers with the `answers` endpoints that are first in the race for `key`, fastest first.
    #[inline]
    fn take_by_race(&mut self, id: PoolId, ready: Ready<'a>, key: u64, by: Choice, answers: usize) {
        if answers > 1 {
            return self.take_leaders(id, ready, key, by, answers);
        }
        let mut best: Option<(RaceTime, &'a Entry)> = None;
        for entry in ready.entries.iter() {
            let time = RaceTime::new(key, entry.identity, entry.weight);
            if best.is_none_or(|(leader, _)| time.beats(&leader)) {
                best = Some((time, entry));
            }
        }
        if let Some((_, entry)) = best {
            self.name(id, entry, ready, by);
        }
    }

    #[inline]
    fn name(&mut self, pool: PoolId, entry: &'a Entry, ready: Ready<'_>, by: Choice) {
        self.trace.note(|| Step::Named { pool, endpoint: entry.endpoint, by, among: ready.entries.len() });
        self.trace.named(pool, entry.endpoint);
        (self.emit)(pool, entry, self.ttl);
    }

    /// Like [`take_by_race`](Self::take_by_race), for several answers, which need space to be sorted.
    fn take_leaders(&mut self, id: PoolId, ready: Ready<'a>, key: u64, by: Choice, answers: usize) {
        let mut leaders: [Option<(RaceTime, &'a Entry)>; MAX_ANSWERS] = [None; MAX_ANSWERS];
        for entry in ready.entries.iter() {
            let mut runner = (RaceTime::new(key, entry.identity, entry.weight), entry);
            for place in leaders.iter_mut().take(answers) {
                match place {
                    Some(leader) if !runner.0.beats(&leader.0) => {}
                    Some(leader) => std::mem::swap(leader, &mut runner),
                    None => {
                        *place = Some(runner);
                        break;
                    }
                }
            }
        }
        leaders.into_iter().flatten().for_each(|(_, entry)| self.name(id, entry, ready, by));
    }

    fn note_passed_over(&mut self, branches: &[Branch], demand: Demand) {
        let view = self.view;
        for branch in branches {
            view.plans.each_pool(branch.plan, &mut |id| {
                self.trace.note(|| {
                    let without_weight = demand == Demand::Up && branch.weight == 0;
                    Step::PassedOver(id, if without_weight { Reason::NoWeight } else { view.reason(id, demand) })
                });
            });
        }
    }
}

/// Index of a randomly drawn endpoint.
#[inline]
fn roll_entry(dice: &mut Dice, ready: Ready<'_>) -> usize {
    let roll = dice.roll();
    match ready.total {
        0 => ((u128::from(roll) * ready.entries.len() as u128) >> 64) as usize,
        total => pick_by_weight(roll, total, ready.entries.iter().map(|entry| entry.weight)),
    }
}
