//! Makes routing tables: from a topology and the states of its endpoints, and from the table before.

use std::collections::HashMap;
use std::sync::Arc;

use super::shortcuts::Shortcuts;
use super::{RoutingTable, Topology};
use crate::live::pool::{Change, Earlier, EndpointState, PoolLiveness};
use crate::live::pools::Pools;
use crate::live::states::{States, initial_states};
use crate::site::model::{Pool, PoolId};

impl RoutingTable {
    /// The first table, with endpoints in `states`. Here and below, `states` has a list for each pool of the topology
    /// and a state for each endpoint; those that it lacks are in their initial state, and surplus ones are ignored.
    pub fn new(topology: Topology, states: &States) -> RoutingTable {
        let pools = pools(&topology, states, &Known::default(), 1);
        RoutingTable::whole(1, topology, pools)
    }

    /// The first table, with all endpoints in their initial state.
    pub fn initial(topology: Topology) -> RoutingTable {
        let states = initial_states(&topology.site);
        RoutingTable::new(topology, &states)
    }

    /// The next table, with another topology and its endpoints in `states`. Pools keep their history, and unchanged ones
    /// are shared.
    #[must_use]
    pub fn next(&self, topology: Topology, states: &States) -> RoutingTable {
        let generation = self.generation + 1;
        let pools = pools(&topology, states, &Known::of(self, |_| true), generation);
        RoutingTable::whole(generation, topology, pools)
    }

    /// Rebases this table, which was made as the [`next`](Self::next) one of `base`, onto `current`, a later successor
    /// of `base`: the result has this table's topology, and its endpoints in `states`.
    ///
    /// Pools that changed between `base` and `current` have the history of `current`; the cost of making pools does not
    /// grow with those that did not.
    #[must_use]
    pub fn rebased(&self, base: &RoutingTable, current: &RoutingTable, states: &States) -> RoutingTable {
        let generation = self.generation.max(current.generation + 1);
        // Indices of different documents cannot be compared.
        let is_alike = base.has_topology_of(current);
        let is_shared = |id: PoolId| match (base.pools.shared(id), current.pools.shared(id)) {
            (Some(before), Some(now)) => is_alike && Arc::ptr_eq(before, now),
            _ => false,
        };
        let changed = Known::of(current, |id| !is_shared(id));
        self.successor(generation, self.pools_in(states, &changed, generation))
    }

    /// The next table, with these endpoint states changed; everything else is shared.
    #[must_use]
    pub fn with_changes(&self, changes: &[Change]) -> RoutingTable {
        let generation = self.generation + 1;
        let mut sorted = changes.to_vec();
        // Stable sort: of several changes to one endpoint, the last one wins.
        sorted.sort_by_key(|change| change.pool);
        let of_pool = |group: &[Change]| {
            let id = group.first()?.pool;
            let (pool, liveness) = (self.topology.site.pools.get(id.0 as usize)?, self.pools.shared(id)?);
            let mut states: Box<[EndpointState]> = liveness.states().into();
            for change in group {
                if let Some(state) = states.get_mut(change.endpoint as usize) {
                    *state = change.state;
                }
            }
            Some((id, PoolLiveness::next(pool, &states, Some(Earlier { pool, liveness }), generation)))
        };
        let changed = sorted.chunk_by(|a, b| a.pool == b.pool).filter_map(of_pool).collect();
        self.successor(generation, changed)
    }

    /// The next table, with endpoints in these states; unchanged pools are shared.
    #[must_use]
    pub fn with_states(&self, states: &States) -> RoutingTable {
        let generation = self.generation + 1;
        self.successor(generation, self.pools_in(states, &Known::default(), generation))
    }

    /// The pools that differ from this table's if endpoints are in `states`. A pool continues the one in `later`, if
    /// there is one, or else this table's.
    fn pools_in(&self, states: &States, later: &Known<'_>, generation: u64) -> Vec<(PoolId, Arc<PoolLiveness>)> {
        let mut changed = Vec::new();
        let pools = self.topology.site.pools.iter().zip(self.pools.iter());
        for (id, ((pool, liveness), states)) in (0..).map(PoolId).zip(pools.zip(states)) {
            let earlier = later.get(pool).unwrap_or(Earlier { pool, liveness });
            let next = PoolLiveness::next(pool, states, Some(earlier), generation);
            if !Arc::ptr_eq(&next, liveness) {
                changed.push((id, next));
            }
        }
        changed
    }

    /// A later table with the same topology and counters, in which these pools are different.
    fn successor(&self, generation: u64, changed: Vec<(PoolId, Arc<PoolLiveness>)>) -> RoutingTable {
        let ids: Vec<PoolId> = changed.iter().map(|(id, _)| *id).collect();
        let (topology, counts) = (self.topology.clone(), self.counts.clone());
        let pools = self.pools.with(changed);
        let shortcuts = self.shortcuts.after(&ids, &topology.plans, &pools);
        RoutingTable { generation, topology, pools, shortcuts, counts }
    }

