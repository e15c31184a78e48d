//! The parts of a table that a decision reads: what is up in a plan, for one kind of answer.

use super::outcome::Outcome;
use super::plan::{Branch, Plan, PlanId, Plans};
use super::trace::{Contender, Reason};
use crate::live::demand::Demand;
use crate::live::pool::{Kind, PoolLiveness, Ready};
use crate::live::pools::Pools;
use crate::site::model::PoolId;

/// The parts of a table that a decision reads.
#[derive(Debug, Clone, Copy)]
pub struct View<'a> {
    /// The plans.
    pub plans: &'a Plans,
    /// The pools.
    pub pools: &'a Pools,
    /// The requested kind of answer.
    pub kind: Kind,
    /// True if the service steers the other address family, too.
    pub steers_both: bool,
}

impl<'a> View<'a> {
    #[inline]
    pub(super) fn pool(&self, id: PoolId) -> Option<&'a PoolLiveness> {
        self.pools.get(id)
    }

    #[inline]
    pub(super) fn ready(&self, id: PoolId, demand: Demand) -> Option<Ready<'a>> {
        self.pool(id).map(|pool| pool.ready(demand, self.kind)).filter(|ready| !ready.is_empty())
    }

    /// True if only branches with weight take part: those without weight are used only if there are no others.
    #[inline]
    pub(super) fn needs_weight(&self, branches: &[Branch], demand: Demand) -> bool {
        demand == Demand::Up || branches.iter().any(|branch| self.takes_part(branch, true, demand))
    }

    #[inline]
    pub(super) fn takes_part(&self, branch: &Branch, weighted: bool, demand: Demand) -> bool {
        (branch.weight > 0 || !weighted) && self.is_alive(branch.plan, demand)
    }

    /// The weight of a branch in a draw; 0 if it does not take part.
    #[inline]
    pub(super) fn weight_of(&self, branch: &Branch, weighted: bool, demand: Demand) -> u32 {
        match self.takes_part(branch, weighted, demand) {
            true if weighted => branch.weight,
            // If all weights are 0, one of them must still win.
            true => 1,
            false => 0,
        }
    }

    /// True if a walk would take something, or would end the search.
    pub(super) fn is_alive(&self, plan: PlanId, demand: Demand) -> bool {
        match self.plans.get(plan) {
            None => false,
            Some(Plan::Pool(pool)) => self.ready(*pool, demand).is_some(),
            Some(Plan::Failover(list) | Plan::All(list)) => list.iter().any(|&next| self.is_alive(next, demand)),
            // A search that reaches it ends there, up or down.
            Some(Plan::Only(_)) => true,
            Some(Plan::Weighted(branches) | Plan::Hash(branches)) => {
                branches.iter().any(|branch| self.takes_part(branch, demand == Demand::Up, demand))
            }
        }
    }

    /// How a search ends if a plan is up, but has nothing of this kind. If none of its pools has such an endpoint, up
    /// or down, the name has no such data, and nothing is wrong. If those endpoints are down, clients use the other
    /// address family, if that is steered too.
    pub(super) fn lacks_kind(&self, plan: PlanId) -> Option<Outcome> {
        let (mut is_up, mut has_kind) = (false, false);
        self.plans.each_pool(plan, &mut |id| {
            if self.pool(id).is_some_and(|pool| pool.up >= pool.min_up) {
                is_up = true;
            }
            if self.ready(id, Demand::Any).is_some() {
                has_kind = true;
            }
        });
        match (is_up, has_kind) {
            (true, false) => Some(Outcome::NoSuchKind),
            // Nothing of this kind is up, so these pools are up because of the other family.
            (true, true) if self.steers_both && !self.may_be_up(plan) => Some(Outcome::KindDown),
            _ => None,
        }
    }

    /// True if an endpoint of a plan counts as down, but has not been found down yet.
    pub(super) fn may_be_up(&self, plan: PlanId) -> bool {
        let mut may_be_up = false;
        self.plans.each_pool(plan, &mut |id| {
            if self.ready(id, Demand::Any).is_some() && self.pool(id).is_some_and(|pool| pool.may_be_up) {
                may_be_up = true;
            }
        });
        may_be_up
    }

    /// The pool of a plan that went down last and has an answer of the kind; the first of several.
    pub(super) fn last_to_go(&self, plan: PlanId) -> Option<PoolId> {
        let mut last: Option<((bool, u64), PoolId)> = None;
        self.plans.each_pool(plan, &mut |id| {
            let Some(pool) = self.pool(id) else { return };
            // A pool with a recovered endpoint is alive, and comes before any dead one.
            let rank = (self.kind.of(pool.recovered), self.kind.of(pool.down_since));
            let later = last.is_none_or(|(before, _)| rank > before);
            if later && self.ready(id, Demand::LastUp).is_some() {
                last = Some((rank, id));
            }
        });
        last.map(|(_, pool)| pool)
    }

    /// Why a pool does not fulfill the demand.
    pub(super) fn reason(&self, id: PoolId, demand: Demand) -> Reason {
        match self.pool(id) {
            Some(pool) if pool.up < pool.min_up && matches!(demand, Demand::Up | Demand::UpWithoutWeight) => {
                Reason::Down { up: pool.up, min_up: pool.min_up }
            }
            _ if demand == Demand::Up && self.ready(id, Demand::UpWithoutWeight).is_some() => Reason::NoWeight,
            _ => Reason::NoneOfType,
        }
    }

    /// All candidates of a draw.
    pub(super) fn contenders(&self, branches: &[Branch], demand: Demand) -> Vec<Contender> {
        let weighted = self.needs_weight(branches, demand);
        let contender = |branch: &Branch| {
            let mut pools = Vec::new();
            self.plans.each_pool(branch.plan, &mut |pool| pools.push(pool));
            Contender { pools, weight: branch.weight, takes_part: self.takes_part(branch, weighted, demand) }
        };
        branches.iter().map(contender).collect()
    }
}
