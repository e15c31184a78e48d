//! Overrides: what an operator forces, whatever the document and the probes say, and what then holds for each endpoint.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::overrides::matcher::Matcher;
use super::overrides::select::select;
use super::pool::{Change, EndpointState};
use crate::site::model::{Initial, Pool, Site};
use crate::site::pattern::{Pattern, Specificity};

pub mod covering;
pub(crate) mod globs;
pub(crate) mod matcher;
pub(crate) mod matching;
pub(crate) mod select;

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
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub enum Force {
    /// Up, with the document's weight.
    Up,
    /// Down.
    Down,
    /// Weight 0, so that clients go elsewhere while there is an elsewhere. What is down stays down.
    Drain,
    /// This weight instead of the document's. What is down stays down.
    #[cfg_attr(feature = "schema", schema(value_type = Weight))]
    Weight(u32),
}

/// A weight in schemas.
#[cfg(feature = "schema")]
#[derive(utoipa::ToSchema)]
#[schema(maximum = 1000000)]
#[expect(dead_code, reason = "it stands for the number in schemas alone")]
struct Weight(u32);

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
            Self::Weight(weight) => state.up && state.weight == weight.min(crate::site::model::MAX_WEIGHT),
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
            Force::Weight(weight) => EndpointState { weight: weight.min(crate::site::model::MAX_WEIGHT), ..base },
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
    let ranks = Ranks::of(overrides, site);
    let mut states = base.clone();
    for (slots, states) in ranks.slots.iter().zip(&mut states) {
        for (slot, state) in slots.iter().zip(states.iter_mut()) {
            *state = ranks.holding(slot).on(*state);
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
        Holding::by(word(status), word(weight).filter(|_| weight < status))
    }

    /// Of the first that forces a status, and of the weight that comes before it, where one does.
    fn by(status: Option<&'o Override>, weight: Option<&'o Override>) -> Holding<'o> {
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
    let ranks = Ranks::of(overrides, site);
    let hidden = ranks.words.iter().map(|&word| (&*word.id, ranks.hidden(word, site)));
    hidden.filter(|(_, of)| of.hidden > 0).collect()
}

/// Whether the end of `ended` leaves all endpoints that it means to the document and the probes: it kept clients from them,
/// or changed how many they get, and none of `left` is about any of them.
pub fn frees<'o>(ended: &Override, left: impl IntoIterator<Item = &'o Override>, site: &Site) -> bool {
    if ended.force == Force::Up {
        return false;
    }
    let left = Ranks::of(left, site);
    let selection = select(&ended.targets, site);
    let mut is_free = true;
    for pool in &selection.pools {
        let slots = left.slots.get(pool.pool).map_or(&[][..], |slots| slots);
        selection.each(pool, slots.len(), |at, _| {
            if slots.get(at).is_some_and(|slot| *slot != Slot::default()) {
                is_free = false;
            }
        });
    }
    is_free
}

/// For each of `targets`, whether it means any endpoint of the site. One that means none is mostly a slip.
pub fn targets_mean_any(targets: &[Pattern], site: &Site) -> Vec<bool> {
    select(targets, site).matched.clone()
}

/// For each of `overrides`, whether it means any endpoint of the site.
pub fn mean_any<'o>(overrides: impl IntoIterator<Item = &'o Override>, site: &Site) -> Vec<bool> {
    let means = |word: &Override| select(&word.targets, site).matched.contains(&true);
    overrides.into_iter().map(means).collect()
}

/// Overrides, and for each endpoint which of them come first.
struct Ranks<'o> {
    /// In the order in which they were made.
    words: Vec<&'o Override>,
    /// For each pool of the site, a slot for each endpoint; none for pools that nobody means.
    slots: Vec<Box<[Slot]>>,
}

/// The ranks of the override that comes first for the status of an endpoint, and for its weight; 0 where there is none. A
/// rank has the key of the target in its upper half, and one more than the number of the override in its lower one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Slot {
    status: u64,
    weight: u64,
}

impl<'o> Ranks<'o> {
    fn of(overrides: impl IntoIterator<Item = &'o Override>, site: &Site) -> Ranks<'o> {
        let mut words: Vec<&'o Override> = overrides.into_iter().collect();
        words.sort_by_key(|word| (word.created, &*word.id));
        let mut slots: Vec<Box<[Slot]>> = site.pools.iter().map(|_| Box::default()).collect();
        for (word, number) in words.iter().zip(1u64..) {
            let selection = select(&word.targets, site);
            for in_pool in &selection.pools {
                let Some(slots) = slots.get_mut(in_pool.pool) else { continue };
                let count = site.pools.get(in_pool.pool).map_or(0, |pool| pool.endpoints.len());
                if slots.is_empty() {
                    *slots = vec![Slot::default(); count].into();
                }
                selection.each(in_pool, count, |at, key| {
                    let Some(slot) = slots.get_mut(at) else { return };
                    let first = if word.force.is_weight() { &mut slot.weight } else { &mut slot.status };
                    *first = (*first).max(u64::from(key) << 32 | number);
                });
            }
        }
        Ranks { words, slots }
    }

    fn holding(&self, slot: &Slot) -> Holding<'o> {
        let word = |rank: u64| self.words.get(((rank & u64::from(u32::MAX)) as usize).checked_sub(1)?).copied();
        Holding::by(word(slot.status), word(slot.weight).filter(|_| slot.weight > slot.status))
    }

    /// What `word`, which is one of them, does not get its way with.
    fn hidden(&self, word: &'o Override, site: &Site) -> Hidden<'o> {
        let mut of = Hidden::default();
        let selection = select(&word.targets, site);
        for in_pool in &selection.pools {
            let Some((pool, slots)) = site.pools.get(in_pool.pool).zip(self.slots.get(in_pool.pool)) else { continue };
            selection.each(in_pool, pool.endpoints.len(), |at, _| {
                let Some((endpoint, slot)) = pool.endpoints.get(at).zip(slots.get(at)) else { return };
                let holding = self.holding(slot);
                let base = EndpointState::new(true, endpoint.weight);
                of.meant += 1;
                if !word.force.is_done_by(holding.on(base), base) {
                    of.hidden += 1;
                    of.by.extend(holding.both().map(|word| &*word.id));
                }
            });
        }
        of
    }
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
