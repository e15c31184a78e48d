//! Statuses of pools, data centers and services, computed from their endpoints, and how many of each are up.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use gslb_core::live::overrides::{Force, Override};
use gslb_core::live::pool::PoolLiveness;
use gslb_core::site::model::{PolicyId, PolicyKind, PoolId, Service, Site, WhenAllDown};
use gslb_core::table::RoutingTable;

use super::endpoint::{status_of, up_or_down};
use crate::change::Active;
use crate::clock::now;
use crate::types::{
    Count, Counts, DataCenterStatus, PoolStatus, ServiceStatus, State, Status, TargetOverride, Timestamp,
};

/// Which pools the policies of a site may choose; computed once per policy.
#[derive(Debug, Default)]
pub(crate) struct Reach(HashMap<PolicyId, HashSet<PoolId>>);

impl Reach {
    /// The pools that `service` may answer from.
    pub(crate) fn of(&mut self, site: &Site, service: &Service) -> &HashSet<PoolId> {
        self.of_policy(site, service.policy)
    }

    fn of_policy(&mut self, site: &Site, id: PolicyId) -> &HashSet<PoolId> {
        if !self.0.contains_key(&id) {
            let mut pools = HashSet::new();
            match site.policies.get(id.0 as usize).map(|policy| &policy.kind) {
                None => {}
                Some(PolicyKind::Pool(pool)) => drop(pools.insert(*pool)),
                Some(
                    PolicyKind::Nearest(list)
                    | PolicyKind::Latency(list)
                    | PolicyKind::Hash(list)
                    | PolicyKind::All(list),
                ) => pools.extend(list),
                // Policies do not loop, and nest no deeper than the document may.
                Some(PolicyKind::Failover(list)) => list.iter().for_each(|id| pools.extend(self.of_policy(site, *id))),
                Some(PolicyKind::Only(id)) => pools.extend(self.of_policy(site, *id)),
                Some(PolicyKind::Weighted(list)) => {
                    list.iter().for_each(|(id, _)| pools.extend(self.of_policy(site, *id)));
                }
                Some(PolicyKind::Geo { branches, default }) => {
                    let all = branches.iter().map(|(_, id)| id).chain([default]);
                    all.for_each(|id| pools.extend(self.of_policy(site, *id)));
                }
            }
            self.0.insert(id, pools);
        }
        self.0.entry(id).or_default()
    }
}

/// How many endpoints, pools and data centers there are, and how many of them are up, drained and down.
pub(crate) fn counts(table: &RoutingTable) -> Counts {
    let states = table.pools().iter().flat_map(|pool| pool.states());
    Counts {
        endpoints: count(states.map(|state| status_of(*state))),
        pools: count(table.pools().iter().map(|pool| status_of_pool(pool))),
        data_centers: count(Tally::of_data_centers(table).iter().map(Tally::status)),
        services: table.topology().site.services.len(),
    }
}

fn count(statuses: impl Iterator<Item = Status>) -> Count {
    let mut count = Count::default();
    for status in statuses {
        count.all += 1;
        *match status {
            Status::Up => &mut count.up,
            Status::Drained => &mut count.drained,
            Status::Down => &mut count.down,
        } += 1;
    }
    count
}

/// Counts for the pools of a data center.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    pools: usize,
    pools_up: usize,
    endpoints: usize,
    endpoints_up: usize,
    /// Up, with weight 0.
    drained: usize,
    /// Endpoints that take clients: up, with weight, in a pool that is up.
    taking: usize,
}

impl Tally {
    /// One for each data center of the site.
    fn of_data_centers(table: &RoutingTable) -> Vec<Tally> {
        let site = &table.topology().site;
        let mut all = vec![Tally::default(); site.data_centers.len()];
        for (pool, liveness) in site.pools.iter().zip(table.pools().iter()) {
            let Some(tally) = pool.data_center.and_then(|id| all.get_mut(id.0 as usize)) else { continue };
            tally.pools += 1;
            tally.pools_up += usize::from(liveness.is_up());
            tally.endpoints += liveness.states().len();
            tally.endpoints_up += liveness.states().iter().filter(|state| state.up).count();
            tally.drained += drained(liveness);
            if liveness.is_up() {
                tally.taking += liveness.states().iter().filter(|state| state.up && state.weight > 0).count();
            }
        }
        all
    }

    /// Up, drained if nothing that is up takes clients, or down.
    fn status(&self) -> Status {
        if self.pools_up > 0 && self.taking == 0 { Status::Drained } else { up_or_down(self.pools_up > 0) }
    }
}

