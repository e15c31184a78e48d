//! Endpoints, pools and data centers that are up, and answers by pool.

use std::collections::BTreeMap;
use std::sync::Arc;

use gslb_core::site::model::{Pool, Site};
use gslb_core::table::{Published, RoutingTable};

use super::{Collector, Family};
use crate::capture::placeholder::NONE;
use crate::telemetry::ledger::Sums;

/// State in the published table.
pub fn collector(published: Arc<Published>) -> Collector {
    Collector::new("pools", move || {
        let table = Arc::clone(&published.load());
        let mut families = Vec::from(endpoints(&table));
        families.extend(data_centers(&table));
        families
    })
}

/// The name of a pool's data center, or `NONE`.
fn data_center<'s>(site: &'s Site, pool: &Pool) -> &'s str {
    let found = pool.data_center.and_then(|id| site.data_centers.get(id.0 as usize));
    found.map_or(NONE, |data_center| &*data_center.name)
}

fn endpoints(table: &RoutingTable) -> [Family; 4] {
    let site = &table.topology().site;
    let mut endpoints = Family::gauge("gslb_endpoint_up", "1 for an endpoint that is up.");
    let mut pools = Family::gauge("gslb_pool_up", "1 for a pool with enough endpoints up.");
    let mut of_pools = Family::gauge("gslb_pool_endpoints", "Endpoints of a pool.");
    let mut up_of_pools = Family::gauge("gslb_pool_endpoints_up", "Endpoints of a pool that are up.");
    for (pool, liveness) in site.pools.iter().zip(table.pools().iter()) {
        let labels = [("data_center", data_center(site, pool)), ("pool", &*pool.name)];
        pools.add(&labels, f64::from(u8::from(liveness.is_up())));
        of_pools.add(&labels, pool.endpoints.len() as f64);
        up_of_pools.add(&labels, f64::from(liveness.up));
        for (endpoint, state) in pool.endpoints.iter().zip(liveness.states()) {
            let labels = [labels[0], ("endpoint", &*endpoint.name), labels[1]];
            endpoints.add(&labels, f64::from(u8::from(state.up)));
        }
    }
    [endpoints, pools, of_pools, up_of_pools]
}

/// A data center is up if a pool in it is up and takes clients, and drained if pools are up but none takes clients.
fn data_centers(table: &RoutingTable) -> [Family; 2] {
    let site = &table.topology().site;
    let mut found: BTreeMap<&str, (bool, bool)> =
        site.data_centers.iter().map(|data_center| (&*data_center.name, (false, false))).collect();
    for (pool, liveness) in site.pools.iter().zip(table.pools().iter()).filter(|(_, liveness)| liveness.is_up()) {
        let Some((is_up, takes_clients)) = found.get_mut(data_center(site, pool)) else { continue };
        *is_up = true;
        if liveness.states().iter().any(|state| state.up && state.weight > 0) {
            *takes_clients = true;
        }
    }
    let help = "1 for a data center with a pool that is up and takes clients; 0 if all pools that are up are drained.";
    let mut up = Family::gauge("gslb_data_center_up", help);
    let help = "1 for a data center whose pools that are up are all drained.";
    let mut drained = Family::gauge("gslb_data_center_drained", help);
    for (name, (is_up, takes_clients)) in found {
        up.add(&[("data_center", name)], f64::from(u8::from(is_up && takes_clients)));
        drained.add(&[("data_center", name)], f64::from(u8::from(is_up && !takes_clients)));
    }
    [up, drained]
}

/// Answers by pool, from `sums`.
pub(super) fn answers(sums: &Sums) -> Family {
    let help = "Answers that name endpoints of a pool, by pool and its data center.";
    let mut family = Family::counter("gslb_pool_answers_total", help);
    let site = &sums.counts.topology().site;
    for (pool, &count) in site.pools.iter().zip(&sums.pools) {
        family.add(&[("data_center", data_center(site, pool)), ("pool", &pool.name)], count as f64);
    }
    family
}
