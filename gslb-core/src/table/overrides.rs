//! Overrides: what an operator forces, whatever the document and the probes say, and what then holds for each endpoint.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::liveness::{Change, EndpointState};
use super::matcher::{self, Matcher};
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
        let state = |weight| EndpointState { is_known: up || pool.probes.is_empty(), ..EndpointState::new(up, weight) };
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
    let (mut matcher, mut found) = (matcher(&ranked), Vec::new());
    let mut states = base.clone();
    for (pool, states) in site.pools.iter().zip(&mut states) {
        if !matcher.turn_to(site, pool) {
            continue;
        }
        for (endpoint, state) in pool.endpoints.iter().zip(states.iter_mut()) {
            matcher.matching(&endpoint.name, &mut found);
            *state = Holding::of(&ranked, &found).on(*state);
        }
    }
    states
}

/// The changes that `changes` of base states come to once `overrides` have had their say: the quick way where few
/// endpoints are concerned.
pub fn apply_to<'o>(overrides: impl IntoIterator<Item = &'o Override>, site: &Site, changes: &[Change]) -> Vec<Change> {
    let ranked = ranked(overrides);
    let (mut matcher, mut found) = (matcher(&ranked), Vec::new());
    let mut at_hand = None;
    let forced = |change: &Change| {
        let pool = site.pools.get(change.pool.0 as usize)?;
        let name = &pool.endpoints.get(change.endpoint as usize)?.name;
        // Changes come pool by pool.
        if at_hand != Some(change.pool) {
            at_hand = Some(change.pool);
            matcher.turn_to(site, pool);
        }
        matcher.matching(name, &mut found);
        Some(Change { state: Holding::of(&ranked, &found).on(change.state), ..*change })
    };
    changes.iter().map(forced).zip(changes).map(|(forced, change)| forced.unwrap_or(*change)).collect()
}

/// Which overrides hold for an endpoint, of those that [`apply`] is given.
pub fn holding<'o>(
    overrides: impl IntoIterator<Item = &'o Override>,
    site: &Site,
    pool: &Pool,
    endpoint: &str,
) -> Holding<'o> {
    let ranked = ranked(overrides);
    let meant = ranked.iter().zip(0..).filter(|(ranked, _)| ranked.pattern.matches(site, pool, endpoint));
    let found: Vec<u32> = meant.map(|(_, number)| number).collect();
    Holding::of(&ranked, &found)
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
    /// Those of `ranked`, whose first is the most specific, with the numbers `found`, which are in no order.
    fn of(ranked: &[Ranked<'o>], found: &[u32]) -> Holding<'o> {
        let (mut status, mut weight) = (u32::MAX, u32::MAX);
        for &number in found {
            let Some(ranked) = ranked.get(number as usize) else { continue };
            let first = if ranked.word.force.is_weight() { &mut weight } else { &mut status };
            *first = number.min(*first);
        }
        let word = |number: u32| ranked.get(number as usize).map(|ranked| ranked.word);
        let (weight, status) = (word(weight).filter(|_| weight < status), word(status));
        // A status that says more than a weight says it of the weight as well.
        Holding { status, weight: weight.filter(|_| status.is_none_or(|word| word.force == Force::Up)) }
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
    let mut all: Vec<(&'o str, Hidden<'o>)> = Vec::new();
    let of_word: Vec<usize> = {
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        let number = |ranked: &Ranked<'o>| {
            *numbers.entry(&ranked.word.id).or_insert_with(|| {
                all.push((&ranked.word.id, Hidden::default()));
                all.len() - 1
            })
        };
        ranked.iter().map(number).collect()
    };
    let (mut matcher, mut found, mut words) = (matcher(&ranked), Vec::new(), Vec::new());
    for pool in &site.pools {
        if !matcher.turn_to(site, pool) {
            continue;
        }
        for endpoint in &pool.endpoints {
            matcher.matching(&endpoint.name, &mut found);
            if found.is_empty() {
                continue;
            }
            let holding = Holding::of(&ranked, &found);
            let base = EndpointState::new(true, endpoint.weight);
            let state = holding.on(base);
            words.clear();
            words.extend(found.iter().filter_map(|&number| Some((*of_word.get(number as usize)?, number))));
            words.sort_unstable();
            words.dedup_by_key(|(word, _)| *word);
            for &(word, number) in &words {
                let (Some(ranked), Some((_, of))) = (ranked.get(number as usize), all.get_mut(word)) else { continue };
                of.meant += 1;
                if !ranked.word.force.is_done_by(state, base) {
                    of.hidden += 1;
                    of.by.extend(holding.both().map(|word| &*word.id));
                }
            }
        }
    }
    all.into_iter().filter(|(_, of)| of.hidden > 0).collect()
}

/// Whether the end of `ended` leaves all endpoints that it means to the document and the probes: it kept clients from them,
/// or changed how many they get, and none of `left` is about any of them.
pub fn frees<'o>(ended: &Override, left: impl IntoIterator<Item = &'o Override>, site: &Site) -> bool {
    if ended.force == Force::Up {
        return false;
    }
    let ranked = ranked(left);
    let (mut of_ended, mut of_left) = (Matcher::new(ended.targets.iter()), matcher(&ranked));
    let mut found = Vec::new();
    !site.pools.iter().any(|pool| {
        of_ended.turn_to(site, pool)
            && of_left.turn_to(site, pool)
            && pool.endpoints.iter().any(|endpoint| {
                of_ended.matching(&endpoint.name, &mut found);
                !found.is_empty() && {
                    of_left.matching(&endpoint.name, &mut found);
                    !found.is_empty()
                }
            })
    })
}

/// For each of `targets`, whether it means any endpoint of the site. One that means none is mostly a slip.
pub fn targets_mean_any(targets: &[Pattern], site: &Site) -> Vec<bool> {
    matcher::mean_any(targets.iter(), site)
}

/// For each of `overrides`, whether it means any endpoint of the site.
pub fn mean_any<'o>(overrides: impl IntoIterator<Item = &'o Override>, site: &Site) -> Vec<bool> {
    let all: Vec<&Override> = overrides.into_iter().collect();
    let targets = matcher::mean_any(all.iter().flat_map(|word| &word.targets), site);
    let mut targets = targets.into_iter();
    // All of an override's targets are taken, also after one that means something.
    let means = |word: &&Override| targets.by_ref().take(word.targets.len()).filter(|means| *means).count() > 0;
    all.iter().map(means).collect()
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

fn matcher<'o>(ranked: &[Ranked<'o>]) -> Matcher<'o> {
    Matcher::new(ranked.iter().map(|ranked| ranked.pattern))
}