/// Age at which an override without expiry counts as forgotten.
const FORGOTTEN: Duration = Duration::from_secs(24 * 3600);

/// Every data center. Its status is up while a pool in it is, drained if none of those takes clients, else down;
/// its state is degraded if some of it is down or drained.
pub(crate) fn data_centers(active: &Active) -> impl Iterator<Item = (String, DataCenterStatus)> + '_ {
    let shown = |(name, tally): (String, Tally)| {
        let Tally { pools, pools_up, endpoints, endpoints_up, drained, taking } = tally;
        let status = tally.status();
        let is_whole = pools_up == pools && taking == endpoints;
        let shown = DataCenterStatus {
            status,
            state: if status == Status::Up && !is_whole { State::Degraded } else { status.into() },
            pools,
            pools_up,
            endpoints,
            endpoints_up,
            endpoints_drained: drained,
            r#override: forced(active, &format!("data-center/{name}")),
        };
        (name, shown)
    };
    let names = active.table.topology().site.data_centers.iter().map(|it| it.name.to_string());
    names.zip(Tally::of_data_centers(&active.table)).map(shown)
}

/// The override of exactly this target; of several, the one that ends last. It is overdue if it has expired, or if it
/// drains or takes down without expiry for more than a day.
fn forced(active: &Active, target: &str) -> Option<TargetOverride> {
    let of_target = |it: &&Override| it.targets.iter().any(|pattern| pattern.to_string() == target);
    let it = active.overrides.values().filter(of_target).max_by_key(|it| it.expires.unwrap_or(u64::MAX))?;
    let (now, takes_away) = (now().millis(), matches!(it.force, Force::Drain | Force::Down));
    let is_overdue = match it.expires {
        Some(expires) => expires < now,
        None => now.saturating_sub(it.created) > FORGOTTEN.as_millis() as u64,
    };
    Some(TargetOverride {
        id: it.id.clone(),
        force: it.force,
        reason: it.reason.clone(),
        created: Timestamp::from_millis(it.created),
        expires: it.expires.map(Timestamp::from_millis),
        overdue: is_overdue && takes_away,
    })
}

/// Every pool.
pub(crate) fn pools(active: &Active) -> impl Iterator<Item = (String, PoolStatus)> + '_ {
    let table = &active.table;
    let site = &table.topology().site;
    site.pools.iter().zip(table.pools().iter()).map(|(pool, liveness)| {
        let data_center = pool.data_center.and_then(|id| site.data_centers.get(id.0 as usize));
        let shown = PoolStatus {
            status: status_of_pool(liveness),
            r#override: forced(active, &format!("pool/{}", pool.name)),
            data_center: data_center.map(|it| it.name.to_string()),
            endpoints: liveness.states().len(),
            endpoints_up: liveness.up as usize,
            endpoints_drained: drained(liveness),
            min_up: liveness.min_up,
        };
        (pool.name.to_string(), shown)
    })
}

/// How many endpoints of a pool are up with weight 0 (drained).
fn drained(liveness: &PoolLiveness) -> usize {
    liveness.states().iter().filter(|state| state.up && state.weight == 0).count()
}

/// Down, drained (up, but without clients while others can take them), or up.
fn status_of_pool(liveness: &PoolLiveness) -> Status {
    let takes = liveness.states().iter().any(|state| state.up && state.weight > 0);
    if liveness.is_up() && !takes { Status::Drained } else { up_or_down(liveness.is_up()) }
}

/// A service: up if all its pools are up, degraded if some are, down if none is.
pub(crate) fn service(table: &RoutingTable, service: &Service, reach: &mut Reach) -> ServiceStatus {
    let site = &table.topology().site;
    let pools = reach.of(site, service);
    let up = pools.iter().filter(|id| table.pools().get(**id).is_some_and(|pool| pool.is_up())).count();
    let status = match up {
        0 => State::Down,
        up if up < pools.len() => State::Degraded,
        _ => State::Up,
    };
    let when_all_down = match service.when_all_down {
        WhenAllDown::ServeAll => "serve-all".to_owned(),
        WhenAllDown::LastUp => "last-up".to_owned(),
        WhenAllDown::NoData => "nodata".to_owned(),
        WhenAllDown::ServFail => "servfail".to_owned(),
        WhenAllDown::Pool(id) => {
            site.pools.get(id.0 as usize).map(|pool| format!("pool:{}", pool.name)).unwrap_or_default()
        }
    };
    let names = service.further_names.iter().map(|(name, _)| name.to_string()).collect();
    ServiceStatus { status, pools: pools.len(), pools_up: up, when_all_down, names }
}
