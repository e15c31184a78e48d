//! The answers of a table to the clients of a plan, as distributions; each is computed once.

use std::collections::HashMap;
use std::sync::Arc;

use super::comparison::Destination;
use super::content::{Contents, EMPTY};
use crate::live::demand::Demand;
use crate::live::pool::Kind;
use crate::site::model::{PoolId, WhenAllDown};
use crate::steer::outcome::Outcome;
use crate::steer::plan::PlanId;
use crate::steer::shares::{Given, shares, within_pool};
use crate::steer::view::View;
use crate::table::{RoutingTable, Service, Steers};

/// Clients that get the same answer.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Cell {
    pub(super) destination: u32,
    /// The ID of the pool's name, or [`NO_POOL`].
    pub(super) pool: u32,
    pub(super) content: u32,
    /// From 0 to 1.
    pub(super) share: f64,
}

/// Marks answers that come from no pool.
pub(super) const NO_POOL: u32 = u32::MAX;

/// What a plan's clients are answered; shares sum to 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Distribution {
    /// Sorted by destination, pool and content, without duplicates.
    pub(super) cells: Vec<Cell>,
    /// Share of clients that get endpoints that are up, from 0 to 1.
    pub(super) up: f64,
}

/// A type that a service may steer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SteeredType {
    A,
    Aaaa,
}

impl SteeredType {
    pub(super) const ALL: [SteeredType; 2] = [SteeredType::A, SteeredType::Aaaa];

    /// The kind of answer that a service gives; `None` if the zone file answers.
    fn kind(self, steers: Steers) -> Option<Kind> {
        match self {
            SteeredType::A if steers.a => Some(Kind::A),
            SteeredType::Aaaa if steers.aaaa => Some(Kind::Aaaa),
            _ if steers.all_by_name => Some(Kind::Cname),
            _ => None,
        }
    }
}

/// The answers of one table.
pub(super) struct Answers<'t> {
    table: &'t RoutingTable,
    pools: HashMap<(PoolId, Demand, Kind), Named>,
    plans: HashMap<(PlanId, Kind, WhenAllDown, bool), Arc<Distribution>>,
}

impl<'t> Answers<'t> {
    pub(super) fn of(table: &'t RoutingTable) -> Answers<'t> {
        Answers { table, pools: HashMap::new(), plans: HashMap::new() }
    }

    /// What the clients of a class are answered; `None` if the service does not steer the type.
    pub(super) fn to(
        &mut self,
        service: &Service,
        class: u32,
        steered_type: SteeredType,
        contents: &mut Contents,
    ) -> Option<Arc<Distribution>> {
        let kind = steered_type.kind(service.steers)?;
        let Some(target) = service.targets.get(class as usize).filter(|_| kind.of(service.steers.has)) else {
            return Some(lone(Destination::NoData, contents));
        };
        let steers_both = service.steers.both();
        let key = (target.plan, kind, service.when_all_down, steers_both);
        if let Some(known) = self.plans.get(&key) {
            return Some(Arc::clone(known));
        }
        let distribution = Arc::new(self.distribution(key, contents));
        self.plans.insert(key, Arc::clone(&distribution));
        Some(distribution)
    }

    fn distribution(
        &mut self,
        (plan, kind, when_all_down, steers_both): (PlanId, Kind, WhenAllDown, bool),
        contents: &mut Contents,
    ) -> Distribution {
        let view = View { plans: &self.table.topology().plans, pools: self.table.pools(), kind, steers_both };
        let (mut cells, mut up): (Vec<Cell>, f64) = (Vec::new(), 0.0);
        shares(view, plan, when_all_down, &mut |given, share| {
            let Named { destination, pool, content } = match given {
                Given::Pool(pool, demand) => {
                    up += if matches!(demand, Demand::Up | Demand::UpWithoutWeight) { share } else { 0.0 };
                    self.pool(pool, demand, kind, contents)
                }
                Given::Nothing(Outcome::ServFail) => Named::nothing(Destination::ServFail, contents),
                Given::Nothing(_) => Named::nothing(Destination::NoData, contents),
            };
            cells.push(Cell { destination, pool, content, share });
        });
        let key = |cell: &Cell| (cell.destination, cell.pool, cell.content);
        cells.sort_by_key(key);
        cells.dedup_by(|later, first| {
            let same = key(later) == key(first);
            first.share += if same { later.share } else { 0.0 };
            same
        });
        Distribution { cells, up }
    }

    /// Destination and content of a pool's answers.
    fn pool(&mut self, id: PoolId, demand: Demand, kind: Kind, contents: &mut Contents) -> Named {
        if let Some(&known) = self.pools.get(&(id, demand, kind)) {
            return known;
        }
        let site = &self.table.topology().site;
        let found = site.pools.get(id.0 as usize).zip(self.table.pools().get(id));
        let Some((pool, liveness)) = found else { return Named::nothing(Destination::NoData, contents) };
        let data_center = pool.data_center.and_then(|id| site.data_centers.get(id.0 as usize));
        let destination = match data_center {
            Some(data_center) => Destination::DataCenter(data_center.name.to_string()),
            None => Destination::Pool(pool.name.to_string()),
        };
        let ready = liveness.ready(demand, kind);
        let named = ready.entries.iter().zip(within_pool(liveness, ready));
        let target = |endpoint: u16| pool.endpoints.get(usize::from(endpoint)).map(|endpoint| &endpoint.target);
        let content = contents.content(named.filter_map(|(entry, share)| Some((target(entry.endpoint)?, share))));
        let named = Named { destination: contents.destination(destination), pool: contents.pool(&pool.name), content };
        self.pools.insert((id, demand, kind), named);
        named
    }
}

/// What some of the clients are answered, as IDs of [`Contents`].
#[derive(Debug, Clone, Copy)]
struct Named {
    destination: u32,
    pool: u32,
    content: u32,
}

impl Named {
    /// No endpoint.
    fn nothing(destination: Destination, contents: &mut Contents) -> Named {
        Named { destination: contents.destination(destination), pool: NO_POOL, content: EMPTY }
    }
}

/// All clients at one destination, without endpoints.
pub(super) fn lone(destination: Destination, contents: &mut Contents) -> Arc<Distribution> {
    let cells = vec![whole(contents.destination(destination))];
    Arc::new(Distribution { cells, up: 0.0 })
}

fn whole(destination: u32) -> Cell {
    Cell { destination, pool: NO_POOL, content: EMPTY, share: 1.0 }
}
