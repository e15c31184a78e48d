//! Compiles a checked document and geo databases into a topology that shares unchanged parts with the previous one.

use std::sync::Arc;

use geoip::Database;

use super::coverage::idle_matchers;
use super::steering::{self, Divided};
use super::{Topology, bounds, services};
use crate::budget::Budget;
use crate::latency::Latencies;
use crate::locate::index::LocationIndex;
use crate::problem::{Problem, Severity};
use crate::site::model::Site;
use crate::zone;

/// The result of compiling.
#[derive(Debug)]
pub struct Compiled {
    /// The topology; `None` if any problem is an error.
    pub topology: Option<Topology>,
    /// All problems found.
    pub problems: Vec<Problem>,
}

/// Compiles `site`; its `latency` policies use `latencies`. `previous` does not affect the result: unchanged parts are
/// only reused. A [`RoutingTable`](super::RoutingTable) adds which endpoints are up.
pub fn compile(
    site: Site,
    databases: &[Arc<Database>],
    latencies: &Arc<Latencies>,
    previous: Option<&Topology>,
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
    previous: Option<&Topology>,
) -> Compiled {
    let mut problems = bounds::problems(&site);
    if !problems.is_empty() {
        return Compiled { topology: None, problems };
    }
    let index = LocationIndex::after(previous.map(|previous| &previous.index), databases, &site.regions);
    problems.extend(idle_matchers(&site, &index));
    let catalog = match zone::build::after(previous.map(|previous| &previous.catalog), &mut site.zones, &site.services)
    {
        Ok(catalog) => Some(catalog),
        Err(problem) => {
            problems.push(*problem);
            None
        }
    };
    let (divided, unreached) = steering::after(previous, &site, &index, latencies, budget);
    problems.extend(unreached);
    let services = services::compile(&site, &divided, budget);
    if let Some(over) = budget.overrun() {
        let policy = divided.refused_at.and_then(|id| site.policies.get(id.0 as usize));
        problems.push(bounds::over_budget(over, policy));
        return Compiled { topology: None, problems };
    }
    let Divided { divisions, columns, plans, .. } = divided;
    let latencies = Arc::clone(latencies);
    let refused = problems.iter().any(|problem| problem.severity == Severity::Error);
    let topology = catalog.filter(|_| !refused).map(|catalog| Topology {
        site: Arc::new(site),
        catalog,
        index,
        latencies,
        divisions,
        columns,
        plans,
        services,
    });
    Compiled { topology, problems }
}
