//! Computes what the clients of each service would still get when endpoints go down. It works per client class: a
//! service can be fine for most clients and still fail others.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};

use super::area::Area;
use super::comparison::{Destination, Families, Sampled};
use super::space::Space;
use super::summary::{Amounts, families, gather};
use super::{MAX_MOVES, Pair};
use crate::live::demand::Demand;
use crate::live::pool::Kind;
use crate::site::model::{DataCenterId, PoolId};
use crate::steer::outcome::Outcome;
use crate::steer::shares::{Given, shares};
use crate::steer::view::View;
use crate::table::{RoutingTable, Service};

/// What clients of a lost data center would get instead.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Left {
    /// Endpoints that are up, all in this one location.
    OnePlace(Destination),
    /// Only endpoints that are down.
    DeadEndpoint,
    /// NODATA.
    NoData,
    /// SERVFAIL.
    ServFail,
}

/// Clients of a service that would get the same, for one query type.
#[derive(Debug, Clone, PartialEq)]
pub struct Loss {
    /// Index of the service in the site.
    pub service: u32,
    /// The kind of answers.
    pub kind: Kind,
    /// What they would get.
    pub left: Left,
    /// True if these are all clients of the service.
    pub all: bool,
    /// Their part of the address space.
    pub extent: Families,
    /// Their share of the service's sampled queries, from 0 to 1; absent without a sample of the service.
    pub sampled: Option<f64>,
    /// Their locations, largest address space first; at most [`MAX_MOVES`](super::MAX_MOVES).
    pub clients: Vec<Clients>,
}

/// Clients in one region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Clients {
    /// The region, as in [`Move::region`](super::Move::region); absent for clients outside all regions.
    #[cfg_attr(feature = "schema", schema(required = true))]
    pub region: Option<String>,
    /// Their part of the address space.
    #[serde(flatten)]
    pub extent: Families,
}

/// What clients would get if all endpoints of `data_center` were down, as in `without`, which has the topology of
/// `table`. It covers only clients that may be sent there now and would have one location left, or none.
pub fn losses(
    table: &RoutingTable,
    without: &RoutingTable,
    data_center: DataCenterId,
    sample: &[Sampled],
) -> Vec<Loss> {
    let topology = table.topology();
    let space = Space::of(table, without);
    let sampled = BySample::of(table, sample);
    let (mut areas, mut groups) = (HashMap::new(), HashMap::new());
    let mut losses = Vec::new();
    for (number, service) in (0u32..).zip(&*topology.services) {
        let areas: &Vec<Area> = areas
            .entry(service.column)
            .or_insert_with(|| space.areas(&Pair { old: service.column, new: service.column }));
        let key = (service.column, service.targets.as_ptr(), service.steers, service.when_all_down);
        let group: &Vec<Group> = groups.entry(key).or_insert_with(|| {
            let outlook = LossSearch { table, without, data_center, service };
            kinds(service).flat_map(|kind| outlook.groups(kind, areas, &space)).collect()
        });
        losses.extend(group.iter().map(|group| {
            let Group { kind, left, all, extent, clients, classes } = group;
            let sampled = sampled.share(number, classes);
            Loss {
                service: number,
                kind: *kind,
                left: left.clone(),
                all: *all,
                extent: *extent,
                sampled,
                clients: clients.clone(),
            }
        }));
    }
    losses
}

/// The kinds of answers that a service steers.
fn kinds(service: &Service) -> impl Iterator<Item = Kind> {
    let steers = service.steers;
    let kinds = [(Kind::A, steers.a), (Kind::Aaaa, steers.aaaa)];
    kinds.into_iter().filter_map(|(kind, steers)| steers.then_some(kind))
}

/// Clients that would get the same, for all services that are alike.
struct Group {
    kind: Kind,
    left: Left,
    all: bool,
    extent: Families,
    clients: Vec<Clients>,
    classes: BTreeSet<u32>,
}

/// The clients by region, and their classes.
type Losers = (BTreeMap<Option<u32>, Amounts>, BTreeSet<u32>);

/// A service before and after.
struct LossSearch<'t> {
    table: &'t RoutingTable,
    without: &'t RoutingTable,
    data_center: DataCenterId,
    service: &'t Service,
}

