//! From a checked document and geo databases to a routing table.

use std::collections::HashMap;
use std::sync::Arc;

use geoip::Database;

use super::bounds;
use super::coverage::{Coverage, idle_matchers};
use super::liveness::{EndpointState, Kind, PoolLiveness};
use super::{DEFAULT_PREFIXES, RoutingTable, Service, Steers, Target, Topology};
use crate::model::{self, Choose, Initial, PolicyId, PolicyKind, Pool, PoolId, Site, WhenAllDown};
use crate::problem::{Problem, Severity};
use crate::steer::classes::Classes;
use crate::steer::column::Column;
use crate::steer::index::LocationIndex;
use crate::steer::plan::{Plan, PlanId, Plans};
use crate::steer::resolve::Resolver;
use crate::zone;

/// What came of compiling.
#[derive(Debug)]
pub struct Compiled {
    /// The table; none where a problem is an error.
    pub table: Option<RoutingTable>,
    /// Everything that was found wrong.
    pub problems: Vec<Problem>,
}

/// Compiles `site`. Endpoints that `previous` knows, by the names of pool and endpoint, keep their state.
pub fn compile(mut site: Site, databases: &[Arc<Database>], previous: Option<&RoutingTable>) -> Compiled {
    let mut problems = bounds::problems(&site);
    if !problems.is_empty() {
        return Compiled { table: None, problems };
    }
    let index = LocationIndex::build(databases, &site.regions);
    problems.extend(idle_matchers(&site, &index));
    let catalog = match zone::build::build(&mut site.zones, &site.services) {
        Ok(catalog) => Some(catalog),
        Err(problem) => {
            problems.push(*problem);
            None
        }
    };
    let mut steering = Steering::new(&site, &index);
    let services = site.services.iter().map(|service| steering.service(service)).collect();
    problems.extend(steering.coverage.problems(&site, &index));
    let Steering { columns, mut plans, .. } = steering;
    plans.seal();
    let known = previous.map(Known::of).unwrap_or_default();
    let pools = site.pools.iter().map(|pool| Arc::new(known.liveness(pool))).collect();
    let generation = previous.map_or(1, |table| table.generation + 1);
    let refused = problems.iter().any(|problem| problem.severity == Severity::Error);
    let table = catalog.filter(|_| !refused).map(|catalog| RoutingTable {
        generation,
        topology: Arc::new(Topology { site, catalog, index, columns, plans, services }),
        pools,
        counts: None,
    });
    Compiled { table, problems }
}

/// Services on their way to their columns and plans.
struct Steering<'a> {
    site: &'a Site,
    index: &'a LocationIndex,
    resolver: Resolver<'a>,
    plans: Plans,
    coverage: Coverage,
    columns: Vec<Column>,
    /// Column of a partition of the loci into classes.
    partitions: HashMap<Vec<u32>, u32>,
    /// For every policy the first one that means the same.
    canonical: Vec<PolicyId>,
    divided: HashMap<PolicyId, Division>,
    targets: HashMap<(PolicyId, bool, WhenAllDown), Arc<[Target]>>,
}

/// How a policy divides the clients.
#[derive(Clone)]
struct Division {
    column: u32,
    /// One per class.
    plans: Arc<[PlanId]>,
}

