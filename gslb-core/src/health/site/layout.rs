//! Where hosts are and which pools belong together, so that the mass-failure guard can tell a dead data center from a
//! broken network.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use super::Host;
use crate::health::mass_failure::Spot;
use crate::health::target::{Target, Targets};
use crate::site::model::{self, PolicyId, PolicyKind, PoolId, Site};

/// Maximum number of endpoints in per-service counts, each counted once per service. Further services are judged by the
/// whole site only.
const MAX_COUNTED: usize = 1_000_000;
/// Maximum number of policies and pools visited to find the pools of services.
const MAX_VISITED: usize = 4_000_000;

/// The hosts of a site, and the counts that each is part of.
pub(super) struct Layout {
    /// The host of each target.
    pub(super) hosts: Vec<Host>,
    /// The counts that each host is part of, by host number.
    pub(super) spots: Vec<Box<[Spot]>>,
    /// For each pool, the spreads it is part of besides the whole site: one per service that uses the pool. Services
    /// with the same pools share one.
    pub(super) pool_spreads: Vec<Box<[u32]>>,
    /// Number of places of each spread. The first spread is the whole site.
    pub(super) places: Vec<u32>,
}

/// A data center, or a host outside any data center.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum FailureDomain {
    DataCenter(u32),
    Host(u32),
}

impl Layout {
    pub(super) fn of(site: &Site, targets: &Targets) -> Layout {
        let (hosts, count) = hosts(targets);
        // Without targets there are no hosts to count.
        let (pool_spreads, spreads) = if targets.is_empty() { (Vec::new(), 1) } else { pool_spreads(site) };
        let mut found: Vec<BTreeSet<(u32, FailureDomain)>> = vec![BTreeSet::new(); count as usize];
        for (host, target) in hosts.iter().zip(0..) {
            let Some(found) = found.get_mut(host.number as usize) else { continue };
            for member in targets.members(target) {
                let pool = member.pool.0 as usize;
                let data_center = site.pools.get(pool).and_then(|pool| pool.data_center);
                let place = data_center.map_or(FailureDomain::Host(host.number), |id| FailureDomain::DataCenter(id.0));
                let pool_spreads =
                    pool_spreads.get(pool).into_iter().flat_map(|pool_spreads| pool_spreads.iter().copied());
                found.extend([0].into_iter().chain(pool_spreads).map(|spread| (spread, place)));
            }
        }
        let mut places = vec![0; spreads as usize];
        let mut numbers: HashMap<(u32, FailureDomain), u32> = HashMap::new();
        let mut number = |spread: u32, place: FailureDomain| {
            *numbers.entry((spread, place)).or_insert_with(|| {
                let Some(count) = places.get_mut(spread as usize) else { return u32::MAX };
                *count += 1;
                *count - 1
            })
        };
        let mut spots = Vec::with_capacity(found.len());
        for found in found {
            // A host in a known data center is not a place of its own.
            let is_known =
                |spread| found.iter().any(|it| it.0 == spread && matches!(it.1, FailureDomain::DataCenter(_)));
            let kept = found.iter().filter(|it| matches!(it.1, FailureDomain::DataCenter(_)) || !is_known(it.0));
            spots.push(kept.map(|&(spread, place)| Spot { spread, place: number(spread, place) }).collect());
        }
        Layout { hosts, spots, pool_spreads, places }
    }
}

/// The spreads of each pool, and the total number of spreads, including the whole site.
fn pool_spreads(site: &Site) -> (Vec<Box<[u32]>>, u32) {
    let mut of_pool: Vec<Vec<u32>> = vec![Vec::new(); site.pools.len()];
    let (mut known, mut policies) = (HashSet::new(), HashSet::new());
    let (mut next, mut counted, mut visits) = (1, 0, MAX_VISITED);
    for service in &site.services {
        if !policies.insert(service.policy.0) {
            continue;
        }
        let Some(pools) = pools_below(site, service.policy, &mut visits) else { break };
        let endpoints = |pool: &PoolId| site.pools.get(pool.0 as usize).map_or(0, |pool| pool.endpoints.len());
        let size: usize = pools.iter().map(endpoints).sum();
        if known.contains(&pools) || counted + size > MAX_COUNTED {
            continue;
        }
        counted += size;
        pools.iter().for_each(|pool| of_pool.get_mut(pool.0 as usize).into_iter().for_each(|it| it.push(next)));
        known.insert(pools);
        next += 1;
    }
    (of_pool.into_iter().map(Vec::into_boxed_slice).collect(), next)
}

