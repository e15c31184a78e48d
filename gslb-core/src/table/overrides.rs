//! Overrides: what an operator forces, whatever the document and the probes say, and what then holds for each endpoint.

use serde::{Deserialize, Serialize};

use super::liveness::{Change, EndpointState};
use super::pattern::{Pattern, Specificity};
use crate::model::{Initial, Pool, Site};

/// States of all endpoints: one list per pool of the site, one state per endpoint of the pool.
pub type States = Vec<Box<[EndpointState]>>;

/// One operator's word on some endpoints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// Its name among all overrides.
    pub id: String,
    /// Whose endpoints it is about.
    pub targets: Vec<Pattern>,
    /// What it forces.
    pub force: Force,
    /// Why.
    pub reason: String,
    /// Who answers for it.
    pub owner: String,
    /// When it was made, in milliseconds since 1970-01-01 00:00 UTC.
    pub created: u64,
    /// From when on it no longer holds, in milliseconds since 1970-01-01 00:00 UTC; none holds until it is removed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
}

/// What an override forces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Force {
    /// Up, with the document's weight.
    Up,
    /// Down.
    Down,
    /// Weight 0, so that clients go elsewhere while there is an elsewhere. What is down stays down.
    Drain,
    /// This weight instead of the document's. What is down stays down.
    Weight(u32),
}

impl Override {
    /// True where it no longer holds at `now`, in milliseconds since 1970-01-01 00:00 UTC.
    pub fn is_over(&self, now: u64) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

impl Force {
    /// What becomes of an endpoint's state.
    pub fn on(self, base: EndpointState) -> EndpointState {
        match self {
            // What is forced waits for no verdict.
            Force::Up => EndpointState::new(true, base.weight),
            Force::Down => EndpointState::new(false, base.weight),
            Force::Drain => EndpointState { weight: 0, ..base },
            Force::Weight(weight) => EndpointState { weight: weight.min(crate::model::MAX_WEIGHT), ..base },
        }
    }
}

/// What holds for each endpoint before anything is forced or found out: its pool's initial status, and the document's
/// weight. Where health is known, [`Health::states`](crate::health::Health::states) has what holds.
pub fn initial_states(site: &Site) -> States {
    let state = |pool: &Pool| {
        let up = pool.initial != Initial::Down;
        let state = |weight| EndpointState { is_known: up || pool.probe.is_none(), ..EndpointState::new(up, weight) };
        pool.endpoints.iter().map(|endpoint| state(endpoint.weight)).collect()
    };
    site.pools.iter().map(state).collect()
}

/// What holds for each endpoint once `overrides` have had their say over `base`.
///
/// Of several overrides of one endpoint the one with the most specific target holds, alone: one of an endpoint before
/// one of a pool before one of a data center, a whole name before a pattern, and a pattern with more letters before one
/// with fewer. Of equally specific ones the newest holds. Leave out those that [are over](Override::is_over).
pub fn apply<'o>(overrides: impl IntoIterator<Item = &'o Override>, site: &Site, base: &States) -> States {
    let ranked = ranked(overrides);
    let mut states = base.clone();
    for (pool, states) in site.pools.iter().zip(&mut states) {
        let around: Vec<&Ranked<'_>> = ranked.iter().filter(|ranked| ranked.pattern.may_meet(site, pool)).collect();
        if around.is_empty() {
            continue;
        }
        for (endpoint, state) in pool.endpoints.iter().zip(states.iter_mut()) {
            let first = around.iter().find(|ranked| ranked.pattern.matches(site, pool, &endpoint.name));
            *state = first.map_or(*state, |ranked| ranked.word.force.on(*state));
        }
    }
    states
}

/// The changes that `changes` of base states come to once `overrides` have had their say: the quick way where few
/// endpoints are concerned.
pub fn apply_to<'o>(overrides: impl IntoIterator<Item = &'o Override>, site: &Site, changes: &[Change]) -> Vec<Change> {
    let ranked = ranked(overrides);
    let force = |change: &Change| {
        let pool = site.pools.get(change.pool.0 as usize)?;
        let name = &pool.endpoints.get(change.endpoint as usize)?.name;
        Some(ranked.iter().find(|ranked| ranked.pattern.matches(site, pool, name))?.word.force)
    };
    let forced = |change: &Change| Change {
        state: force(change).map_or(change.state, |force| force.on(change.state)),
        ..*change
    };
    changes.iter().map(forced).collect()
}

/// Which override holds for an endpoint, of those that [`apply`] is given; none where none is about it.
pub fn in_force<'o>(
    overrides: impl IntoIterator<Item = &'o Override>,
    site: &Site,
    pool: &Pool,
    endpoint: &str,
) -> Option<&'o Override> {
    ranked(overrides).into_iter().find(|ranked| ranked.pattern.matches(site, pool, endpoint)).map(|ranked| ranked.word)
}

/// What keeps an override from having its say, wholly or in part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden<'o> {
    /// Endpoints that its targets mean.
    pub meant: usize,
    /// Those of them for which another override holds.
    pub hidden: usize,
    /// That other one; the first of them where there are several.
    pub by: &'o str,
}

/// Whether, of `overrides`, others hold for endpoints that the one called `id` means; none where it holds for all.
pub fn hidden<'o>(overrides: impl IntoIterator<Item = &'o Override>, site: &Site, id: &str) -> Option<Hidden<'o>> {
    let ranked = ranked(overrides);
    let (mut meant, mut hidden, mut by) = (0, 0, None);
    let is_own = |ranked: &&Ranked<'_>| ranked.word.id == id;
    for pool in
        site.pools.iter().filter(|pool| ranked.iter().filter(is_own).any(|own| own.pattern.may_meet(site, pool)))
    {
        let around: Vec<&Ranked<'o>> = ranked.iter().filter(|ranked| ranked.pattern.may_meet(site, pool)).collect();
        for endpoint in &pool.endpoints {
            let mut here = around.iter().filter(|ranked| ranked.pattern.matches(site, pool, &endpoint.name));
            let Some(first) = here.next() else { continue };
            let wins = first.word.id == id;
            if wins || here.any(|ranked| ranked.word.id == id) {
                meant += 1;
                hidden += usize::from(!wins);
            }
            if !wins && by.is_none() {
                by = Some(&*first.word.id).filter(|_| hidden > 0);
            }
        }
    }
    by.map(|by| Hidden { meant, hidden, by })
}

/// One target of one override.
struct Ranked<'o> {
    rank: (Specificity, u64, &'o str),
    pattern: &'o Pattern,
    word: &'o Override,
}

/// All targets, the one that wins first.
fn ranked<'o>(overrides: impl IntoIterator<Item = &'o Override>) -> Vec<Ranked<'o>> {
    let targets = |word: &'o Override| {
        let rank = |pattern: &'o Pattern| (pattern.specificity(), word.created, &*word.id);
        word.targets.iter().map(move |pattern| Ranked { rank: rank(pattern), pattern, word })
    };
    let mut ranked: Vec<Ranked<'o>> = overrides.into_iter().flat_map(targets).collect();
    ranked.sort_by(|a, b| b.rank.cmp(&a.rank));
    ranked
}
