//! Overrides: what an operator forces regardless of document and probes, and the resulting state of each endpoint.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::overrides::matcher::Matcher;
use super::overrides::select::select;
use super::pool::{Change, EndpointState};
use super::states::States;
use crate::site::model::{Pool, Site};
use crate::site::pattern::{Pattern, Specificity};

pub mod covering;
pub(crate) mod globs;
pub(crate) mod matcher;
pub(crate) mod matching;
pub(crate) mod select;

/// An operator's decision about some endpoints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Override {
    /// Its unique name.
    pub id: String,
    /// The endpoints it applies to.
    pub targets: Vec<Pattern>,
    /// What it forces.
    pub force: Force,
    /// The reason.
    pub reason: String,
    /// Who made it.
    pub owner: String,
    /// Creation time, in milliseconds since 1970-01-01 00:00 UTC.
    pub created: u64,
    /// Expiry time, in milliseconds since 1970-01-01 00:00 UTC; without one, it applies until it is removed.
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
    /// Weight 0: clients go to other endpoints as long as there are any. Endpoints that are down stay down.
    Drain,
    /// This weight instead of the document's. Endpoints that are down stay down.
    #[cfg_attr(feature = "schema", schema(value_type = Weight))]
    Weight(u32),
}

/// A weight in schemas.
#[cfg(feature = "schema")]
#[derive(utoipa::ToSchema)]
#[schema(maximum = 1000000)]
#[expect(dead_code, reason = "used only in schemas, in place of the number")]
struct Weight(u32);

impl Override {
    /// True if it has expired at `now`, in milliseconds since 1970-01-01 00:00 UTC.
    pub fn is_over(&self, now: u64) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

impl Force {
    /// Whether `state` is what it forces, for an endpoint whose state without overrides is `base`.
    fn is_done_by(self, state: EndpointState, base: EndpointState) -> bool {
        match self {
            Self::Up => state.up && (state.weight > 0 || base.weight == 0),
            Self::Down => !state.up,
            Self::Drain => !state.up || state.weight == 0,
            Self::Weight(weight) => state.up && state.weight == weight.min(crate::site::model::MAX_WEIGHT),
        }
    }

    /// True if it forces a weight, not a status.
    fn is_weight(self) -> bool {
        matches!(self, Self::Weight(_))
    }

    /// Applies it to an endpoint's state.
    pub fn on(self, base: EndpointState) -> EndpointState {
        match self {
            // A forced state does not wait for a probe result.
            Force::Up => EndpointState::new(true, base.weight),
            Force::Down => EndpointState::new(false, base.weight),
            Force::Drain => EndpointState { weight: 0, ..base },
            Force::Weight(weight) => EndpointState { weight: weight.min(crate::site::model::MAX_WEIGHT), ..base },
        }
    }
}

/// The state of each endpoint after applying `overrides` to `base`.
///
/// If several overrides match an endpoint, the most specific target wins: endpoint before pool before data center, a
/// literal name before a pattern, and a pattern with more letters before one with fewer. Among equals, the newest wins.
/// A weight override leaves the status to the next override that forces one, and applies only to endpoints that may get
/// clients: an endpoint that is forced down or drained stays so, however broad that override is. Omit expired overrides
/// (see [`is_over`](Override::is_over)).
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

/// Applies `overrides` to `changes` of base states: faster than [`apply`] if few endpoints are affected.
pub fn apply_to<'o>(overrides: impl IntoIterator<Item = &'o Override>, site: &Site, changes: &[Change]) -> Vec<Change> {
    let ranked = ranked(overrides);
    let (mut matcher, mut found) = (matcher(&ranked), Vec::new());
    let mut at_hand = None;
    let forced = |change: &Change| {
        let pool = site.pools.get(change.pool.0 as usize)?;
        let name = &pool.endpoints.get(change.endpoint as usize)?.name;
        // Changes are grouped by pool.
        if at_hand != Some(change.pool) {
            at_hand = Some(change.pool);
            matcher.set_pool(site, pool);
        }
        matcher.matching(name, &mut found);
        Some(Change { state: Holding::of(&ranked, &found).on(change.state), ..*change })
    };
    changes.iter().map(forced).zip(changes).map(|(forced, change)| forced.unwrap_or(*change)).collect()
}

