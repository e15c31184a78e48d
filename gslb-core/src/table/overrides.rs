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
    /// True where it is a weight, and no status.
    fn is_weight(self) -> bool {
        matches!(self, Self::Weight(_))
    }

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
/// An endpoint has a *status* that is forced (up, down or drain) and a *weight* that is, and of the overrides of each the one
/// with the most specific target holds: one of an endpoint before one of a pool before one of a data center, a whole name
/// before a pattern, and a pattern with more letters before one with fewer. Of equally specific ones the newest holds. A
/// weight is for what may take clients: what is forced down or drained stays so, however wide that override is. Leave out
/// those that [are over](Override::is_over).
pub fn apply<'o>(overrides: impl IntoIterator<Item = &'o Override>, site: &Site, base: &States) -> States {
    let ranked = ranked(overrides);
    let mut states = base.clone();
    for (pool, states) in site.pools.iter().zip(&mut states) {
        let around: Vec<&Ranked<'_>> = ranked.iter().filter(|ranked| ranked.pattern.may_meet(site, pool)).collect();
        if around.is_empty() {
            continue;
        }
        for (endpoint, state) in pool.endpoints.iter().zip(states.iter_mut()) {
            *state = Holding::of(around.iter().copied(), site, pool, &endpoint.name).on(*state);
        }
    }
    states
}

/// The changes that `changes` of base states come to once `overrides` have had their say: the quick way where few
/// endpoints are concerned.
pub fn apply_to<'o>(overrides: impl IntoIterator<Item = &'o Override>, site: &Site, changes: &[Change]) -> Vec<Change> {
    let ranked = ranked(overrides);
    let forced = |change: &Change| {
        let pool = site.pools.get(change.pool.0 as usize)?;
        let name = &pool.endpoints.get(change.endpoint as usize)?.name;
        Some(Change { state: Holding::of(&ranked, site, pool, name).on(change.state), ..*change })
    };
    changes.iter().map(|change| forced(change).unwrap_or(*change)).collect()
}

/// Which override holds for an endpoint, of those that [`apply`] is given; none where none is about it. The one that
/// forces its status, where there is one, else the one that forces its weight.
pub fn in_force<'o>(
    overrides: impl IntoIterator<Item = &'o Override>,
    site: &Site,
    pool: &Pool,
    endpoint: &str,
) -> Option<&'o Override> {
    let ranked = ranked(overrides);
    let holding = Holding::of(&ranked, site, pool, endpoint);
    holding.status.or(holding.weight)
}

/// The overrides that hold for an endpoint.
#[derive(Debug, Clone, Copy, Default)]
struct Holding<'o> {
    /// Up, down or drain.
    status: Option<&'o Override>,
    /// A weight, where the status lets it take clients.
    weight: Option<&'o Override>,
}

impl<'o> Holding<'o> {
    /// Those of `ranked`, whose first is the most specific.
    fn of<'r>(ranked: impl IntoIterator<Item = &'r Ranked<'o>>, site: &Site, pool: &Pool, endpoint: &str) -> Holding<'o>
    where
        'o: 'r,
    {
        let mut holding = Holding::default();
        for ranked in ranked.into_iter().filter(|ranked| ranked.pattern.matches(site, pool, endpoint)) {
            let place = if ranked.word.force.is_weight() { &mut holding.weight } else { &mut holding.status };
            place.get_or_insert(ranked.word);
            if holding.status.is_some() && holding.weight.is_some() {
                break;
            }
        }
        holding.weight = holding.weight.filter(|_| holding.status.is_none_or(|word| word.force == Force::Up));
        holding
    }

    fn on(&self, base: EndpointState) -> EndpointState {
        [self.status, self.weight].into_iter().flatten().fold(base, |state, word| word.force.on(state))
    }

    fn has(&self, id: &str) -> bool {
        [self.status, self.weight].into_iter().flatten().any(|word| word.id == id)
    }
}

/// What keeps an override from having its say, wholly or in part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hidden<'o> {
    /// Endpoints that its targets mean.
    pub meant: usize,
    /// Those of them for which others hold, and it does not.
    pub hidden: usize,
    /// The first of those others.
    pub by: &'o str,
}

/// Whether, of `overrides`, others hold for endpoints that the one called `id` means; none where it holds for all.
pub fn hidden<'o>(overrides: impl IntoIterator<Item = &'o Override>, site: &Site, id: &str) -> Option<Hidden<'o>> {
    let ranked = ranked(overrides);
    let own: Vec<&Pattern> = ranked.iter().filter(|ranked| ranked.word.id == id).map(|own| own.pattern).collect();
    let (mut meant, mut hidden, mut by) = (0, 0, None);
    for pool in site.pools.iter().filter(|pool| own.iter().any(|own| own.may_meet(site, pool))) {
        let around: Vec<&Ranked<'o>> = ranked.iter().filter(|ranked| ranked.pattern.may_meet(site, pool)).collect();
        for endpoint in pool.endpoints.iter().filter(|it| own.iter().any(|own| own.matches(site, pool, &it.name))) {
            let holding = Holding::of(around.iter().copied(), site, pool, &endpoint.name);
            meant += 1;
            if !holding.has(id) {
                hidden += 1;
                by = by.or(holding.status.or(holding.weight).map(|word| &*word.id));
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
