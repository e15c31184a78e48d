//! The decision: chooses the endpoints of an answer from a client's plan and what is up.

use super::draw::{Draw, first_in_race, pick_by_weight};
use super::endpoints::{Selected, leaders, select};
use super::outcome::Outcome;
use super::plan::{Branch, Plan, PlanId};
use super::search::{Search, Walked};
use super::shortcut::Shortcut;
use super::trace::{Choice, Reason, Step, Trace};
use super::view::View;
use crate::hash::scramble;
use crate::live::demand::Demand;
use crate::live::pool::{Entry, NO_TTL_LIMIT, Ready};
use crate::site::model::{PoolId, WhenAllDown};

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
        branches.iter().for_each(|branch| self.look_at(branch.plan, demand));
        let weighted = self.view.needs_weight(branches, demand);
        let takes_part = |(_, branch): &(usize, &Branch)| self.view.takes_part(branch, weighted, demand);
        let members = branches.iter().enumerate().filter(takes_part);
        match first_in_race(self.client_key, members.map(|(at, branch)| (branch.identity, branch.weight, at))) {
            Some(winner) => self.follow(branches, winner, demand, true),
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
        match select(pool, ready, &mut self.draw, self.client_key) {
            Selected::Entries(entries, by) => entries.iter().for_each(|entry| self.name(id, entry, ready, by)),
            Selected::Leaders { key, by } => {
                leaders(ready.entries, key, pool.answers, |entry| self.name(id, entry, ready, by));
            }
        }
        true
    }

    #[inline]
    fn name(&mut self, pool: PoolId, entry: &'a Entry, ready: Ready<'_>, by: Choice) {
        self.trace.note(|| Step::Named { pool, endpoint: entry.endpoint, by, among: ready.entries.len() });
        self.trace.named(pool, entry.endpoint);
        (self.emit)(pool, entry, self.ttl);
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