/// The overrides that are in effect for an endpoint, of those given to [`apply`].
pub fn holding<'o>(
    overrides: impl IntoIterator<Item = &'o Override>,
    site: &Site,
    pool: &Pool,
    endpoint: &str,
) -> Holding<'o> {
    let ranked = ranked(overrides);
    let matched = ranked.iter().zip(0..).filter(|(ranked, _)| ranked.pattern.matches(site, pool, endpoint));
    let found: Vec<u32> = matched.map(|(_, number)| number).collect();
    Holding::of(&ranked, &found)
}

/// The overrides in effect for an endpoint.
#[derive(Debug, Clone, Copy, Default)]
pub struct Holding<'o> {
    /// The one that forces it up, down or drained.
    pub status: Option<&'o Override>,
    /// The one that forces its weight, if its status lets it get clients.
    pub weight: Option<&'o Override>,
}

impl<'o> Holding<'o> {
    /// Selects from `ranked`, most specific first, those with the numbers `found`, which are in any order.
    fn of(ranked: &[Ranked<'o>], found: &[u32]) -> Holding<'o> {
        let (mut status, mut weight) = (u32::MAX, u32::MAX);
        for &number in found {
            let Some(ranked) = ranked.get(number as usize) else { continue };
            let first = if ranked.entry.force.is_weight() { &mut weight } else { &mut status };
            *first = number.min(*first);
        }
        let entry = |number: u32| ranked.get(number as usize).map(|ranked| ranked.entry);
        Holding::by(entry(status), entry(weight).filter(|_| weight < status))
    }

    /// Combines the first override that forces a status and the more specific weight override, if any.
    fn by(status: Option<&'o Override>, weight: Option<&'o Override>) -> Holding<'o> {
        // A more specific status override also determines the weight.
        Holding { status, weight: weight.filter(|_| status.is_none_or(|entry| entry.force == Force::Up)) }
    }

    /// Both, the status first.
    pub fn both(self) -> impl Iterator<Item = &'o Override> {
        [self.status, self.weight].into_iter().flatten()
    }

    fn on(self, base: EndpointState) -> EndpointState {
        self.both().fold(base, |state, entry| entry.force.on(state))
    }
}

/// Endpoints that an override matches without taking effect.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Hidden<'o> {
    /// Number of endpoints that its targets match.
    pub matched: usize,
    /// Those that are not in the state it forces.
    pub hidden: usize,
    /// The overrides in effect there instead.
    pub by: BTreeSet<&'o str>,
}

/// The overrides that do not take effect on all endpoints they match, by ID.
pub fn hidden<'o>(overrides: impl IntoIterator<Item = &'o Override>, site: &Site) -> BTreeMap<&'o str, Hidden<'o>> {
    let ranks = Ranks::of(overrides, site);
    let hidden = ranks.overrides.iter().map(|&entry| (&*entry.id, ranks.hidden(entry, site)));
    hidden.filter(|(_, of)| of.hidden > 0).collect()
}

/// Whether removing `ended` returns all its endpoints to the document and the probes: it kept clients away or changed
/// their share, and none of `left` matches any of them.
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

/// For each of `targets`, whether it matches any endpoint of the site. One that matches none is usually a typo.
pub fn targets_match_any(targets: &[Pattern], site: &Site) -> Vec<bool> {
    select(targets, site).matched.clone()
}

/// For each of `overrides`, whether it matches any endpoint of the site.
pub fn match_any<'o>(overrides: impl IntoIterator<Item = &'o Override>, site: &Site) -> Vec<bool> {
    let matches_any = |entry: &Override| select(&entry.targets, site).matched.contains(&true);
    overrides.into_iter().map(matches_any).collect()
}

