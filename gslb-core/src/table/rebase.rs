//! Rebases a table that was compiled while others were published: it keeps its own topology and takes the current pool
//! state.

use std::collections::HashMap;
use std::sync::Arc;

use super::RoutingTable;
use super::compile::Known;
use crate::live::overrides::{States, initial_states};
use crate::live::pool::EndpointState;
use crate::site::model::{Pool, PoolId, Site};

/// The endpoint states of `site`, given those of `before`: endpoints with the same name and the same answer keep their
/// state, all others start with their initial status. Weights are those of `site`.
pub fn carried_states(before: &Site, known: &States, site: &Site) -> States {
    let pools: HashMap<&str, (&Pool, &[EndpointState])> =
        before.pools.iter().zip(known).map(|(pool, states)| (&*pool.name, (pool, &**states))).collect();
    let mut carried = initial_states(site);
    for (pool, states) in site.pools.iter().zip(&mut carried) {
        let Some((before, known)) = pools.get(&*pool.name) else { continue };
        let known: HashMap<_, _> =
            before.endpoints.iter().map(|endpoint| (&*endpoint.name, &endpoint.target)).zip(known.iter()).collect();
        for (endpoint, state) in pool.endpoints.iter().zip(states.iter_mut()) {
            if let Some(known) = known.get(&(&*endpoint.name, &endpoint.target)) {
                *state = EndpointState { weight: state.weight, ..**known };
            }
        }
    }
    carried
}

impl RoutingTable {
    /// Rebases this table, which was made from `base`, onto `current`, which is a later successor of `base`.
    ///
    /// Pools that changed between `base` and `current` take their state from `current`; the cost does not grow with
    /// those that did not. Overrides are as before: the caller applies them afterwards, with
    /// [`with_states`](Self::with_states).
    #[must_use]
    pub fn rebased(&self, base: &RoutingTable, current: &RoutingTable) -> RoutingTable {
        let generation = self.generation.max(current.generation + 1);
        // Indices of different documents cannot be compared.
        let is_alike = base.has_topology_of(current);
        let is_shared = |id: PoolId| match (base.pools.shared(id), current.pools.shared(id)) {
            (Some(before), Some(now)) => is_alike && Arc::ptr_eq(before, now),
            _ => false,
        };
        let changed = Known::of_pools(current, |id| !is_shared(id));
        let pools = (0..).map(PoolId).zip(&self.topology.site.pools).filter(|(_, pool)| changed.has(&pool.name));
        let others = pools.map(|(id, pool)| (id, changed.liveness(pool))).collect();
        RoutingTable { generation, topology: self.topology.clone(), pools: self.pools.with(others), counts: None }
    }

    /// True if both were compiled from the same document and databases.
    pub fn has_topology_of(&self, other: &RoutingTable) -> bool {
        Arc::ptr_eq(&self.topology.site, &other.topology.site)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::live::pool::Change;
    use crate::site::document::{no_files, read};
    use crate::table::compile::compile;

    fn table(weight: u32, previous: Option<&RoutingTable>) -> RoutingTable {
        let text = format!(
            "[pools.a]\nendpoints.a-1 = {{ address = \"192.0.2.1\", weight = {weight} }}\n\
             endpoints.a-2 = {{ address = \"192.0.2.2\" }}\n[pools.b]\nendpoints.b-1 = {{ address = \"192.0.2.3\" }}\n"
        );
        compile(read("t", &text, &mut no_files).site.unwrap(), &[], &Arc::default(), previous).table.unwrap()
    }

    fn down(pool: u32, endpoint: u32) -> Change {
        Change { pool: PoolId(pool), endpoint, state: EndpointState::new(false, 1) }
    }

    #[test]
    fn a_prepared_table_takes_over_endpoints_that_went_down_in_the_meantime() {
        let base = table(1, None);
        let prepared = table(7, Some(&base));
        let current = base.with_changes(&[down(0, 1)]).with_changes(&[down(0, 0)]);
        let next = prepared.rebased(&base, &current);
        assert_eq!(next.generation(), current.generation() + 1);
        assert_eq!(next.state(PoolId(0), 0), Some(EndpointState::new(false, 7)));
        assert_eq!(
            next.pools().get(PoolId(0)).unwrap().last_up(),
            [true, false],
            "as it went down, one after the other"
        );
        assert!(
            Arc::ptr_eq(next.pools().shared(PoolId(1)).unwrap(), prepared.pools().shared(PoolId(1)).unwrap()),
            "unchanged pools are shared"
        );
    }

    #[test]
    fn rebasing_on_an_unchanged_table_changes_nothing() {
        let base = table(1, None);
        let prepared = table(7, Some(&base));
        let next = prepared.rebased(&base, &base);
        assert_eq!(next.generation(), prepared.generation());
        assert!(next.pools().iter().zip(prepared.pools().iter()).all(|(a, b)| Arc::ptr_eq(a, b)));
    }
}
