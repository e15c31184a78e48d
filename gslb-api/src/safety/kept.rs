//! Finds `only` policies that keep clients although their pools have no endpoints. Works on compiled plans, not policies:
//! which clients reach an `only` depends on their location, which plans have resolved.

use std::collections::{BTreeSet, HashMap};

use gslb_core::dns::name::Name;
use gslb_core::site::model::PoolId;
use gslb_core::steer::plan::{Plan, PlanId};
use gslb_core::table::RoutingTable;

/// The pools of one `only`, by name: pool numbers differ between tables.
pub(super) type Pools<'t> = BTreeSet<&'t str>;

/// For each service, the `only` policies without endpoints that some of its clients reach.
pub(super) fn empty<'t>(table: &'t RoutingTable) -> HashMap<&'t Name, BTreeSet<Pools<'t>>> {
    let plans = Outcomes::of(table);
    if plans.empty.is_empty() {
        return HashMap::new();
    }
    let topology = table.topology();
    // Services with the same policy share their targets.
    let mut known: HashMap<*const _, BTreeSet<PlanId>> = HashMap::new();
    let mut found = HashMap::new();
    for (written, service) in topology.site.services.iter().zip(&*topology.services) {
        let reached = known.entry(service.targets.as_ptr()).or_insert_with(|| {
            let plans_of_classes: BTreeSet<PlanId> = service.targets.iter().map(|target| target.plan).collect();
            plans_of_classes.iter().flat_map(|plan| plans.reached_by(*plan)).collect()
        });
        if !reached.is_empty() {
            found.insert(&written.name, reached.iter().map(|only| pools_of(table, *only)).collect());
        }
    }
    found
}

/// Whether a pool is up, with an endpoint that is up and has weight.
pub(super) fn takes_clients(table: &RoutingTable, pool: PoolId) -> bool {
    table
        .pools()
        .get(pool)
        .is_some_and(|liveness| liveness.is_up() && liveness.states().iter().any(|state| state.up && state.weight > 0))
}

/// Reachability per plan.
struct Outcomes {
    /// By plan number: whether a pool that it may choose takes clients.
    alive: Vec<bool>,
    /// Plans whose clients may end in an empty `only`, with each of those.
    empty: HashMap<PlanId, BTreeSet<PlanId>>,
}

impl Outcomes {
    fn of(table: &RoutingTable) -> Self {
        let plans = &table.topology().plans;
        let mut outcomes = Self { alive: Vec::with_capacity(plans.len()), empty: HashMap::new() };
        // Children precede the plans that refer to them.
        for (id, plan) in (0u32..).map(PlanId).map_while(|id| Some((id, plans.get(id)?))) {
            let alive = outcomes.is_alive_plan(plan, table);
            let empty = outcomes.empty_below(id, plan);
            outcomes.alive.push(alive);
            if !empty.is_empty() {
                outcomes.empty.insert(id, empty);
            }
        }
        outcomes
    }

    fn is_alive(&self, id: PlanId) -> bool {
        self.alive.get(id.0 as usize).copied().unwrap_or(false)
    }

    fn is_alive_plan(&self, plan: &Plan, table: &RoutingTable) -> bool {
        match plan {
            Plan::Pool(pool) => takes_clients(table, *pool),
            Plan::Only(inner) => self.is_alive(*inner),
            Plan::Failover(list) | Plan::All(list) => list.iter().any(|plan| self.is_alive(*plan)),
            Plan::Weighted(branches) | Plan::Hash(branches) => branches.iter().any(|it| self.is_alive(it.plan)),
        }
    }

    fn empty_below(&self, id: PlanId, plan: &Plan) -> BTreeSet<PlanId> {
        match plan {
            Plan::Pool(_) => BTreeSet::new(),
            Plan::Only(inner) if self.is_alive(*inner) => self.reached_by(*inner).collect(),
            Plan::Only(_) => BTreeSet::from([id]),
            Plan::Failover(list) => {
                // Candidates behind one that is alive are never reached.
                let end = list.iter().position(|plan| self.is_alive(*plan)).map_or(list.len(), |at| at + 1);
                list.iter().take(end).flat_map(|plan| self.reached_by(*plan)).collect()
            }
            Plan::All(list) => list.iter().flat_map(|plan| self.reached_by(*plan)).collect(),
            Plan::Weighted(branches) | Plan::Hash(branches) => {
                let drawn = branches.iter().filter(|branch| branch.weight > 0);
                drawn.flat_map(|branch| self.reached_by(branch.plan)).collect()
            }
        }
    }

    /// The empty `only` plans that clients of a plan may reach.
    fn reached_by(&self, plan: PlanId) -> impl Iterator<Item = PlanId> {
        self.empty.get(&plan).into_iter().flatten().copied()
    }
}

fn pools_of(table: &RoutingTable, plan: PlanId) -> Pools<'_> {
    let topology = table.topology();
    let mut pools = Pools::new();
    topology.plans.each_pool(plan, &mut |PoolId(id)| {
        pools.extend(topology.site.pools.get(id as usize).map(|pool| &*pool.name));
    });
    pools
}
