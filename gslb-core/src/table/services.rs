//! Compiles services: what the clients of each class get, and which query types each service answers.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::steering::{Divided, Division};
use super::{Service, Steers, Target};
use crate::budget::Budget;
use crate::live::pool::Kind;
use crate::site::model::{self, Choose, PolicyId, PoolId, PrefixLengths, Site, WhenAllDown};
use crate::steer::plan::{Plan, PlanId, Plans};

/// Compiles all services of `site` with their divided policies.
///
/// Memory beyond a fixed size per service is charged to `budget`; once that is used up, compilation stops.
pub(super) fn compile(site: &Site, divided: &Divided, budget: &mut Budget) -> Arc<[Service]> {
    let mut services = Services { site, plans: &divided.plans, reached: HashMap::new(), budget };
    let nothing = Division { column: 0, plans: Arc::default() };
    let compiled = site.services.iter().map(|service| {
        // Every policy that a service refers to has been divided.
        let (policy, division) = divided.divisions.get(service.policy).unwrap_or((service.policy, &nothing));
        services.service(service, policy, division)
    });
    compiled.collect()
}

/// Memory in octets that services share.
pub(super) fn memory(services: &[Service]) -> usize {
    let mut met = HashSet::new();
    let targets = services.iter().map(|service| &service.targets).filter(|targets| met.insert(Arc::as_ptr(targets)));
    targets.map(|targets| size_of_val(&**targets)).sum()
}

struct Services<'a> {
    site: &'a Site,
    plans: &'a Plans,
    /// Results shared by services with the same policy, stickiness and `when_all_down`.
    reached: HashMap<(PolicyId, bool, WhenAllDown), Reached>,
    budget: &'a mut Budget,
}

/// The result of a policy.
#[derive(Clone, Default)]
struct Reached {
    targets: Arc<[Target]>,
    /// As in [`Steers`].
    has: [bool; 3],
    all_by_name: bool,
}

impl Services<'_> {
    fn service(&mut self, service: &model::Service, policy: PolicyId, division: &Division) -> Service {
        let sticky = service.sticky.is_some();
        let key = (policy, sticky, service.when_all_down);
        let reached = match self.reached.get(&key) {
            Some(reached) => reached.clone(),
            None if self.budget.charge(division.plans.len() * size_of::<Target>()).is_err() => Reached::default(),
            None => {
                let reached = self.reach(division, sticky, service.when_all_down);
                self.reached.insert(key, reached.clone());
                reached
            }
        };
        let Reached { targets, has, all_by_name } = reached;
        Service {
            ttl: service.ttl,
            column: division.column,
            steers: Steers { a: service.steers_a, aaaa: service.steers_aaaa, all_by_name, has },
            targets,
            client: service.client,
            sticky,
            prefixes: service.sticky.unwrap_or(PrefixLengths::DEFAULT),
            when_all_down: service.when_all_down,
        }
    }

    fn reach(&self, division: &Division, sticky: bool, when_all_down: WhenAllDown) -> Reached {
        let targets: Arc<[Target]> =
            division.plans.iter().map(|&plan| self.target(plan, sticky, when_all_down)).collect();
        let (mut has, mut all_by_name) = ([false; 3], true);
        let mut look = |id: PoolId| {
            for endpoint in self.site.pools.get(id.0 as usize).map_or(&[][..], |pool| &pool.endpoints) {
                for (has, kind) in has.iter_mut().zip([Kind::A, Kind::Aaaa, Kind::Cname]) {
                    if gives(&endpoint.target, kind) {
                        *has = true;
                    }
                }
                if !matches!(endpoint.target, model::Target::Cname(_)) {
                    all_by_name = false;
                }
            }
        };
        targets.iter().for_each(|target| self.plans.each_pool(target.plan, &mut look));
        if let WhenAllDown::Pool(pool) = when_all_down {
            look(pool);
        }
        Reached { targets, has, all_by_name }
    }

    fn target(&self, plan: PlanId, sticky: bool, when_all_down: WhenAllDown) -> Target {
        let by_client = [Kind::A, Kind::Aaaa, Kind::Cname].map(|kind| {
            let of_last_resort = match when_all_down {
                WhenAllDown::Pool(pool) => self.pool_draws(pool, kind, sticky),
                _ => false,
            };
            of_last_resort || self.draws(plan, kind, sticky)
        });
        Target { plan, by_client }
    }

    /// True if a plan's answer depends on the client's prefix, whatever is up.
    fn draws(&self, plan: PlanId, kind: Kind, sticky: bool) -> bool {
        let draws = |plan: &PlanId| self.draws(*plan, kind, sticky);
        match self.plans.get(plan) {
            None => false,
            Some(Plan::Pool(pool)) => self.pool_draws(*pool, kind, sticky),
            Some(Plan::Failover(list) | Plan::All(list)) => list.iter().any(draws),
            Some(Plan::Only(plan)) => draws(plan),
            Some(Plan::Weighted(list)) => sticky && list.len() > 1 || list.iter().any(|branch| draws(&branch.plan)),
            Some(Plan::Hash(list)) => list.len() > 1 || list.iter().any(|branch| draws(&branch.plan)),
        }
    }

    fn pool_draws(&self, id: PoolId, kind: Kind, sticky: bool) -> bool {
        let Some(pool) = self.site.pools.get(id.0 as usize) else { return false };
        let chooses = match pool.choose {
            Choose::All => false,
            Choose::Weighted => sticky,
            Choose::Hash => true,
        };
        chooses
            && pool.endpoints.iter().filter(|endpoint| gives(&endpoint.target, kind)).count() > pool.answers as usize
    }
}

/// True if an endpoint can be part of an answer of this kind.
fn gives(target: &model::Target, kind: Kind) -> bool {
    match target {
        model::Target::Address(address) if address.is_ipv4() => kind == Kind::A,
        model::Target::Address(_) => kind == Kind::Aaaa,
        model::Target::Cname(_) => true,
    }
}
