//! Overrides: what an operator forces, whatever the document and the probes say, and what then holds for each endpoint.

use std::collections::{BTreeMap, BTreeSet};

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
    /// Whether `state` is what it says, for an endpoint that is in state `base` without any override.
    fn is_done_by(self, state: EndpointState, base: EndpointState) -> bool {
        match self {
            Self::Up => state.up && (state.weight > 0 || base.weight == 0),
            Self::Down => !state.up,
            Self::Drain => !state.up || state.weight == 0,
            Self::Weight(weight) => state.up && state.weight == weight.min(crate::model::MAX_WEIGHT),
        }
    }

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
/// Of several overrides of one endpoint the one with the most specific target holds: one of an endpoint before one of a pool
/// before one of a data center, a whole name before a pattern, and a pattern with more letters before one with fewer. Of
/// equally specific ones the newest holds. A weight leaves the status to the next one that forces it, and is for what may
/// take clients: what is forced down or drained stays so, however wide that override is. Leave out those that
/// [are over](Override::is_over).
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

/// Which overrides hold for an endpoint, of those that [`apply`] is given.
pub fn holding<'o>(
    overrides: impl IntoIterator<Item = &'o Override>,
    site: &Site,
    pool: &Pool,
    endpoint: &str,
) -> Holding<'o> {
    Holding::of(&ranked(overrides), site, pool, endpoint)
}

/// The overrides that hold for an endpoint.
#[derive(Debug, Clone, Copy, Default)]
pub struct Holding<'o> {
    /// The one that forces it up, down or drained.
    pub status: Option<&'o Override>,
    /// The one that forces its weight, where its status lets it take clients.
    pub weight: Option<&'o Override>,
}

impl<'o> Holding<'o> {
    /// Those of `ranked`, whose first is the most specific.
    fn of<'r>(ranked: impl IntoIterator<Item = &'r Ranked<'o>>, site: &Site, pool: &Pool, endpoint: &str) -> Holding<'o>
    where
        'o: 'r,
    {
        let mut holding = Holding::default();
        for ranked in ranked.into_iter().filter(|ranked| ranked.pattern.matches(site, pool, endpoint)) {
            match (ranked.word.force.is_weight(), holding.status) {
                (true, None) => _ = holding.weight.get_or_insert(ranked.word),
                // A status that says more than a weight says it of the weight as well.
                (true, Some(_)) => break,
                (false, _) => {
                    holding.status = Some(ranked.word);
                    break;
                }
            }
        }
        holding.weight = holding.weight.filter(|_| holding.status.is_none_or(|word| word.force == Force::Up));
        holding
    }

    /// Both, the status first.
    pub fn both(self) -> impl Iterator<Item = &'o Override> {
        [self.status, self.weight].into_iter().flatten()
    }

    fn on(self, base: EndpointState) -> EndpointState {
        self.both().fold(base, |state, word| word.force.on(state))
    }
}

/// Endpoints that an override means, and does not get its way with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hidden<'o> {
    /// Endpoints that its targets mean.
    pub meant: usize,
    /// Those of them that are not what it says.
    pub hidden: usize,
    /// The overrides that hold there.
    pub by: BTreeSet<&'o str>,
}

/// Of `overrides`, those that do not get their way with all that they mean, by id.
pub fn hidden<'o>(overrides: impl IntoIterator<Item = &'o Override>, site: &Site) -> BTreeMap<&'o str, Hidden<'o>> {
    let ranked = ranked(overrides);
    let mut all: BTreeMap<&str, Hidden<'o>> = BTreeMap::new();
    for pool in &site.pools {
        let around: Vec<&Ranked<'o>> = ranked.iter().filter(|ranked| ranked.pattern.may_meet(site, pool)).collect();
        for endpoint in pool.endpoints.iter().filter(|_| !around.is_empty()) {
            let holding = Holding::of(around.iter().copied(), site, pool, &endpoint.name);
            let (base, mut seen) = (EndpointState::new(true, endpoint.weight), BTreeSet::new());
            let meant = around.iter().filter(|ranked| ranked.pattern.matches(site, pool, &endpoint.name));
            for word in meant.map(|ranked| ranked.word).filter(|word| seen.insert(&*word.id)) {
                let of = all.entry(&word.id).or_default();
                of.meant += 1;
                if !word.force.is_done_by(holding.on(base), base) {
                    of.hidden += 1;
                    of.by.extend(holding.both().map(|word| &*word.id));
                }
            }
        }
    }
    all.retain(|_, of| of.hidden > 0);
    all
}

/// Whether the end of `ended` leaves all endpoints that it means to the document and the probes: it kept clients from them,
/// or changed how many they get, and none of `left` is about any of them.
pub fn frees<'o>(ended: &Override, left: impl IntoIterator<Item = &'o Override>, site: &Site) -> bool {
    let ranked = ranked(left);
    let is_held = |pool: &Pool, endpoint: &str| {
        ended.targets.iter().any(|target| target.matches(site, pool, endpoint))
            && ranked.iter().any(|ranked| ranked.pattern.matches(site, pool, endpoint))
    };
    let is_any_held = |pool: &Pool| pool.endpoints.iter().any(|endpoint| is_held(pool, &endpoint.name));
    ended.force != Force::Up && !site.pools.iter().any(is_any_held)
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
