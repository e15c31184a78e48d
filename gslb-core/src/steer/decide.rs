//! The decision: from a client's plan and what is up to the endpoints that the answer names.

use super::draw::{Dice, Draw, RaceTime, pick_by_weight, scramble};
use super::plan::{Branch, Plan, PlanId, Plans};
use super::trace::{Choice, Contender, Demand, Reason, Step, Trace};
use crate::model::{Choose, MAX_ANSWERS, PoolId, WhenAllDown};
use crate::table::liveness::{Entry, Kind, NO_TTL_LIMIT, PoolLiveness, Ready};
use crate::table::pools::Pools;

/// How a decision ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Endpoints of the plan were named; the demand says whether they had to be up.
    Answered(Demand),
    /// Everything is down, and endpoints of the pool of last resort were named.
    LastResort(Demand),
    /// The plan is up, and has no endpoint of the kind: that there is nothing is the truth.
    NoSuchKind,
    /// All endpoints of the kind are down, while clients get the plan's other addresses: to name one that is down would
    /// only delay them.
    KindDown,
    /// Everything is down, and no endpoint may be named.
    NoData,
    /// Everything is down, and the service prefers silence to guesses.
    ServFail,
}

/// What of a table a decision looks at.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The plans.
    pub plans: &'a Plans,
    /// The pools.
    pub pools: &'a Pools,
    /// Kind of answer asked for.
    pub kind: Kind,
    /// True where the service steers the other family of addresses, too.
    pub steers_both: bool,
}

/// A search for endpoints that lowers its demands step by step. What a walk makes of a draw is its own affair: a
/// decision follows one branch, [`super::shares`] follow them all.
pub(super) trait Search<'a> {
    /// What is looked at.
    fn view(&self) -> View<'a>;

    /// Takes what fulfils the demand; false where nothing does.
    fn walk(&mut self, plan: PlanId, demand: Demand) -> bool;

    /// Takes endpoints of a pool; false where none fulfils the demand.
    fn take(&mut self, pool: PoolId, demand: Demand) -> bool;

    /// Is told before each walk with less demand.
    fn note_relaxed(&mut self, demand: Demand);

    /// Is told where a plan is up, but for the kind asked for.
    fn note_kind_down(&mut self);

    /// Is told where a service would fall silent because of what nobody has found out yet.
    fn note_not_yet_known(&mut self);

    /// Finds what the clients of `plan` get.
    #[inline]
    fn search(&mut self, plan: PlanId, when_all_down: WhenAllDown) -> Outcome {
        if self.walk(plan, Demand::Up) {
            return Outcome::Answered(Demand::Up);
        }
        self.search_all_down(plan, when_all_down)
    }

    #[cold]
    fn search_all_down(&mut self, plan: PlanId, when_all_down: WhenAllDown) -> Outcome {
        if self.relaxed(plan, Demand::UpWithoutWeight) {
            return Outcome::Answered(Demand::UpWithoutWeight);
        }
        if let Some(outcome) = self.view().lacks_kind(plan) {
            if outcome == Outcome::KindDown {
                self.note_kind_down();
            }
            return outcome;
        }
        let demand = match when_all_down {
            WhenAllDown::ServeAll => Demand::Any,
            WhenAllDown::LastUp => Demand::LastUp,
            // A name is not silenced by what nobody knows.
            WhenAllDown::NoData | WhenAllDown::ServFail if self.view().may_be_up(plan) => {
                self.note_not_yet_known();
                Demand::Any
            }
            WhenAllDown::NoData => return Outcome::NoData,
            WhenAllDown::ServFail => return Outcome::ServFail,
            WhenAllDown::Pool(pool) => {
                let demands = [Demand::Up, Demand::UpWithoutWeight, Demand::UpInAnyPool, Demand::Any];
                let answered = demands.into_iter().find(|&demand| self.take(pool, demand));
                return answered.map_or(Outcome::NoData, Outcome::LastResort);
            }
        };
        match self.relaxed(plan, demand) {
            true => Outcome::Answered(demand),
            false => Outcome::NoData,
        }
    }

    fn relaxed(&mut self, plan: PlanId, demand: Demand) -> bool {
        self.note_relaxed(demand);
        match demand {
            Demand::LastUp => match self.view().last_to_go(plan) {
                Some(pool) => self.take(pool, demand),
                None => self.walk(plan, Demand::Any),
            },
            _ => self.walk(plan, demand),
        }
    }
}

/// Everything that a decision depends on, and who is told.
pub struct Decision<'a, 'd, T, E> {
    /// The table.
    pub view: View<'a>,
    /// Number of the client's prefix, for draws that stick.
    pub client_key: u64,
    /// How draws by weight are made.
    pub draw: Draw<'d>,
    /// TTL of the answer, in seconds: the service's, or less where a pool that was looked at may change sooner.
    pub ttl: u32,
    /// Takes notes.
    pub trace: &'a mut T,
    /// Takes the endpoints, in the order in which they are chosen, and the TTL.
    pub emit: E,
}