impl<'a> Steering<'a> {
    fn new(site: &'a Site, index: &'a LocationIndex) -> Steering<'a> {
        let canonical = canonical(site);
        let roots = site.services.iter().filter_map(|service| canonical.get(service.policy.0 as usize).copied());
        Steering {
            site,
            index,
            resolver: Resolver::new(site, index, roots),
            canonical,
            plans: Plans::default(),
            coverage: Coverage::default(),
            columns: Vec::new(),
            partitions: HashMap::new(),
            divided: HashMap::new(),
            targets: HashMap::new(),
        }
    }

    fn service(&mut self, service: &model::Service) -> Service {
        let policy = self.canonical.get(service.policy.0 as usize).copied().unwrap_or(service.policy);
        let division = self.divide(policy);
        let sticky = service.sticky.is_some();
        let key = (policy, sticky, service.when_all_down);
        let targets = match self.targets.get(&key) {
            Some(targets) => Arc::clone(targets),
            None => {
                let target = |&plan: &PlanId| self.target(plan, sticky, service.when_all_down);
                let targets: Arc<[Target]> = division.plans.iter().map(target).collect();
                self.targets.insert(key, Arc::clone(&targets));
                targets
            }
        };
        Service {
            ttl: service.ttl,
            column: division.column,
            steers: self.steers(service, &targets),
            targets,
            client: service.client,
            sticky,
            prefixes: service.sticky.unwrap_or(DEFAULT_PREFIXES),
            when_all_down: service.when_all_down,
        }
    }

    /// Finds the classes of a policy; policies that divide the loci in the same way share a column.
    fn divide(&mut self, policy: PolicyId) -> Division {
        if let Some(division) = self.divided.get(&policy) {
            return division.clone();
        }
        let classes = Classes::of(policy, &self.resolver, self.index, &mut self.plans, &mut self.coverage);
        let (index, columns) = (self.index, &mut self.columns);
        let column = *self.partitions.entry(classes.of_locus).or_insert_with_key(|classes| {
            columns.push(Column::build(index, classes));
            columns.len() as u32 - 1
        });
        let division = Division { column, plans: classes.plans.into() };
        self.divided.insert(policy, division.clone());
        division
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

    /// True where a plan's answer depends on the client's prefix, whatever is up.
    fn draws(&self, plan: PlanId, kind: Kind, sticky: bool) -> bool {
        let draws = |plan: &PlanId| self.draws(*plan, kind, sticky);
        match self.plans.get(plan) {
            None => false,
            Some(Plan::Pool(pool)) => self.pool_draws(*pool, kind, sticky),
            Some(Plan::Failover(list) | Plan::All(list)) => list.iter().any(draws),
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

    fn steers(&self, service: &model::Service, targets: &[Target]) -> Steers {
        let mut has = [false; 3];
        let mut all_by_name = true;
        let mut look = |id: PoolId| {
            for endpoint in self.site.pools.get(id.0 as usize).map_or(&[][..], |pool| &pool.endpoints) {
                for (has, kind) in has.iter_mut().zip([Kind::A, Kind::Aaaa, Kind::Cname]) {
                    *has |= gives(&endpoint.target, kind);
                }
                all_by_name &= matches!(endpoint.target, model::Target::Cname(_));
            }
        };
        targets.iter().for_each(|target| self.plans.each_pool(target.plan, &mut look));
        if let WhenAllDown::Pool(pool) = service.when_all_down {
            look(pool);
        }
        Steers { a: service.steers_a, aaaa: service.steers_aaaa, all_by_name, has }
    }
}

/// True where an endpoint can be part of an answer of this kind.
fn gives(target: &model::Target, kind: Kind) -> bool {
    match target {
        model::Target::Address(address) if address.is_ipv4() => kind == Kind::A,
        model::Target::Address(_) => kind == Kind::Aaaa,
        model::Target::Cname(_) => true,
    }
}

/// What an earlier table knows of pools, by name.
#[derive(Default)]
struct Known<'a>(HashMap<&'a str, (&'a Pool, &'a PoolLiveness)>);

impl<'a> Known<'a> {
    fn of(table: &'a RoutingTable) -> Known<'a> {
        let pools = table.topology.site.pools.iter().zip(table.pools.iter());
        Known(pools.map(|(pool, liveness)| (&*pool.name, (pool, &**liveness))).collect())
    }

    /// A pool's liveness: what is known of its endpoints, else its initial rule; weights are the document's.
    fn liveness(&self, pool: &Pool) -> PoolLiveness {
        let initial = pool.initial != Initial::Down;
        let fresh = |endpoint: &model::Endpoint| EndpointState { up: initial, weight: endpoint.weight };
        let Some((old, liveness)) = self.0.get(&*pool.name) else {
            return PoolLiveness::new(pool, pool.endpoints.iter().map(fresh).collect());
        };
        let facts = liveness.states().iter().zip(liveness.last_up());
        let known: HashMap<_, _> = old
            .endpoints
            .iter()
            .zip(facts)
            .map(|(endpoint, facts)| ((&*endpoint.name, &endpoint.target), facts))
            .collect();
        let facts = |endpoint: &model::Endpoint| known.get(&(&*endpoint.name, &endpoint.target)).copied();
        let state = |endpoint| match facts(endpoint) {
            Some((state, _)) => EndpointState { up: state.up, weight: endpoint.weight },
            None => fresh(endpoint),
        };
        let states = pool.endpoints.iter().map(state).collect();
        let last_up =
            pool.endpoints.iter().map(|endpoint| facts(endpoint).is_none_or(|(_, last_up)| *last_up)).collect();
        PoolLiveness::restored(pool, states, last_up, liveness.down_since)
    }
}

/// For every policy the first one that means the same, so that services with equal policies share what is compiled.
fn canonical(site: &Site) -> Vec<PolicyId> {
    // Draws know their branches by label, so branches that are called differently are different.
    let mut first: HashMap<(PolicyKind, Vec<&str>), PolicyId> = HashMap::new();
    let mut same: Vec<PolicyId> = Vec::with_capacity(site.policies.len());
    for (id, policy) in (0u32..).map(PolicyId).zip(&site.policies) {
        let of = |id: PolicyId| same.get(id.0 as usize).copied().unwrap_or(id);
        let label = |id: PolicyId| site.policies.get(id.0 as usize).map_or("", |policy| &*policy.label);
        let (kind, labels) = match &policy.kind {
            PolicyKind::Geo { branches, default } => {
                let branches = branches.iter().map(|&(region, id)| (region, of(id))).collect();
                (PolicyKind::Geo { branches, default: of(*default) }, Vec::new())
            }
            PolicyKind::Failover(list) => (PolicyKind::Failover(list.iter().map(|&id| of(id)).collect()), Vec::new()),
            PolicyKind::Weighted(list) => {
                let labels = list.iter().map(|&(id, _)| label(id)).collect();
                (PolicyKind::Weighted(list.iter().map(|&(id, weight)| (of(id), weight)).collect()), labels)
            }
            other => (other.clone(), Vec::new()),
        };
        same.push(*first.entry((kind, labels)).or_insert(id));
    }
    same
}
