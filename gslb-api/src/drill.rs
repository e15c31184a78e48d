//! What would be answered if a data center were gone, worked out without touching anything.

mod witness;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use gslb_core::health::Member;
use gslb_core::model::{DataCenterId, PoolId, Service, Site};
use gslb_core::plan::{self, Comparison};
use gslb_core::respond::Settings;
use gslb_core::steer::trace::Demand;
use gslb_core::table::RoutingTable;
use gslb_core::table::liveness::{Change, EndpointState, Kind};
use serde::Serialize;

use crate::status::Reach;
use witness::{Finder, Witness};

/// Queries that show the change, at most.
const MAX_WITNESSES: usize = 16;

/// What would come of it.
#[derive(Debug, Serialize)]
pub(crate) struct Drill {
    /// Which one.
    pub data_center: String,
    /// The services that answer from it, or could.
    pub services: usize,
    /// Whose answers would move, and where to.
    pub moves: Comparison,
    /// Services of which no client would get an endpoint that is up, for some type that it steers.
    pub failing: Vec<Failing>,
    /// Services that only one data center would be left for, for some type, each with that one.
    pub one_left: Vec<OneLeft>,
    /// Queries that name the data center now, by which a real drill can be watched.
    pub witnesses: Vec<Witness>,
}

/// A service that would have nothing.
#[derive(Debug, Serialize)]
pub(crate) struct Failing {
    /// Its name.
    pub service: String,
    /// For which types: `A`, `AAAA`.
    pub types: Vec<&'static str>,
}

/// A service that would have one place.
#[derive(Debug, Serialize)]
pub(crate) struct OneLeft {
    /// Its name.
    pub service: String,
    /// For which types: `A`, `AAAA`.
    pub types: Vec<&'static str>,
    /// The place: a data center, or a pool outside of any.
    pub left: String,
}

/// What would come of the loss of `data_center`, by its number in the site of `table`.
pub(crate) fn drill(table: &RoutingTable, data_center: DataCenterId, settings: &Arc<Settings>) -> Drill {
    let site = &table.topology().site;
    let without = table.with_changes(&gone(table, data_center));
    let moves = plan::compare(table, &without, &[]);
    let (mut reach, mut failing, mut one_left) = (Reach::default(), Vec::new(), Vec::new());
    let mut affected: Vec<(usize, Kind)> = Vec::new();
    for (number, service) in site.services.iter().enumerate() {
        let pools = reach.of(site, service);
        let (mut nothing, mut alone) = (Vec::new(), BTreeMap::<String, Vec<_>>::new());
        for kind in steered(service).filter(|kind| answers_from(table, pools, data_center, *kind)) {
            affected.push((number, kind));
            let mut left = places(site, &without, pools, kind);
            match (left.pop_first(), left.is_empty()) {
                (None, _) => nothing.push(word(kind)),
                // One that has no other place even now is told too: that is what a drill is for.
                (Some(left), true) => alone.entry(left).or_default().push(word(kind)),
                _ => {}
            }
        }
        let name = || service.name.to_string();
        if !nothing.is_empty() {
            failing.push(Failing { service: name(), types: nothing });
        }
        one_left.extend(alone.into_iter().map(|(left, types)| OneLeft { service: name(), types, left }));
    }
    let name = site.data_centers.get(data_center.0 as usize).map(|it| it.name.to_string()).unwrap_or_default();
    let services = affected.iter().map(|(number, _)| number).collect::<HashSet<_>>().len();
    let finder = Finder::new(table, &without, data_center, settings);
    let witnesses = affected.iter().filter_map(|&(number, kind)| finder.find(number, kind));
    let witnesses = witnesses.take(MAX_WITNESSES).collect();
    Drill { data_center: name, services, moves, failing, one_left, witnesses }
}

/// The types of addresses that a service steers.
fn steered(service: &Service) -> impl Iterator<Item = Kind> {
    [(Kind::A, service.steers_a), (Kind::Aaaa, service.steers_aaaa)]
        .into_iter()
        .filter_map(|(kind, steers)| steers.then_some(kind))
}

fn word(kind: Kind) -> &'static str {
    match kind {
        Kind::A => "A",
        Kind::Aaaa => "AAAA",
        Kind::Cname => "CNAME",
    }
}

/// True where some of these pools is in the data center and has endpoints of the kind, up or down.
fn answers_from(table: &RoutingTable, pools: &HashSet<PoolId>, data_center: DataCenterId, kind: Kind) -> bool {
    let has_kind = |id: &PoolId| table.pools().get(*id).is_some_and(|pool| !pool.ready(Demand::Any, kind).is_empty());
    pools.iter().any(|id| pool_is_in(&table.topology().site, *id, data_center) && has_kind(id))
}

/// All endpoints of a data center, down.
fn gone(table: &RoutingTable, data_center: DataCenterId) -> Vec<Change> {
    let site = &table.topology().site;
    let pools = (0..).map(PoolId).zip(&site.pools).filter(|(_, pool)| pool.data_center == Some(data_center));
    let members =
        pools.flat_map(|(pool, it)| (0..it.endpoints.len() as u32).map(move |endpoint| Member { pool, endpoint }));
    let down = |Member { pool, endpoint }: Member| {
        let state = EndpointState { up: false, ..table.state(pool, endpoint)? };
        Some(Change { pool, endpoint, state })
    };
    members.filter_map(down).collect()
}

fn pool_is_in(site: &Site, id: PoolId, data_center: DataCenterId) -> bool {
    site.pools.get(id.0 as usize).is_some_and(|pool| pool.data_center == Some(data_center))
}

/// Where pools are that have endpoints of the kind to answer with: data centers, or the pools themselves outside of any.
fn places<'p>(
    site: &Site,
    table: &RoutingTable,
    pools: impl IntoIterator<Item = &'p PoolId>,
    kind: Kind,
) -> BTreeSet<String> {
    let is_up =
        |id: PoolId| table.pools().get(id).is_some_and(|pool| !pool.ready(Demand::UpWithoutWeight, kind).is_empty());
    let place = |id: &PoolId| {
        let pool = site.pools.get(id.0 as usize)?;
        let data_center = pool.data_center.and_then(|id| site.data_centers.get(id.0 as usize));
        Some(data_center.map_or_else(|| format!("pool {}", pool.name), |it| it.name.to_string()))
    };
    pools.into_iter().filter(|id| is_up(**id)).filter_map(place).collect()
}