/// The pools that a policy can lead to, in order; `None` after too many visits.
fn pools_below(site: &Site, policy: PolicyId, visits: &mut usize) -> Option<Vec<PoolId>> {
    let (mut pools, mut seen, mut waiting) = (BTreeSet::new(), HashSet::new(), vec![policy]);
    while let Some(id) = waiting.pop() {
        if !seen.insert(id.0) {
            continue;
        }
        let Some(policy) = site.policies.get(id.0 as usize) else { continue };
        let (children, own) = below(&policy.kind);
        *visits = visits.checked_sub(1 + children.len() + own.len())?;
        waiting.extend(children);
        pools.extend(own.iter().map(|pool| pool.0));
    }
    Some(pools.into_iter().map(PoolId).collect())
}

fn below(kind: &PolicyKind) -> (Vec<PolicyId>, &[PoolId]) {
    match kind {
        PolicyKind::Pool(pool) => (Vec::new(), std::slice::from_ref(pool)),
        PolicyKind::Nearest(pools) | PolicyKind::Latency(pools) | PolicyKind::Hash(pools) | PolicyKind::All(pools) => {
            (Vec::new(), pools)
        }
        PolicyKind::Geo { branches, default } => {
            (branches.iter().map(|&(_, child)| child).chain([*default]).collect(), &[])
        }
        PolicyKind::Failover(children) => (children.clone(), &[]),
        PolicyKind::Only(child) => (vec![*child], &[]),
        PolicyKind::Weighted(children) => (children.iter().map(|&(child, _)| child).collect(), &[]),
    }
}

/// The host of each target, and the number of hosts.
fn hosts(targets: &Targets) -> (Vec<Host>, u32) {
    // Push reports and loopback targets say nothing about the network, so they count only if there is nothing else.
    let is_far = |target: &Target| {
        let loopback = matches!(target.host, model::Target::Address(address) if is_loopback(address));
        target.posted_for.is_none() && !loopback
    };
    let any_far = targets.iter().any(|(target, _)| is_far(target));
    let mut numbers: HashMap<&model::Target, u32> = HashMap::new();
    let mut hosts = Vec::with_capacity(targets.len());
    for (target, _) in targets.iter() {
        let next = numbers.len() as u32;
        let number = *numbers.entry(&target.host).or_insert(next);
        hosts.push(Host { number, proves: !any_far || is_far(target) });
    }
    let count = numbers.len() as u32;
    (hosts, count)
}

fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_with_the_same_pools_are_counted_once() {
        let text = r#"
[probes.web]
kind = "tcp"
port = 443
[pools]
a = { probe = "web", endpoints.x.address = "192.0.2.1" }
b = { probe = "web", endpoints.x.address = "192.0.2.2" }
[zones."example.com"]
[services]
"one.example.com".policy = { failover = ["a", "b"] }
"two.example.com".policy = { all = ["b", "a"] }
"three.example.com".policy = "b"
"#;
        let zone = ("zone".into(), b"$TTL 60\n@ SOA ns h 1 2 3 4 60\n@ NS ns.example.net.\n".to_vec());
        let text = text.replace("[zones.\"example.com\"]", "[zones.\"example.com\"]\nfile = \"zone\"");
        let reading = crate::site::document::read("site.toml", &text, &mut |_, _| Ok(zone.clone()));
        let site = reading.site.unwrap_or_else(|| panic!("refused: {:#?}", reading.problems));
        let layout = Layout::of(&site, &Targets::of(&site));
        assert_eq!(layout.places, [2, 2, 1], "the site, the two services with both pools, and the third service");
        assert_eq!(layout.pool_spreads, [[1].into(), Box::from([1, 2])]);
    }
}