impl LossSearch<'_> {
    fn groups(&self, kind: Kind, areas: &[Area], space: &Space<'_>) -> Vec<Group> {
        let mut known: HashMap<u32, Option<Left>> = HashMap::new();
        let mut found: BTreeMap<Left, Losers> = BTreeMap::new();
        let mut classes = BTreeSet::new();
        for area in areas {
            classes.insert(area.old);
            let left = known.entry(area.old).or_insert_with(|| self.left(kind, area.old));
            if let Some(left) = left {
                let (regions, classes) = found.entry(left.clone()).or_default();
                gather(regions.entry(area.region).or_default(), area, 1.0);
                classes.insert(area.old);
            }
        }
        let group = |(left, (regions, of)): (Left, Losers)| {
            let mut sum = Amounts::default();
            for amounts in regions.values() {
                for (sum, amount) in sum.iter_mut().zip(amounts) {
                    *sum = (sum.0 + amount.0, sum.1 + amount.1);
                }
            }
            let to_clients = |(region, amounts): (&Option<u32>, &Amounts)| Clients {
                region: space.region(*region),
                extent: families(amounts, space),
            };
            let mut clients: Vec<Clients> = regions.iter().map(to_clients).collect();
            let size = |it: &Clients| it.extent.v4.share + it.extent.v6.share;
            clients.sort_by(|a, b| size(b).total_cmp(&size(a)).then_with(|| a.region.cmp(&b.region)));
            clients.truncate(MAX_MOVES);
            let all = of == classes;
            Group { kind, left, all, extent: families(&sum, space), clients, classes: of }
        };
        found.into_iter().map(group).collect()
    }

    /// What the clients of a class would get; `None` if they lose nothing, or have more than one location left.
    fn left(&self, kind: Kind, class: u32) -> Option<Left> {
        let plans = &self.table.topology().plans;
        let plan = self.service.targets.get(class as usize)?.plan;
        let mut pools: Vec<PoolId> = Vec::new();
        plans.each_pool(plan, &mut |pool| pools.push(pool));
        if !pools.iter().any(|pool| self.loses(*pool, kind)) {
            return None;
        }
        let steers_both = self.service.steers.both();
        let view = View { plans, pools: self.without.pools(), kind, steers_both };
        // In a draw, some clients may lose everything: those drawn into an `only` that is down.
        let (mut worst, mut has_kind) = (None::<Left>, false);
        shares(view, plan, self.service.when_all_down, &mut |given, _| {
            let left = match given {
                Given::Pool(pool, Demand::Up | Demand::UpWithoutWeight) => {
                    // Include the last-resort pool.
                    pools.push(pool);
                    None
                }
                Given::Pool(..) => Some(Left::DeadEndpoint),
                Given::Nothing(Outcome::ServFail) => Some(Left::ServFail),
                // These clients never had such an endpoint.
                Given::Nothing(Outcome::NoSuchKind) => return,
                Given::Nothing(_) => Some(Left::NoData),
            };
            has_kind = true;
            worst = worst.take().max(left);
        });
        if worst.is_some() || !has_kind {
            return worst;
        }
        let mut places: BTreeSet<Destination> =
            pools.into_iter().filter(|pool| self.is_left(*pool, kind)).filter_map(|pool| self.place(pool)).collect();
        match (places.pop_first(), places.is_empty()) {
            // Also report clients that have no second location even now: a drill must show them.
            (Some(place), true) => Some(Left::OnePlace(place)),
            _ => None,
        }
    }

    /// True if the pool is in the data center and has endpoints of the kind, up or down.
    fn loses(&self, id: PoolId, kind: Kind) -> bool {
        let pool = self.table.topology().site.pools.get(id.0 as usize);
        let has_kind = || self.table.pools().get(id).is_some_and(|pool| !pool.ready(Demand::Any, kind).is_empty());
        pool.is_some_and(|pool| pool.data_center == Some(self.data_center)) && has_kind()
    }

    fn is_left(&self, id: PoolId, kind: Kind) -> bool {
        self.without.pools().get(id).is_some_and(|pool| !pool.ready(Demand::UpWithoutWeight, kind).is_empty())
    }

    fn place(&self, id: PoolId) -> Option<Destination> {
        let site = &self.table.topology().site;
        let pool = site.pools.get(id.0 as usize)?;
        let data_center = pool.data_center.and_then(|id| site.data_centers.get(id.0 as usize));
        Some(data_center.map_or_else(
            || Destination::Pool(pool.name.to_string()),
            |data_center| Destination::DataCenter(data_center.name.to_string()),
        ))
    }
}

/// Sampled queries by service and client class.
struct BySample(HashMap<u32, HashMap<u32, u64>>);

impl BySample {
    fn of(table: &RoutingTable, sample: &[Sampled]) -> Self {
        let topology = table.topology();
        let mut all: HashMap<u32, HashMap<u32, u64>> = HashMap::new();
        for query in sample {
            let service = topology.services.get(query.service as usize);
            let column = service.and_then(|service| topology.columns.get(service.column as usize));
            let class = column.map_or(0, |column| column.locate(query.client.network()).class);
            *all.entry(query.service).or_default().entry(class).or_default() += query.weight;
        }
        Self(all)
    }

    /// The share of these classes in the service's sample.
    fn share(&self, service: u32, classes: &BTreeSet<u32>) -> Option<f64> {
        let of = self.0.get(&service)?;
        let (total, part) = of.iter().fold((0u64, 0u64), |(total, part), (class, weight)| {
            (total.saturating_add(*weight), part + if classes.contains(class) { *weight } else { 0 })
        });
        (total > 0).then(|| part as f64 / total as f64)
    }
}