/// Overrides, and the highest-ranked ones for each endpoint.
struct Ranks<'o> {
    /// In creation order.
    overrides: Vec<&'o Override>,
    /// For each pool of the site, a slot for each endpoint; none for pools that no override matches.
    slots: Vec<Box<[Slot]>>,
}

/// The ranks of the first override for the status of an endpoint, and for its weight; 0 if there is none. A rank has
/// the key of the target in its upper half, and the index of the override plus one in its lower half.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Slot {
    status: u64,
    weight: u64,
}

impl<'o> Ranks<'o> {
    fn of(overrides: impl IntoIterator<Item = &'o Override>, site: &Site) -> Ranks<'o> {
        let mut overrides: Vec<&'o Override> = overrides.into_iter().collect();
        overrides.sort_by_key(|entry| (entry.created, &*entry.id));
        let mut slots: Vec<Box<[Slot]>> = site.pools.iter().map(|_| Box::default()).collect();
        for (entry, number) in overrides.iter().zip(1u64..) {
            let selection = select(&entry.targets, site);
            for in_pool in &selection.pools {
                let Some(slots) = slots.get_mut(in_pool.pool) else { continue };
                let count = site.pools.get(in_pool.pool).map_or(0, |pool| pool.endpoints.len());
                if slots.is_empty() {
                    *slots = vec![Slot::default(); count].into();
                }
                selection.each(in_pool, count, |at, key| {
                    let Some(slot) = slots.get_mut(at) else { return };
                    let first = if entry.force.is_weight() { &mut slot.weight } else { &mut slot.status };
                    *first = (*first).max(u64::from(key) << 32 | number);
                });
            }
        }
        Ranks { overrides, slots }
    }

    fn holding(&self, slot: &Slot) -> Holding<'o> {
        let entry = |rank: u64| self.overrides.get(((rank & u64::from(u32::MAX)) as usize).checked_sub(1)?).copied();
        Holding::by(entry(slot.status), entry(slot.weight).filter(|_| slot.weight > slot.status))
    }

    /// The endpoints on which `entry`, one of these overrides, does not take effect.
    fn hidden(&self, entry: &'o Override, site: &Site) -> Hidden<'o> {
        let mut of = Hidden::default();
        let selection = select(&entry.targets, site);
        for in_pool in &selection.pools {
            let Some((pool, slots)) = site.pools.get(in_pool.pool).zip(self.slots.get(in_pool.pool)) else { continue };
            selection.each(in_pool, pool.endpoints.len(), |at, _| {
                let Some((endpoint, slot)) = pool.endpoints.get(at).zip(slots.get(at)) else { return };
                let holding = self.holding(slot);
                let base = EndpointState::new(true, endpoint.weight);
                of.matched += 1;
                if !entry.force.is_done_by(holding.on(base), base) {
                    of.hidden += 1;
                    of.by.extend(holding.both().map(|entry| &*entry.id));
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
    entry: &'o Override,
}

/// All targets, highest precedence first.
fn ranked<'o>(overrides: impl IntoIterator<Item = &'o Override>) -> Vec<Ranked<'o>> {
    let targets = |entry: &'o Override| {
        let rank = |pattern: &'o Pattern| (pattern.specificity(), entry.created, &*entry.id);
        entry.targets.iter().map(move |pattern| Ranked { rank: rank(pattern), pattern, entry })
    };
    let mut ranked: Vec<Ranked<'o>> = overrides.into_iter().flat_map(targets).collect();
    ranked.sort_by(|a, b| b.rank.cmp(&a.rank));
    ranked
}

fn matcher<'o>(ranked: &[Ranked<'o>]) -> Matcher<'o> {
    Matcher::new(ranked.iter().map(|ranked| ranked.pattern))
}
