//! The states of all endpoints of a site: before anything is known, and carried over from an earlier document.

use std::collections::HashMap;

use super::pool::EndpointState;
use crate::site::model::{Pool, Site, Target};

/// States of all endpoints: one list per pool of the site, one state per endpoint of the pool.
pub type States = Vec<Box<[EndpointState]>>;

impl EndpointState {
    /// The state of an endpoint of `pool` of which nothing is known.
    pub fn initial(pool: &Pool, weight: u32) -> EndpointState {
        let up = pool.initial.is_up();
        EndpointState { is_known: up || pool.probes.is_empty(), ..EndpointState::new(up, weight) }
    }
}

/// The state of each endpoint of which nothing is known: its pool's initial status, and the document's weight.
pub fn initial_states(site: &Site) -> States {
    let state =
        |pool: &Pool| pool.endpoints.iter().map(|endpoint| EndpointState::initial(pool, endpoint.weight)).collect();
    site.pools.iter().map(state).collect()
}

/// The states of the endpoints of `after`, while those of `before` are in the states `known`: an endpoint that
/// continues an earlier one (see `predecessors`) keeps its state, all others are in their initial state. Weights are
/// those of `after`.
pub fn carried_states(before: &Site, known: &States, after: &Site) -> States {
    let known: Vec<EndpointState> = known.iter().flat_map(|pool| pool.iter().copied()).collect();
    let is_up = |earlier: usize| known.get(earlier).is_none_or(|state| state.up);
    let mut predecessors = predecessors(&identities(before), is_up, &identities(after)).into_iter();
    let mut carried = initial_states(after);
    for state in carried.iter_mut().flat_map(|pool| pool.iter_mut()) {
        if let Some(known) = predecessors.next().flatten().and_then(|earlier| known.get(earlier)) {
            *state = EndpointState { weight: state.weight, ..*known };
        }
    }
    carried
}

/// What identifies an endpoint across documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Identity<'a> {
    pub(crate) pool: &'a str,
    pub(crate) name: &'a str,
    pub(crate) target: &'a Target,
}

/// For each of `later`, the index of the endpoint in `earlier` that it continues: the same pool, name and target, or
/// else a removed one with the same target. Of several removed ones, one that is down wins, so that its `hold_down` is
/// not lost.
pub(crate) fn predecessors(
    earlier: &[Identity<'_>],
    is_up: impl Fn(usize) -> bool,
    later: &[Identity<'_>],
) -> Vec<Option<usize>> {
    let by_identity: HashMap<&Identity<'_>, usize> = earlier.iter().zip(0..).collect();
    let mut found: Vec<Option<usize>> = later.iter().map(|identity| by_identity.get(identity).copied()).collect();
    let mut is_kept = vec![false; earlier.len()];
    for &at in found.iter().flatten() {
        if let Some(is_kept) = is_kept.get_mut(at) {
            *is_kept = true;
        }
    }
    let mut removed: HashMap<&Target, usize> = HashMap::new();
    for (at, (identity, _)) in earlier.iter().zip(&is_kept).enumerate().filter(|(_, (_, is_kept))| !**is_kept) {
        let first = removed.entry(identity.target).or_insert(at);
        if is_up(*first) {
            *first = at;
        }
    }
    for (found, identity) in found.iter_mut().zip(later) {
        *found = found.or_else(|| removed.get(identity.target).copied());
    }
    found
}

/// All endpoints of a site, pool by pool.
pub(crate) fn identities(site: &Site) -> Vec<Identity<'_>> {
    let all = site.pools.iter().flat_map(|pool| pool.endpoints.iter().map(move |endpoint| (pool, endpoint)));
    all.map(|(pool, endpoint)| Identity { pool: &pool.name, name: &endpoint.name, target: &endpoint.target }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::site::document::{no_files, read};

    fn site(endpoints: &str) -> Site {
        let text = format!("[pools.a]\nendpoints = {{ {endpoints} }}\n");
        read("t", &text, &mut no_files).site.unwrap()
    }

    #[test]
    fn a_renamed_endpoint_keeps_its_state_with_the_weight_of_the_new_document() {
        let before = site("x = { address = \"192.0.2.1\" }, y = { address = \"192.0.2.2\" }");
        let mut known = initial_states(&before);
        known[0][0].up = false;
        let after = site("z = { address = \"192.0.2.1\", weight = 7 }, y = { address = \"192.0.2.3\" }");
        let carried = carried_states(&before, &known, &after);
        // `y` has another target, so it is another endpoint.
        assert_eq!(*carried[0], [EndpointState::new(false, 7), EndpointState::new(true, 1)]);
    }
}
