//! Where the walk of a plan ends up, found once per table instead of once per query.

use super::outcome::Outcome;
use super::plan::{Plan, PlanId};
use super::search::{Search, Walked};
use super::view::View;
use crate::live::demand::Demand;
use crate::live::pool::NO_TTL_LIMIT;
use crate::site::model::{PoolId, WhenAllDown};

/// How a decision gets to its end without the steps before, which are the same for every query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shortcut {
    /// Endpoints of this pool that fulfill the demand are answered.
    Pool(PoolId, Demand),
    /// The walk may begin at this part of the plan, which draws or takes several pools.
    Part(PlanId, Demand),
    /// The plan is up and has no endpoint of this kind.
    NoSuchKind,
    /// There is none: what happens depends on the service too, or the TTL on pools that are passed over.
    None,
}

impl Shortcut {
    /// The shortcut of a plan. It holds for all services, so nothing in it depends on what only one of them has.
    pub fn of(view: View<'_>, plan: PlanId) -> Shortcut {
        // A search that gets further than these demands, or that answers otherwise if the other family is not steered,
        // goes by settings of its service: see below.
        let view = View { steers_both: true, ..view };
        let mut ahead = Ahead { view, passed_over: NO_TTL_LIMIT, found: Shortcut::None };
        match ahead.search(plan) {
            Outcome::Answered(Demand::Up | Demand::UpWithoutWeight) => ahead.found,
            Outcome::NoSuchKind => Shortcut::NoSuchKind,
            Outcome::Answered(_) | Outcome::LastResort(_) | Outcome::KindDown | Outcome::NoData | Outcome::ServFail => {
                Shortcut::None
            }
        }
    }

    /// True if this shortcut of a plan still holds after these pools have changed, which are in order: a pool that is
    /// taken by all services would otherwise cost a search for each of their plans. Not complete: false for plans that
    /// are more than a list of pools.
    pub fn survives(self, changed: &[PoolId], view: View<'_>, plan: PlanId) -> bool {
        let list = match view.plans.get(plan) {
            Some(Plan::Pool(_)) => &[plan][..],
            Some(Plan::Failover(list)) => list,
            _ => return false,
        };
        let pool = |next: &PlanId| match view.plans.get(*next) {
            Some(Plan::Pool(pool)) => Some(*pool),
            _ => None,
        };
        if !list.iter().all(|next| pool(next).is_some()) {
            return false;
        }
        let mut pools = list.iter().filter_map(pool);
        let has_changed = |pool: PoolId| changed.binary_search(&pool).is_ok();
        match self {
            // The walk does not come to the pools behind it.
            Shortcut::Pool(taken, Demand::Up) => {
                pools.find(|&pool| pool == taken || has_changed(pool)) == Some(taken) && !has_changed(taken)
            }
            // Endpoints of this kind cannot appear, so one pool that is up is enough.
            Shortcut::NoSuchKind => pools.any(|id| !has_changed(id) && view.pool(id).is_some_and(|pool| pool.is_up())),
            Shortcut::Pool(..) | Shortcut::Part(..) | Shortcut::None => false,
        }
    }
}

/// A search that stops where a draw begins.
struct Ahead<'a> {
    view: View<'a>,
    /// Minimum TTL limit of the pools that were passed over.
    passed_over: u32,
    found: Shortcut,
}

impl Ahead<'_> {
    fn limit(&self, pool: PoolId) -> u32 {
        self.view.pool(pool).map_or(NO_TTL_LIMIT, |pool| pool.ttl_limit)
    }

    fn pass_over(&mut self, plan: PlanId) {
        let (view, mut limit) = (self.view, self.passed_over);
        view.plans.each_pool(plan, &mut |pool| limit = limit.min(self.limit(pool)));
        self.passed_over = limit;
    }

    /// Stops at a part that draws or takes several pools.
    fn stop_at(&mut self, plan: PlanId, demand: Demand) -> Walked {
        if !self.view.is_alive(plan, demand) {
            self.pass_over(plan);
            return Walked::Nothing;
        }
        if self.passed_over == NO_TTL_LIMIT {
            self.found = Shortcut::Part(plan, demand);
        }
        Walked::Taken
    }
}

impl<'a> Search<'a> for Ahead<'a> {
    fn view(&self) -> View<'a> {
        self.view
    }

    fn when_all_down(&self) -> WhenAllDown {
        WhenAllDown::ServFail
    }

    fn walk(&mut self, plan: PlanId, demand: Demand) -> Walked {
        match self.view.plans.get(plan) {
            None => Walked::Nothing,
            Some(Plan::Pool(pool)) => Walked::of(self.take(*pool, demand)),
            Some(Plan::Failover(list)) => self.walk_first(list, demand),
            Some(Plan::Only(plan)) => self.walk_only(*plan, demand),
            Some(Plan::All(_) | Plan::Weighted(_) | Plan::Hash(_)) => self.stop_at(plan, demand),
        }
    }

    fn take(&mut self, pool: PoolId, demand: Demand) -> bool {
        let limit = self.limit(pool);
        if self.view.ready(pool, demand).is_none() {
            self.passed_over = self.passed_over.min(limit);
            return false;
        }
        // The pool's own limit applies wherever it is taken.
        if self.passed_over >= limit {
            self.found = Shortcut::Pool(pool, demand);
        }
        true
    }

    fn note_relaxed(&mut self, _: Demand) {}

    fn note_kind_down(&mut self) {}

    fn note_not_yet_known(&mut self) {}

    fn note_only(&mut self, _: PlanId) {}
}
