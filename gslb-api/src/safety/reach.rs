//! Which data centers take clients, and which services have somebody to answer with.

use std::collections::{HashMap, HashSet};

use gslb_core::dns::name::Name;
use gslb_core::site::model::{DataCenterId, PolicyId, PolicyKind, PoolId, Site};
use gslb_core::table::RoutingTable;

/// The data centers with a pool that takes clients. One that is drained is up, but nobody to rely on.
pub(super) fn data_centers(table: &RoutingTable) -> HashSet<DataCenterId> {
    let pools = (0u32..).map(PoolId).zip(&table.topology().site.pools);
    pools.filter(|(id, _)| takes_clients(table, *id)).filter_map(|(_, pool)| pool.data_center).collect()
}

/// Services that have endpoints in `old` and are there without any in `new`; and those of which a client who is kept in an
/// `only` has none in `new`, where every such client had some in `old`. Each is told in the words of a sentence.
pub(super) fn left_without_endpoints(old: &RoutingTable, new: &RoutingTable) -> Vec<String> {
    let bare: Vec<(&Name, Reached)> = services(new).filter(|(_, reached)| *reached != Reached::All).collect();
    if bare.is_empty() {
        return Vec::new();
    }
    let before: HashMap<&Name, Reached> = services(old).collect();
    let told = |(name, reached): (&Name, Reached)| match (before.get(name)?, reached) {
        (Reached::All | Reached::SomeKept, Reached::None) => Some(name.to_string()),
        (Reached::All, Reached::SomeKept) => Some(format!("{name} (for clients that `only` keeps)")),
        _ => None,
    };
    bare.into_iter().filter_map(told).collect()
}

/// Who of a service's clients has endpoints.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Reached {
    /// Somebody has, and nobody is kept in an `only` without any.
    All,
    /// Somebody has, and those who are kept in some `only` have none.
    SomeKept,
    /// Nobody has.
    None,
}

/// The services, each with who of its clients has endpoints.
fn services(table: &RoutingTable) -> impl Iterator<Item = (&Name, Reached)> {
    let (alive, kept) = (alive(table), kept(table));
    let of = |list: &[bool], policy: PolicyId| list.get(policy.0 as usize).copied().unwrap_or(false);
    table.topology().site.services.iter().map(move |service| {
        let reached = match (of(&alive, service.policy), of(&kept, service.policy)) {
            (false, _) => Reached::None,
            (true, true) => Reached::SomeKept,
            (true, false) => Reached::All,
        };
        (&service.name, reached)
    })
}

/// For each policy, whether it may come to an `only` below which no pool takes clients: those who come to it stay there.
fn kept(table: &RoutingTable) -> Vec<bool> {
    let (site, alive): (&Site, _) = (&table.topology().site, alive(table));
    let mut kept: Vec<bool> = Vec::with_capacity(site.policies.len());
    for policy in &site.policies {
        let of = |id: &PolicyId| kept.get(id.0 as usize).copied().unwrap_or(false);
        let lives = |id: &PolicyId| alive.get(id.0 as usize).copied().unwrap_or(false);
        kept.push(match &policy.kind {
            // What is kept within is a part of what is kept here.
            PolicyKind::Only(id) => of(id) || !lives(id),
            PolicyKind::Geo { branches, default } => of(default) || branches.iter().any(|(_, branch)| of(branch)),
            // Candidates behind one that is alive, as a whole, are come to by nobody.
            PolicyKind::Failover(list) => {
                let end = list.iter().position(|id| lives(id) && !of(id)).map_or(list.len(), |at| at + 1);
                list.iter().take(end).any(of)
            }
            PolicyKind::Weighted(list) => list.iter().any(|(id, weight)| *weight > 0 && of(id)),
            PolicyKind::Pool(_)
            | PolicyKind::Nearest(_)
            | PolicyKind::Latency(_)
            | PolicyKind::Hash(_)
            | PolicyKind::All(_) => false,
        });
    }
    kept
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