impl<'a, T: Trace, E: FnMut(PoolId, &'a Entry, u32)> Search<'a> for Decision<'a, '_, T, E> {
    #[inline]
    fn view(&self) -> View<'a> {
        self.view
    }

    #[inline]
    fn walk(&mut self, plan: PlanId, demand: Demand) -> bool {
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
}

impl<'a, T: Trace, E: FnMut(PoolId, &'a Entry, u32)> Decision<'a, '_, T, E> {
    /// Decides for the clients of `plan`.
    #[inline]
    pub fn decide(&mut self, plan: PlanId, when_all_down: WhenAllDown) -> Outcome {
        self.search(plan, when_all_down)
    }

    /// Takes what fulfils the demand; false where nothing does.
    fn walk_plan(&mut self, plan: PlanId, demand: Demand) -> bool {
        match self.view.plans.get(plan) {
            None => false,
            Some(Plan::Pool(pool)) => self.take_pool(*pool, demand),
            Some(Plan::Failover(list)) => list.iter().any(|&next| match self.view.plans.get(next) {
                // The usual member, without another call.
                Some(Plan::Pool(pool)) => self.take_pool(*pool, demand),
                _ => self.walk_plan(next, demand),
            }),
            Some(Plan::All(list)) => {
                // One record set has one TTL (RFC 2181 §5.2), so all are looked at before the first is taken.
                list.iter().for_each(|&next| self.look_at(next, demand));
                list.iter().filter(|next| self.walk_plan(**next, demand)).count() > 0
            }
            Some(Plan::Weighted(branches)) => match self.draw {
                Draw::Fresh(_) => self.walk_by_dice(branches, demand),
                Draw::Sticky => self.walk_by_race(branches, demand),
            },
            Some(Plan::Hash(branches)) => self.walk_by_race(branches, demand),
        }
    }

    fn walk_by_dice(&mut self, branches: &'a [Branch], demand: Demand) -> bool {
        let view = self.view;
        branches.iter().for_each(|branch| self.look_at(branch.plan, demand));
        let weighted = view.needs_weight(branches, demand);
        let weight = |branch: &Branch| view.weight_of(branch, weighted, demand);
        let total: u64 = branches.iter().map(|branch| u64::from(weight(branch))).sum();
        if total == 0 {
            self.note_passed_over(branches, demand);
            return false;
        }
        let roll = match &mut self.draw {
            Draw::Fresh(dice) => dice.roll(),
            Draw::Sticky => self.client_key,
        };
        let winner = pick_by_weight(roll, total, branches.iter().map(weight));
        self.follow(branches, winner, demand, false)
    }

