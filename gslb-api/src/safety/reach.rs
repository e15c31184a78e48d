//! Which data centers take clients, and which services have somebody to answer with.

use std::collections::HashSet;

use gslb_core::model::{DataCenterId, PolicyId, PolicyKind, PoolId, Site};
use gslb_core::name::Name;
use gslb_core::table::RoutingTable;

/// The data centers with a pool that takes clients. One that is drained is up, but nobody to rely on.
pub(super) fn data_centers(table: &RoutingTable) -> HashSet<DataCenterId> {
    let pools = (0u32..).map(PoolId).zip(&table.topology().site.pools);
    pools.filter(|(id, _)| takes_clients(table, *id)).filter_map(|(_, pool)| pool.data_center).collect()
}

/// Services that have endpoints in `old`, and are there without any in `new`.
pub(super) fn left_without_endpoints(old: &RoutingTable, new: &RoutingTable) -> Vec<String> {
    let bare: Vec<&Name> = names(new, false).collect();
    if bare.is_empty() {
        return Vec::new();
    }
    let before: HashSet<&Name> = names(old, true).collect();
    bare.into_iter().filter(|name| before.contains(name)).map(ToString::to_string).collect()
}

/// Names of the services that have endpoints, or of those that have none.
fn names(table: &RoutingTable, with_endpoints: bool) -> impl Iterator<Item = &Name> {
    let alive = alive(table);
    let has = move |policy: PolicyId| alive.get(policy.0 as usize).copied().unwrap_or(false);
    let services = table.topology().site.services.iter();
    services.filter(move |service| has(service.policy) == with_endpoints).map(|service| &service.name)
}

/// For each policy, whether some pool that it may come to takes clients. Children stand before those that name them.
fn alive(table: &RoutingTable) -> Vec<bool> {
    let site: &Site = &table.topology().site;
    let mut alive: Vec<bool> = Vec::with_capacity(site.policies.len());
    for policy in &site.policies {
        let of = |id: &PolicyId| alive.get(id.0 as usize).copied().unwrap_or(false);
        let takes = |id: &PoolId| takes_clients(table, *id);
        alive.push(match &policy.kind {
            PolicyKind::Pool(pool) => takes(pool),
            PolicyKind::Geo { branches, default } => of(default) || branches.iter().any(|(_, branch)| of(branch)),
            PolicyKind::Failover(list) => list.iter().any(of),
            PolicyKind::Only(id) => of(id),
            PolicyKind::Weighted(list) => list.iter().any(|(id, _)| of(id)),
            PolicyKind::Nearest(pools)
            | PolicyKind::Latency(pools)
            | PolicyKind::Hash(pools)
            | PolicyKind::All(pools) => pools.iter().any(takes),
        });
    }
    alive
}

/// Whether a pool is up, with an endpoint that is up and has weight.
fn takes_clients(table: &RoutingTable, pool: PoolId) -> bool {
    table
        .pools()
        .get(pool)
        .is_some_and(|liveness| liveness.is_up() && liveness.states().iter().any(|state| state.up && state.weight > 0))
}
