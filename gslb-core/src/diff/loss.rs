//! What the clients of each service are left with when endpoints go down, class by class: a service whose other clients are
//! fine still fails those who have nothing left.

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

/// What clients who may be answered from a lost data center would be answered instead.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Left {
    /// Endpoints that are up, all of them in this one place.
    OnePlace(Destination),
    /// Endpoints that are down: nothing else is left.
    DeadEndpoint,
    /// No endpoint, by NODATA.
    NoData,
    /// No endpoint, by SERVFAIL.
    ServFail,
}

/// Clients of a service who are left with the same, for one type.
#[derive(Debug, Clone, PartialEq)]
pub struct Loss {
    /// Index of the service in the site.
    pub service: u32,
    /// The kind of answers.
    pub kind: Kind,
    /// What they are left with.
    pub left: Left,
    /// True where these are all clients of the service.
    pub all: bool,
    /// How much of the address space they are.
    pub extent: Families,
    /// Share of the service's sampled queries that came from them, from 0 to 1; none without a sample of the service.
    pub sampled: Option<f64>,
    /// Where they are, the most address space first; at most [`MAX_MOVES`](super::MAX_MOVES).
    pub clients: Vec<Clients>,
}

/// Clients in one region.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct Clients {
    /// The region, as of [`Move::region`](super::Move::region); none for clients in no region.
    #[cfg_attr(feature = "schema", schema(required = true))]
    pub region: Option<String>,
    /// How much of the address space they are.
    #[serde(flatten)]
    pub extent: Families,
}

/// What clients would be left with if all endpoints of `data_center` were down, as they are in `without`, which has the
/// topology of `table`: those clients only who may be answered from it now, and who would have one place or nothing.
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
            let outlook = Outlook { table, without, data_center, service };
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

/// The kinds of answers that a service gives itself.
fn kinds(service: &Service) -> impl Iterator<Item = Kind> {
    let steers = service.steers;
    let kinds = [(Kind::A, steers.a), (Kind::Aaaa, steers.aaaa)];
    kinds.into_iter().filter_map(|(kind, steers)| steers.then_some(kind))
}

/// Clients who are left with the same, of all services that are alike.
struct Group {
    kind: Kind,
    left: Left,
    all: bool,
    extent: Families,
    clients: Vec<Clients>,
    classes: BTreeSet<u32>,
}

/// By region how many clients there are, and the classes that they are of.
type Losers = (BTreeMap<Option<u32>, Amounts>, BTreeSet<u32>);

/// A service before and after.
struct Outlook<'t> {
    table: &'t RoutingTable,
    without: &'t RoutingTable,
    data_center: DataCenterId,
    service: &'t Service,
}

impl Outlook<'_> {
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
            let told = |(region, amounts): (&Option<u32>, &Amounts)| Clients {
                region: space.region(*region),
                extent: families(amounts, space),
            };
            let mut clients: Vec<Clients> = regions.iter().map(told).collect();
            let size = |it: &Clients| it.extent.v4.share + it.extent.v6.share;
            clients.sort_by(|a, b| size(b).total_cmp(&size(a)).then_with(|| a.region.cmp(&b.region)));
            clients.truncate(MAX_MOVES);
            let all = of == classes;
            Group { kind, left, all, extent: families(&sum, space), clients, classes: of }
        };
        found.into_iter().map(group).collect()
    }

    /// What the clients of a class are left with; none where they lose nothing, or have more than one place left.
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
        // Of a draw, some clients may be left with nothing: those who are drawn into an `only` that is down.
        let (mut worst, mut has_kind) = (None::<Left>, false);
        shares(view, plan, self.service.when_all_down, &mut |given, _| {
            let left = match given {
                Given::Pool(pool, Demand::Up | Demand::UpWithoutWeight) => {
                    // The pool of last resort, too.
                    pools.push(pool);
                    None
                }
                Given::Pool(..) => Some(Left::DeadEndpoint),
                Given::Nothing(Outcome::ServFail) => Some(Left::ServFail),
                // There never was such an endpoint for them.
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
            // One that has no other place even now is told too: that is what a drill is for.
            (Some(place), true) => Some(Left::OnePlace(place)),
            _ => None,
        }
    }

    /// True where the pool is in the data center and has endpoints of the kind, up or down.
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

/// Sampled queries by service, and by the class of the client.
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

    /// The share of these classes in what was sampled of the service.
    fn share(&self, service: u32, classes: &BTreeSet<u32>) -> Option<f64> {
        let of = self.0.get(&service)?;
        let (total, part) = of.iter().fold((0u64, 0u64), |(total, part), (class, weight)| {
            (total.saturating_add(*weight), part + if classes.contains(class) { *weight } else { 0 })
        });
        (total > 0).then(|| part as f64 / total as f64)
    }
}
