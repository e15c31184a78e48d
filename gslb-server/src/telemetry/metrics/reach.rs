//! The pools that a service's policy can use, and how many of them are up.

use std::collections::HashSet;

use gslb_core::site::model::{PolicyId, PolicyKind, PoolId, Service, Site};
use gslb_core::table::RoutingTable;

/// Number of pools in the policy of `service`, and how many of them are up. The pool of last resort does not count.
pub(super) fn pools(table: &RoutingTable, service: &Service) -> (usize, usize) {
    let mut pools = HashSet::new();
    gather(&table.topology().site, service.policy, &mut pools);
    let is_up = |id: &&PoolId| table.pools().get(**id).is_some_and(|liveness| liveness.is_up());
    (pools.len(), pools.iter().filter(is_up).count())
}

fn gather(site: &Site, policy: PolicyId, pools: &mut HashSet<PoolId>) {
    let Some(policy) = site.policies.get(policy.0 as usize) else { return };
    match &policy.kind {
        PolicyKind::Pool(pool) => drop(pools.insert(*pool)),
        PolicyKind::Geo { branches, default } => {
            let all = branches.iter().map(|(_, branch)| branch).chain([default]);
            all.for_each(|&branch| gather(site, branch, pools));
        }
        PolicyKind::Failover(list) => list.iter().for_each(|&next| gather(site, next, pools)),
        PolicyKind::Only(next) => gather(site, *next, pools),
        PolicyKind::Weighted(list) => list.iter().for_each(|&(next, _)| gather(site, next, pools)),
        PolicyKind::Nearest(list) | PolicyKind::Latency(list) | PolicyKind::Hash(list) | PolicyKind::All(list) => {
            pools.extend(list)
        }
    }
}
