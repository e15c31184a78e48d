//! What would be answered if a data center were gone, worked out without touching anything.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Arc;

use gslb_core::explain::response::Response;
use gslb_core::explain::{Question, explain};
use gslb_core::health::Member;
use gslb_core::model::{DataCenterId, PoolId, Service, Site, Target};
use gslb_core::plan::{self, Comparison};
use gslb_core::rdata;
use gslb_core::respond::Settings;
use gslb_core::table::RoutingTable;
use gslb_core::table::liveness::{Change, EndpointState};
use ipnet::IpNet;
use serde::Serialize;

use crate::status::Reach;

/// Queries that show the change, at most.
const MAX_WITNESSES: usize = 8;
/// Networks that are tried for each service to find such a query.
const TRIED: usize = 2000;

/// What would come of it.
#[derive(Debug, Serialize)]
pub(crate) struct Drill {
    /// Which one.
    pub data_center: String,
    /// The services that answer from it, or could.
    pub services: usize,
    /// Whose answers would move, and where to.
    pub moves: Comparison,
    /// Services of which no client would get an endpoint that is up.
    pub failing: Vec<String>,
    /// Services that only one data center would be left for, each with that one.
    pub one_left: Vec<OneLeft>,
    /// Queries that name the data center now, by which a real drill can be watched.
    pub witnesses: Vec<Witness>,
}

/// A service that would have one place.
#[derive(Debug, Serialize)]
pub(crate) struct OneLeft {
    /// Its name.
    pub service: String,
    /// The place: a data center, or a pool outside of any.
    pub left: String,
}

/// A query, and what it gets now.
#[derive(Debug, Serialize)]
pub(crate) struct Witness {
    /// Its name.
    pub name: String,
    /// `A` or `AAAA`.
    #[serde(rename = "type")]
    pub rtype: &'static str,
    /// The client network that is told with it.
    pub client: String,
    /// Addresses of the data center that may be answered.
    pub addresses: Vec<IpAddr>,
}

/// What would come of the loss of `data_center`, by its number in the site of `table`.
pub(crate) fn drill(table: &RoutingTable, data_center: DataCenterId, settings: &Arc<Settings>) -> Drill {
    let site = &table.topology().site;
    let without = table.with_changes(&gone(table, data_center));
    let moves = plan::compare(table, &without, &[]);
    let is_there = |id: &PoolId| pool_is_in(site, *id, data_center);
    let (mut reach, mut failing, mut one_left, mut services) = (Reach::default(), Vec::new(), Vec::new(), 0);
    for service in &site.services {
        let pools = reach.of(site, service);
        if !pools.iter().any(is_there) {
            continue;
        }
        services += 1;
        let mut left = places(site, &without, pools);
        match (left.pop_first(), left.is_empty()) {
            (None, _) => failing.push(service.name.to_string()),
            // One that has no other place even now is told too: that is what a drill is for.
            (Some(left), true) => one_left.push(OneLeft { service: service.name.to_string(), left }),
            _ => {}
        }
    }
    let name = site.data_centers.get(data_center.0 as usize).map(|it| it.name.to_string()).unwrap_or_default();
    let affected = site.services.iter().filter(|service| reach.of(site, service).iter().any(is_there));
    let witnesses = affected.filter_map(|service| witness(table, service, data_center, settings));
    let witnesses = witnesses.take(MAX_WITNESSES).collect();
    Drill { data_center: name, services, moves, failing, one_left, witnesses }
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

/// Where pools are that are up: data centers, or the pools themselves outside of any.
fn places<'p>(site: &Site, table: &RoutingTable, pools: impl IntoIterator<Item = &'p PoolId>) -> BTreeSet<String> {
    let up = pools.into_iter().filter(|id| table.pools().get(**id).is_some_and(|pool| pool.is_up()));
    let place = |id: &PoolId| {
        let pool = site.pools.get(id.0 as usize)?;
        let data_center = pool.data_center.and_then(|id| site.data_centers.get(id.0 as usize));
        Some(data_center.map_or_else(|| format!("pool {}", pool.name), |it| it.name.to_string()))
    };
    up.filter_map(place).collect()
}

/// A client of `service` that is answered from `data_center` now, where one is found soon.
fn witness(
    table: &RoutingTable,
    service: &Service,
    data_center: DataCenterId,
    settings: &Arc<Settings>,
) -> Option<Witness> {
    let site = &table.topology().site;
    let pools = site.pools.iter().filter(|pool| pool.data_center == Some(data_center));
    let addresses: Vec<IpAddr> = pools
        .flat_map(|pool| &pool.endpoints)
        .filter_map(|endpoint| if let Target::Address(address) = endpoint.target { Some(address) } else { None })
        .collect();
    let rtype = if service.steers_a { "A" } else { "AAAA" };
    let qtype = rdata::type_from_text(rtype)?;
    // A wildcard is asked for by a name below it.
    let text = service.name.to_string();
    let name = text.strip_prefix("*.").map_or_else(|| text.clone(), |rest| format!("gslb-drill.{rest}"));
    let name: gslb_core::name::Name = name.parse().ok()?;
    let starts = &table.topology().index.v4.starts;
    let step = (starts.len() / TRIED).max(1);
    starts.iter().step_by(step).find_map(|start| {
        let client = IpNet::new(IpAddr::V4((*start).into()), 24).ok()?.trunc();
        let question =
            Question { name: name.clone(), qtype, client: Some(client), resolver: IpAddr::from([127, 0, 0, 1]) };
        let response = Response::parse(&explain(table, Arc::clone(settings), question, 0).response).ok()?;
        let answer = response.sections.first()?;
        let named = answer.iter().filter_map(|record| rdata::to_text(record.rtype, &record.rdata).parse().ok());
        let is_there = named.into_iter().any(|address: IpAddr| addresses.contains(&address));
        is_there.then(|| Witness {
            name: name.to_string(),
            rtype,
            client: client.to_string(),
            addresses: addresses.clone(),
        })
    })
}
