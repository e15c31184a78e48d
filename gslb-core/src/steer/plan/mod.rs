//! A plan: what remains of a policy once the client's location is known. Equal plans share one ID.

use std::collections::HashMap;

use dependents::Dependents;

use crate::budget::Budget;
use crate::site::model::PoolId;

mod dependents;

/// Index into [`Plans`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlanId(pub u32);

/// A way to choose pools that does not depend on the client's location.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Plan {
    /// One pool.
    Pool(PoolId),
    /// The first that is up. Simplified: no nested failover, no duplicates, and nothing after a plan that never falls
    /// through.
    Failover(Box<[PlanId]>),
    /// A weighted draw among those that are up.
    Weighted(Box<[Branch]>),
    /// A sticky draw among those that are up.
    Hash(Box<[Branch]>),
    /// All that are up.
    All(Box<[PlanId]>),
    /// This plan, without falling through: if it is down, `when_all_down` applies to it alone and the search ends.
    Only(PlanId),
}

/// A plan that takes part in a draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Branch {
    /// The plan of this branch.
    pub plan: PlanId,
    /// Its weight relative to the others.
    pub weight: u32,
    /// Hash of its name, which identifies it in sticky draws.
    pub identity: u64,
}

/// All distinct plans of a table; children come before the plans that refer to them.
#[derive(Debug, Clone, Default)]
pub struct Plans {
    plans: Vec<Plan>,
    ids: HashMap<Plan, PlanId>,
    /// Memory of `plans` in octets.
    octets: usize,
    /// Made when the plans are [sealed](Plans::seal).
    dependents: Dependents,
}

impl Plan {
    /// Memory in octets.
    fn memory(&self) -> usize {
        let inner = match self {
            Plan::Pool(_) | Plan::Only(_) => 0,
            Plan::Failover(plans) | Plan::All(plans) => size_of_val(&**plans),
            Plan::Weighted(branches) | Plan::Hash(branches) => size_of_val(&**branches),
        };
        size_of::<Plan>() + inner
    }
}

impl Plans {
    /// The ID of a plan.
    pub fn id(&mut self, plan: Plan) -> PlanId {
        let (plans, octets) = (&mut self.plans, &mut self.octets);
        *self.ids.entry(plan).or_insert_with_key(|plan| {
            *octets += plan.memory();
            plans.push(plan.clone());
            PlanId(plans.len() as u32 - 1)
        })
    }

    /// The first of `plans` that is up, in simplest form: no nested failover, no duplicates, no unreachable plans, and
    /// a single plan stays itself.
    pub fn failover(&mut self, plans: &[PlanId]) -> PlanId {
        let mut flat: Vec<PlanId> = Vec::with_capacity(plans.len());
        for &plan in plans {
            if flat.last().is_some_and(|&last| self.never_falls_through(last)) {
                break;
            }
            let inner = match self.get(plan) {
                Some(Plan::Failover(inner)) => inner,
                _ => &[plan][..],
            };
            for &candidate in inner {
                if !flat.contains(&candidate) {
                    flat.push(candidate);
                }
            }
        }
        match *flat {
            [alone] => alone,
            _ => self.id(Plan::Failover(flat.into())),
        }
    }

    /// A plan that never falls through, in simplest form: one that already never does is returned unchanged.
    pub fn only(&mut self, plan: PlanId) -> PlanId {
        match self.get(plan) {
            Some(Plan::Only(_)) => plan,
            _ => self.id(Plan::Only(plan)),
        }
    }

    /// True if a search that reaches the plan ends there, whatever is up.
    pub fn never_falls_through(&self, plan: PlanId) -> bool {
        match self.get(plan) {
            None | Some(Plan::Pool(_) | Plan::All(_)) => false,
            Some(Plan::Only(_)) => true,
            Some(Plan::Failover(list)) => list.last().is_some_and(|&last| self.never_falls_through(last)),
            Some(Plan::Weighted(branches) | Plan::Hash(branches)) => {
                branches.iter().any(|branch| branch.weight > 0 && self.never_falls_through(branch.plan))
            }
        }
    }

    /// A draw among branches, in simplest form: sorted, and a single branch becomes its plan.
    pub fn draw(&mut self, mut branches: Vec<Branch>, kind: impl FnOnce(Box<[Branch]>) -> Plan) -> PlanId {
        if let [alone] = *branches
            && alone.weight > 0
        {
            return alone.plan;
        }
        branches.sort_by_key(|branch| (branch.identity, branch.plan));
        self.id(kind(branches.into()))
    }

    /// The plan with this ID.
    #[inline]
    pub fn get(&self, id: PlanId) -> Option<&Plan> {
        self.plans.get(id.0 as usize)
    }

    /// Memory in octets of all plans until they are [sealed](Plans::seal): each is stored twice.
    pub fn memory(&self) -> usize {
        2 * self.octets
    }

    /// Number of distinct plans.
    pub fn len(&self) -> usize {
        self.plans.len()
    }

    /// True while there are none.
    pub fn is_empty(&self) -> bool {
        self.plans.is_empty()
    }

    /// Replaces the lookup index from plans to IDs by one from pools to plans; compiled plans are only read.
    /// That is charged to `budget`, and missing if it is over budget.
    pub fn seal(&mut self, budget: &mut Budget) {
        self.ids = HashMap::new();
        self.plans.shrink_to_fit();
        self.dependents = Dependents::of(self, budget);
    }

    /// The plans that lead to any of these pools, in order and once each, with some that do not; the plans must be
    /// [sealed](Plans::seal).
    pub fn leading_to(&self, pools: &[PoolId]) -> impl Iterator<Item = PlanId> {
        self.dependents.of_pools(pools, self.len() as u32)
    }

    /// Memory in octets of the index from pools to plans.
    pub(crate) fn index_memory(&self) -> usize {
        self.dependents.memory()
    }

    /// Calls `visit` with every pool of a plan, in candidate order.
    pub fn each_pool(&self, id: PlanId, visit: &mut impl FnMut(PoolId)) {
        match self.get(id) {
            None => {}
            Some(Plan::Pool(pool)) => visit(*pool),
            Some(Plan::Only(plan)) => self.each_pool(*plan, visit),
            Some(Plan::Failover(plans) | Plan::All(plans)) => {
                plans.iter().for_each(|&plan| self.each_pool(plan, visit));
            }
            Some(Plan::Weighted(branches) | Plan::Hash(branches)) => {
                branches.iter().for_each(|branch| self.each_pool(branch.plan, visit));
            }
        }
    }
}
