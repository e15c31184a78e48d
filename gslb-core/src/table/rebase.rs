//! A table that was made while others were published, put on top of the one in force: what it brings stays, and what is
//! known of pools is as of now.

use std::collections::HashMap;
use std::sync::Arc;

use super::RoutingTable;
use super::compile::Known;
use crate::live::overrides::{States, initial_states};
use crate::live::pool::EndpointState;
use crate::site::model::{Pool, PoolId, Site};

/// What holds for each endpoint of `site` where `known` holds for those of `before`: endpoints of the same names that
/// answer the same are as they were, all others have their initial status. Weights are those of `site`.
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
    /// This table as the successor of `current`, which followed `base`, of which this one was made.
    ///
    /// Pools that changed between `base` and `current` are known as `current` knows them; the work done does not grow
    /// with those that did not. States that are forced are as they were before: the caller has its say afterwards, with
    /// [`with_states`](Self::with_states).
    #[must_use]
    pub fn rebased(&self, base: &RoutingTable, current: &RoutingTable) -> RoutingTable {
        let generation = self.generation.max(current.generation + 1);
        // Of another document, numbers say nothing of what is the same.
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

    /// True where the document and the databases that both were compiled from are the same.
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
    fn what_went_down_meanwhile_is_down_in_what_was_prepared_before() {
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
            "what did not change is shared"
        );
    }

    #[test]
    fn nothing_is_rebased_on_what_did_not_move() {
        let base = table(1, None);
        let prepared = table(7, Some(&base));
        let next = prepared.rebased(&base, &base);
        assert_eq!(next.generation(), prepared.generation());
        assert!(next.pools().iter().zip(prepared.pools().iter()).all(|(a, b)| Arc::ptr_eq(a, b)));
    }
}
