//! Which data centers take clients, and which services have endpoints.

use std::collections::{HashMap, HashSet};

use gslb_core::dns::name::Name;
use gslb_core::site::model::{DataCenterId, PolicyId, PolicyKind, PoolId, Site};
use gslb_core::table::RoutingTable;

use super::kept::{self, Pools, takes_clients};

/// Data centers with a pool that takes clients. A drained one is up, but does not count.
pub(super) fn data_centers(table: &RoutingTable) -> HashSet<DataCenterId> {
    let pools = (0u32..).map(PoolId).zip(&table.topology().site.pools);
    pools.filter(|(id, _)| takes_clients(table, *id)).filter_map(|(_, pool)| pool.data_center).collect()
}

/// Services that lose their last endpoint from `old` to `new`, and services with clients in an `only` policy that does. Each as
/// text for a message.
pub(super) fn left_without_endpoints(old: &RoutingTable, new: &RoutingTable) -> Vec<String> {
    let before: HashMap<&Name, bool> = services(old).collect();
    let (was_empty, is_empty) = (kept::empty(old), kept::empty(new));
    let describe = |(name, has_endpoints): (&Name, bool)| {
        let had_endpoints = *before.get(name)?;
        if !has_endpoints {
            return had_endpoints.then(|| name.to_string());
        }
        let was_empty = was_empty.get(name);
        let is_new = |pools: &&Pools| was_empty.is_none_or(|all| all.iter().all(|old| old.is_disjoint(pools)));
        let pools = is_empty.get(name)?.iter().find(is_new)?;
        let pools = pools.iter().copied().collect::<Vec<_>>().join(", ");
        Some(format!("{name} (for clients that `only` keeps in {pools})"))
    };
    services(new).filter_map(describe).collect()
}

/// The services, each with whether it has endpoints for any client.
fn services(table: &RoutingTable) -> impl Iterator<Item = (&Name, bool)> {
    let alive = alive(table);
    let of = move |policy: PolicyId| alive.get(policy.0 as usize).copied().unwrap_or(false);
    table.topology().site.services.iter().map(move |service| (&service.name, of(service.policy)))
}

/// For each policy, whether a pool that it may choose takes clients. Children precede their parents.
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
