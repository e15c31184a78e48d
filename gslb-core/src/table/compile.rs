//! Compiles a checked document and geo databases into a routing table that shares unchanged parts with the previous
//! one.

use std::collections::HashMap;
use std::sync::Arc;

use geoip::Database;

use super::coverage::idle_matchers;
use super::steering::{self, Divided};
use super::{RoutingTable, Topology, bounds, services};
use crate::budget::Budget;
use crate::latency::Latencies;
use crate::live::pool::{EndpointState, PoolLiveness};
use crate::locate::index::LocationIndex;
use crate::problem::{Problem, Severity};
use crate::site::model::{self, Initial, Pool, PoolId, Site};
use crate::zone;

/// The result of compiling.
#[derive(Debug)]
pub struct Compiled {
    /// The table; `None` if any problem is an error.
    pub table: Option<RoutingTable>,
    /// All problems found.
    pub problems: Vec<Problem>,
}

/// Compiles `site`; its `latency` policies use `latencies`. Endpoints that `previous` knows by pool and endpoint name
/// keep their state. Otherwise `previous` does not affect the result; unchanged parts are only reused.
pub fn compile(
    site: Site,
    databases: &[Arc<Database>],
    latencies: &Arc<Latencies>,
    previous: Option<&RoutingTable>,
) -> Compiled {
    compile_within(&mut { Budget::UNLIMITED }, site, databases, latencies, previous)
}

/// Like [`compile`], with a memory budget for evaluating policies at all client locations: a short document can divide
/// the clients in thousands of ways.
pub fn compile_within(
    budget: &mut Budget,
    mut site: Site,
    databases: &[Arc<Database>],
    latencies: &Arc<Latencies>,
    previous: Option<&RoutingTable>,
) -> Compiled {
    let mut problems = bounds::problems(&site);
    if !problems.is_empty() {
        return Compiled { table: None, problems };
    }
    let before = previous.map(RoutingTable::topology);
    let index = LocationIndex::after(before.map(|before| &before.index), databases, &site.regions);
    problems.extend(idle_matchers(&site, &index));
    let catalog = match zone::build::after(before.map(|before| &before.catalog), &mut site.zones, &site.services) {
        Ok(catalog) => Some(catalog),
        Err(problem) => {
            problems.push(*problem);
            None
        }
    };
    let (divided, unreached) = steering::after(before, &site, &index, latencies, budget);
    problems.extend(unreached);
    let services = services::compile(&site, &divided, budget);
    if let Some(over) = budget.overrun() {
        let policy = divided.refused_at.and_then(|id| site.policies.get(id.0 as usize));
        problems.push(bounds::over_budget(over, policy));
        return Compiled { table: None, problems };
    }
    let Divided { divisions, columns, plans, .. } = divided;
    let latencies = Arc::clone(latencies);
    let known = previous.map(Known::of).unwrap_or_default();
    let pools = site.pools.iter().map(|pool| known.liveness(pool)).collect();
    let generation = previous.map_or(1, |table| table.generation + 1);
    let refused = problems.iter().any(|problem| problem.severity == Severity::Error);
    let table = catalog.filter(|_| !refused).map(|catalog| RoutingTable {
        generation,
        topology: Topology { site: Arc::new(site), catalog, index, latencies, divisions, columns, plans, services },
        pools,
        counts: None,
    });
    Compiled { table, problems }
}

/// Pools of an earlier table, by name.
#[derive(Default)]
pub(super) struct Known<'a>(HashMap<&'a str, (&'a Pool, &'a Arc<PoolLiveness>)>);

impl<'a> Known<'a> {
    fn of(table: &'a RoutingTable) -> Known<'a> {
        Known::of_pools(table, |_| true)
    }

    /// Only the pools that `filter` accepts.
    pub(super) fn of_pools(table: &'a RoutingTable, filter: impl Fn(PoolId) -> bool) -> Known<'a> {
        let pools = (0..).map(PoolId).zip(table.topology.site.pools.iter().zip(table.pools.iter()));
        let matched = pools.filter(|(id, _)| filter(*id));
        Known(matched.map(|(_, (pool, liveness))| (&*pool.name, (pool, liveness))).collect())
    }

    /// True if it has a pool of this name.
    pub(super) fn has(&self, pool: &str) -> bool {
        self.0.contains_key(pool)
    }

    /// The liveness of a pool: the known state of its endpoints, or else its initial status; weights come from the
    /// document.
    pub(super) fn liveness(&self, pool: &Pool) -> Arc<PoolLiveness> {
        let up = pool.initial != Initial::Down;
        let is_known = up || pool.probes.is_empty();
        let fresh = |endpoint: &model::Endpoint| EndpointState { is_known, ..EndpointState::new(up, endpoint.weight) };
        let Some((old, liveness)) = self.0.get(&*pool.name) else {
            return Arc::new(PoolLiveness::new(pool, pool.endpoints.iter().map(fresh).collect()));
        };
        if answers_alike(old, pool) && weights_are_written(pool, liveness) {
            return Arc::clone(liveness);
        }
        let facts = liveness.states().iter().zip(liveness.last_up());
        let known: HashMap<_, _> = old
            .endpoints
            .iter()
            .zip(facts)
            .map(|(endpoint, facts)| ((&*endpoint.name, &endpoint.target), facts))
            .collect();
        let facts = |endpoint: &model::Endpoint| known.get(&(&*endpoint.name, &endpoint.target)).copied();
        let state = |endpoint| match facts(endpoint) {
            Some((state, _)) => EndpointState { weight: endpoint.weight, ..*state },
            None => fresh(endpoint),
        };
        let states = pool.endpoints.iter().map(state).collect();
        let last_up =
            pool.endpoints.iter().map(|endpoint| facts(endpoint).is_none_or(|(_, last_up)| *last_up)).collect();
        Arc::new(PoolLiveness::restored(pool, states, last_up, liveness.down_since))
    }
}

/// True if the settings that liveness depends on are the same in both, ignoring weights.
fn answers_alike(old: &Pool, new: &Pool) -> bool {
    (old.choose, old.answers, old.min_up) == (new.choose, new.answers, new.min_up)
        && old.endpoints.len() == new.endpoints.len()
        && old
            .endpoints
            .iter()
            .zip(&new.endpoints)
            .all(|(old, new)| (&old.name, &old.target) == (&new.name, &new.target))
}

/// True if the current weights are those of the document.
fn weights_are_written(pool: &Pool, liveness: &PoolLiveness) -> bool {
    let written = pool.endpoints.iter().map(|endpoint| endpoint.weight);
    written.eq(liveness.states().iter().map(|state| state.weight))
}