    fn whole(generation: u64, topology: Topology, pools: Pools) -> RoutingTable {
        let shortcuts = Shortcuts::new(&topology.plans, &pools);
        RoutingTable { generation, topology, pools, shortcuts, counts: None }
    }
}

/// The liveness of all pools of a topology. Each continues the pool of its name in `known`.
fn pools(topology: &Topology, states: &States, known: &Known<'_>, generation: u64) -> Pools {
    let pools = topology.site.pools.iter().enumerate();
    let next = |(at, pool): (usize, &Pool)| {
        let states = states.get(at).map_or(&[][..], |states| states);
        PoolLiveness::next(pool, states, known.get(pool), generation)
    };
    pools.map(next).collect()
}

/// Pools of an earlier table, by name.
#[derive(Default)]
struct Known<'a>(HashMap<&'a str, Earlier<'a>>);

impl<'a> Known<'a> {
    /// The pools that `filter` accepts.
    fn of(table: &'a RoutingTable, filter: impl Fn(PoolId) -> bool) -> Known<'a> {
        let pools = (0..).map(PoolId).zip(table.topology.site.pools.iter().zip(table.pools.iter()));
        let accepted = pools.filter(|(id, _)| filter(*id));
        Known(accepted.map(|(_, (pool, liveness))| (&*pool.name, Earlier { pool, liveness })).collect())
    }

    fn get(&self, pool: &Pool) -> Option<Earlier<'a>> {
        self.0.get(&*pool.name).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::document::{no_files, read};
    use crate::table::compile::compile;

    fn topology(weight: u32, before: Option<&RoutingTable>) -> Topology {
        let text = format!(
            "[pools.a]\nendpoints.a-1 = {{ address = \"192.0.2.1\", weight = {weight} }}\n\
             endpoints.a-2 = {{ address = \"192.0.2.2\" }}\n[pools.b]\nendpoints.b-1 = {{ address = \"192.0.2.3\" }}\n"
        );
        let site = read("t", &text, &mut no_files).site.unwrap();
        compile(site, &[], &Arc::default(), before.map(RoutingTable::topology)).topology.unwrap()
    }

    /// A table, and one that was prepared as its successor, with another weight of a-1.
    fn prepared() -> (RoutingTable, RoutingTable) {
        let base = RoutingTable::initial(topology(1, None));
        let next = topology(7, Some(&base));
        let states = initial_states(&next.site);
        let prepared = base.next(next, &states);
        (base, prepared)
    }

    fn down(pool: u32, endpoint: u32) -> Change {
        Change { pool: PoolId(pool), endpoint, state: EndpointState::new(false, 1) }
    }

    #[test]
    fn a_prepared_table_takes_over_endpoints_that_went_down_in_the_meantime() {
        let (base, prepared) = prepared();
        let current = base.with_changes(&[down(0, 1)]).with_changes(&[down(0, 0)]);
        let mut states = initial_states(&prepared.topology().site);
        states[0].iter_mut().for_each(|state| state.up = false);
        let next = prepared.rebased(&base, &current, &states);
        assert_eq!(next.generation(), current.generation() + 1);
        assert_eq!(next.state(PoolId(0), 0), Some(EndpointState::new(false, 7)));
        let pool = next.pools().get(PoolId(0)).unwrap();
        assert_eq!(pool.last_up(), [true, false], "as it went down, one after the other");
        assert_eq!(pool.down_since[0], current.generation(), "when it went down, not when it was rebased");
        assert!(
            Arc::ptr_eq(next.pools().shared(PoolId(1)).unwrap(), prepared.pools().shared(PoolId(1)).unwrap()),
            "unchanged pools are shared"
        );
    }

    #[test]
    fn rebasing_on_an_unchanged_table_changes_nothing() {
        let (base, prepared) = prepared();
        let next = prepared.rebased(&base, &base, &initial_states(&prepared.topology().site));
        assert_eq!(next.generation(), prepared.generation());
        assert!(next.pools().iter().zip(prepared.pools().iter()).all(|(a, b)| Arc::ptr_eq(a, b)));
    }

    #[test]
    fn a_pool_that_starts_down_goes_down_with_the_table_that_has_it_first() {
        let topology = topology(1, None);
        let mut states = initial_states(&topology.site);
        states[1][0].up = false;
        let table = RoutingTable::new(topology, &states);
        assert_eq!(table.pools().get(PoolId(1)).unwrap().down_since[0], table.generation());
        assert_eq!(table.pools().get(PoolId(0)).unwrap().down_since[0], 0);
    }
}
