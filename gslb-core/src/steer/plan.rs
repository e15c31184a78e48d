//! A plan: what is left of a policy once it is known where the client is. Equal plans have one number.

use std::collections::HashMap;

use crate::site::model::PoolId;

/// Index into [`Plans`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PlanId(pub u32);

/// A way to choose pools that does not depend on where the client is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Plan {
    /// One pool.
    Pool(PoolId),
    /// The first that is up. Holds no failover itself, nothing twice, and nothing behind what never falls through.
    Failover(Box<[PlanId]>),
    /// A draw by weight among those that are up.
    Weighted(Box<[Branch]>),
    /// The client's own among those that are up.
    Hash(Box<[Branch]>),
    /// All that are up.
    All(Box<[PlanId]>),
    /// This plan, which never falls through: when it is down, `when_all_down` is about it alone, and the search ends.
    Only(PlanId),
}

/// A plan that takes part in a draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Branch {
    /// What it leads to.
    pub plan: PlanId,
    /// Its share relative to the others.
    pub weight: u32,
    /// Number of its name, by which sticky draws know it.
    pub identity: u64,
}

/// All plans of a table, each once; children before those who refer to them.
#[derive(Debug, Clone, Default)]
pub struct Plans {
    plans: Vec<Plan>,
    ids: HashMap<Plan, PlanId>,
    /// Octets of all that is in `plans`.
    octets: usize,
}

impl Plan {
    /// Octets held.
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
    /// The number of a plan.
    pub fn id(&mut self, plan: Plan) -> PlanId {
        let (plans, octets) = (&mut self.plans, &mut self.octets);
        *self.ids.entry(plan).or_insert_with_key(|plan| {
            *octets += plan.memory();
            plans.push(plan.clone());
            PlanId(plans.len() as u32 - 1)
        })
    }

    /// The first of `plans` that is up, in the simplest form: no failover inside, nothing twice, one alone as itself,
    /// and nothing that cannot be reached.
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

    /// A plan that never falls through, in the simplest form: one that does not by itself is left as it is.
    pub fn only(&mut self, plan: PlanId) -> PlanId {
        match self.get(plan) {
            Some(Plan::Only(_)) => plan,
            _ => self.id(Plan::Only(plan)),
        }
    }

    /// True where a search that comes to the plan ends there, whatever is up.
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

    /// A draw among branches, in the simplest form: their order says nothing, and one alone is its plan.
    pub fn draw(&mut self, mut branches: Vec<Branch>, kind: impl FnOnce(Box<[Branch]>) -> Plan) -> PlanId {
        if let [alone] = *branches
            && alone.weight > 0
        {
            return alone.plan;
        }
        branches.sort_by_key(|branch| (branch.identity, branch.plan));
        self.id(kind(branches.into()))
    }

    /// The plan of a number.
    #[inline]
    pub fn get(&self, id: PlanId) -> Option<&Plan> {
        self.plans.get(id.0 as usize)
    }

    /// Octets that all plans take until they are [sealed](Plans::seal): each is there twice.
    pub fn memory(&self) -> usize {
        2 * self.octets
    }

    /// How many different plans there are.
    pub fn len(&self) -> usize {
        self.plans.len()
    }

    /// True while there are none.
    pub fn is_empty(&self) -> bool {
        self.plans.is_empty()
    }

    /// Forgets how to find the number of a plan; what is compiled is only read.
    pub fn seal(&mut self) {
        self.ids = HashMap::new();
        self.plans.shrink_to_fit();
    }

    /// Calls `visit` with every pool of a plan, in the order in which they are candidates.
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
