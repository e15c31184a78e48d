//! Simulates the loss of a data center, without changing anything.

mod witness;

use std::collections::HashSet;
use std::sync::Arc;

use gslb_core::diff::{self, Destination, Left, Loss, Sampled};
use gslb_core::health::Member;
use gslb_core::live::demand::Demand;
use gslb_core::live::pool::{Change, EndpointState, Kind};
use gslb_core::respond::Settings;
use gslb_core::site::model::{DataCenterId, PoolId, Service, Site};
use gslb_core::table::RoutingTable;

use crate::status::Reach;
use crate::types::{AddressType, AffectedClients, Drill, Failing, LossAnswer, OneLeft};
use witness::Finder;

/// Most queries that show the change.
const MAX_WITNESSES: usize = 16;

/// The effect of losing `data_center`, a number in the site of `table`.
pub(crate) fn drill(
    table: &RoutingTable,
    data_center: DataCenterId,
    settings: &Arc<Settings>,
    sample: &[Sampled],
) -> Drill {
    let site = &table.topology().site;
    let without = table.with_changes(&gone(table, data_center));
    let moves = diff::compare(table, &without, sample);
    let mut reach = Reach::default();
    let mut affected: Vec<(usize, Kind)> = Vec::new();
    for (number, service) in site.services.iter().enumerate() {
        let pools = reach.of(site, service);
        let kinds = steered(service).filter(|kind| answers_from(table, pools, data_center, *kind));
        affected.extend(kinds.map(|kind| (number, kind)));
    }
    let (failing, one_left) = divided(site, diff::losses(table, &without, data_center, sample));
    let name = site.data_centers.get(data_center.0 as usize).map(|it| it.name.to_string()).unwrap_or_default();
    let services = affected.iter().map(|(number, _)| number).collect::<HashSet<_>>().len();
    let finder = Finder::new(table, &without, data_center, settings);
    let witnesses = affected.iter().filter_map(|&(number, kind)| finder.find(number, kind));
    let witnesses = witnesses.take(MAX_WITNESSES).collect();
    Drill { data_center: name, services, moves, failing, one_left, witnesses }
}

/// Losses as shown: equal ones for A and AAAA are merged.
fn divided(site: &Site, losses: Vec<Loss>) -> (Vec<Failing>, Vec<OneLeft>) {
    let (mut failing, mut one_left) = (Vec::<Failing>::new(), Vec::<OneLeft>::new());
    for Loss { service, kind, left, all, extent, sampled, clients } in losses {
        let service = site.services.get(service as usize).map(|it| it.name.to_string()).unwrap_or_default();
        let clients = AffectedClients { all, extent, traffic: sampled, regions: clients };
        let types = vec![address_type(kind)];
        let gets = match left {
            Left::OnePlace(place) => {
                let left = place_name(place);
                let is_same = |it: &&mut OneLeft| it.service == service && it.left == left && it.clients == clients;
                match one_left.iter_mut().rev().take(SIDE_BY_SIDE).find(is_same) {
                    Some(same) => same.types.extend(types),
                    None => one_left.push(OneLeft { service, types, left, clients }),
                }
                continue;
            }
            Left::DeadEndpoint => LossAnswer::DeadEndpoint,
            Left::NoData => LossAnswer::NoData,
            Left::ServFail => LossAnswer::ServFail,
        };
        let is_same = |it: &&mut Failing| it.service == service && it.gets == gets && it.clients == clients;
        match failing.iter_mut().rev().take(SIDE_BY_SIDE).find(is_same) {
            Some(same) => same.types.extend(types),
            None => failing.push(Failing { service, types, gets, clients }),
        }
    }
    (failing, one_left)
}

/// How many previous entries are searched for an equal one.
const SIDE_BY_SIDE: usize = 64;

fn place_name(place: Destination) -> String {
    match place {
        Destination::DataCenter(name) => name,
        Destination::Pool(name) => format!("pool {name}"),
        // Losses name places that have endpoints.
        Destination::ZoneFile | Destination::NoData | Destination::ServFail | Destination::NoService => String::new(),
    }
}

/// The types of addresses that a service steers.
fn steered(service: &Service) -> impl Iterator<Item = Kind> {
    [(Kind::A, service.steers_a), (Kind::Aaaa, service.steers_aaaa)]
        .into_iter()
        .filter_map(|(kind, steers)| steers.then_some(kind))
}

/// The type of the addresses that a service steers; it never steers CNAME alone.
fn address_type(kind: Kind) -> AddressType {
    match kind {
        Kind::A | Kind::Cname => AddressType::A,
        Kind::Aaaa => AddressType::Aaaa,
    }
}

/// True if one of these pools is in the data center and has endpoints of the kind, up or down.
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