    fn walk_by_race(&mut self, branches: &'a [Branch], demand: Demand) -> bool {
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
                false
            }
        }
    }

    fn follow(&mut self, branches: &'a [Branch], winner: usize, demand: Demand, sticky: bool) -> bool {
        let view = self.view;
        self.trace.note(|| Step::Drawn { sticky, among: view.contenders(branches, demand), winner });
        // A draw inside must not fall as this one did, or shares would multiply wrongly.
        let key = self.client_key;
        self.client_key = scramble(key);
        let taken = branches.get(winner).is_some_and(|branch| self.walk_plan(branch.plan, demand));
        self.client_key = key;
        taken
    }

    /// Lowers the TTL to what the pools allow that a walk of `plan` would look at: they decide a draw together.
    fn look_at(&mut self, plan: PlanId, demand: Demand) {
        match self.view.plans.get(plan) {
            None => {}
            Some(Plan::Pool(pool)) => self.limit_ttl(*pool),
            Some(Plan::Failover(list)) => {
                // Those behind the first that can be taken are not looked at.
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

    /// Names endpoints of a pool; false where none fulfils the demand.
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

    /// Names the `answers` endpoints that are first in the race for `key`, the fastest first.
    #[inline]
    fn take_by_race(&mut self, id: PoolId, ready: &'a Ready, key: u64, by: Choice, answers: usize) {
        if answers > 1 {
            return self.take_leaders(id, ready, key, by, answers);
        }
        let mut best: Option<(RaceTime, &'a Entry)> = None;
        for entry in &ready.entries {
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
    fn name(&mut self, pool: PoolId, entry: &'a Entry, ready: &Ready, by: Choice) {
        self.trace.note(|| Step::Named { pool, endpoint: entry.endpoint, by, among: ready.entries.len() });
        self.trace.named(pool, entry.endpoint);
        (self.emit)(pool, entry, self.ttl);
    }

    /// The same for several answers, which need room to be kept in order.
    fn take_leaders(&mut self, id: PoolId, ready: &'a Ready, key: u64, by: Choice, answers: usize) {
        let mut leaders: [Option<(RaceTime, &'a Entry)>; MAX_ANSWERS] = [None; MAX_ANSWERS];
        for entry in &ready.entries {
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

impl<'a> View<'a> {
    pub(super) fn pool(&self, id: PoolId) -> Option<&'a PoolLiveness> {
        self.pools.get(id)
    }

    pub(super) fn ready(&self, id: PoolId, demand: Demand) -> Option<&'a Ready> {
        self.pool(id).map(|pool| pool.ready(demand, self.kind)).filter(|ready| !ready.is_empty())
    }

    /// True where only branches with weight take part: those without are for when there is nobody else.
    #[inline]
    pub(super) fn needs_weight(&self, branches: &[Branch], demand: Demand) -> bool {
        demand == Demand::Up || branches.iter().any(|branch| self.takes_part(branch, true, demand))
    }

    #[inline]
    fn takes_part(&self, branch: &Branch, weighted: bool, demand: Demand) -> bool {
        (branch.weight > 0 || !weighted) && self.is_alive(branch.plan, demand)
    }

    /// The weight of a branch in a draw; 0 where it takes no part.
    #[inline]
    pub(super) fn weight_of(&self, branch: &Branch, weighted: bool, demand: Demand) -> u32 {
        match self.takes_part(branch, weighted, demand) {
            true if weighted => branch.weight,
            // Where all weights are 0, somebody must win.
            true => 1,
            false => 0,
        }
    }

    /// True where a walk would take something.
    pub(super) fn is_alive(&self, plan: PlanId, demand: Demand) -> bool {
        match self.plans.get(plan) {
            None => false,
            Some(Plan::Pool(pool)) => self.ready(*pool, demand).is_some(),
            Some(Plan::Failover(list) | Plan::All(list)) => list.iter().any(|&next| self.is_alive(next, demand)),
            Some(Plan::Weighted(branches) | Plan::Hash(branches)) => {
                branches.iter().any(|branch| self.takes_part(branch, demand == Demand::Up, demand))
            }
        }
    }

    /// How a search ends where a plan is up, but has nothing of this kind. Where none of its pools has such an endpoint, up
    /// or down, that is the truth, and no sign of trouble. Where those that it has were found down, clients do with the
    /// other family, if that is steered too.
    fn lacks_kind(&self, plan: PlanId) -> Option<Outcome> {
        let (mut is_up, mut has_kind) = (false, false);
        self.plans.each_pool(plan, &mut |id| {
            is_up |= self.pool(id).is_some_and(|pool| pool.up >= pool.min_up);
            has_kind |= self.ready(id, Demand::Any).is_some();
        });
        match (is_up, has_kind) {
            (true, false) => Some(Outcome::NoSuchKind),
            // Nothing of the kind is up, so what keeps these pools up is of the other family.
            (true, true) if self.steers_both && !self.may_be_up(plan) => Some(Outcome::KindDown),
            _ => None,
        }
    }

    /// True where an endpoint of a plan is taken for down that nobody has found down yet.
    fn may_be_up(&self, plan: PlanId) -> bool {
        let mut may_be_up = false;
        self.plans.each_pool(plan, &mut |id| {
            let has_kind = self.ready(id, Demand::Any).is_some();
            may_be_up |= has_kind && self.pool(id).is_some_and(|pool| pool.may_be_up);
        });
        may_be_up
    }

    /// The pool of a plan that went down last and has an answer of the kind; the first of several.
    fn last_to_go(&self, plan: PlanId) -> Option<PoolId> {
        let mut last: Option<(u64, PoolId)> = None;
        self.plans.each_pool(plan, &mut |id| {
            let Some(pool) = self.pool(id) else { return };
            let down_since = self.kind.of(pool.down_since);
            let later = last.is_none_or(|(since, _)| down_since > since);
            if later && self.ready(id, Demand::LastUp).is_some() {
                last = Some((down_since, id));
            }
        });
        last.map(|(_, pool)| pool)
    }

    /// Why a pool does not fulfil the demand.
    fn reason(&self, id: PoolId, demand: Demand) -> Reason {
        match self.pool(id) {
            Some(pool) if pool.up < pool.min_up && matches!(demand, Demand::Up | Demand::UpWithoutWeight) => {
                Reason::Down { up: pool.up, min_up: pool.min_up }
            }
            _ if demand == Demand::Up && self.ready(id, Demand::UpWithoutWeight).is_some() => Reason::NoWeight,
            _ => Reason::NoneOfType,
        }
    }

    /// Everyone who could have taken part in a draw.
    fn contenders(&self, branches: &[Branch], demand: Demand) -> Vec<Contender> {
        let weighted = self.needs_weight(branches, demand);
        let contender = |branch: &Branch| {
            let mut pools = Vec::new();
            self.plans.each_pool(branch.plan, &mut |pool| pools.push(pool));
            Contender { pools, weight: branch.weight, takes_part: self.takes_part(branch, weighted, demand) }
        };
        branches.iter().map(contender).collect()
    }
}

/// Index of the endpoint on which the dice fall.
#[inline]
fn roll_entry(dice: &mut Dice, ready: &Ready) -> usize {
    let roll = dice.roll();
    match ready.total {
        0 => ((u128::from(roll) * ready.entries.len() as u128) >> 64) as usize,
        total => pick_by_weight(roll, total, ready.entries.iter().map(|entry| entry.weight)),
    }
}
