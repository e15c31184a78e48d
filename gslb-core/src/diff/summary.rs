//! Sums up the moves of all services into a comparison.

use std::collections::HashMap;

use super::area::Area;
use super::comparer::{Compared, Comparer};
use super::comparison::{
    Change, Comparison, DataCenterShare, Extent, Families, LeftWithout, Move, Movement, SampledMoves, ServiceChange,
};
use super::flow::{NOISE, Route};
use super::space::Space;
use super::{Group, MAX_MOVES, Matched, data_centers_up};
use crate::table::RoutingTable;

/// Addresses and prefixes of IPv4 and IPv6.
pub(super) type Amounts = [(f64, u64); 2];

/// The totals so far, by index.
#[derive(Default)]
pub(super) struct Summary {
    movements: Vec<Totals>,
    /// Services of the new site, each with its movement.
    changed: Vec<(u32, usize)>,
    /// Services of the new site, each with whether it has nothing left at all.
    left_without: Vec<(u32, bool)>,
    /// By destination: addresses of IPv4 and IPv6, before and after.
    destinations: HashMap<u32, [[f64; 2]; 2]>,
    services: usize,
}

/// The moves of a group of services.
#[derive(Default)]
struct Totals {
    across: Amounts,
    within: Amounts,
    /// By region and route.
    moves: HashMap<(Option<u32>, Route), Amounts>,
}

impl Summary {
    /// Adds services that are alike; `areas` is how their columns divide the space.
    pub(super) fn add(&mut self, group: &Group<'_>, areas: &[Area], comparer: &mut Comparer<'_>) {
        let mut known: HashMap<(u32, u32), Compared> = HashMap::new();
        let mut totals = Totals::default();
        let (mut any_left, mut any_up) = (false, false);
        for area in areas {
            let compared = known
                .entry((area.old, area.new))
                .or_insert_with(|| comparer.compare((group.old, area.old), (group.new, area.new)));
            if compared.is_up > 0.0 {
                any_up = true;
            }
            // In a draw, clients drawn into an `only` that is down may be left without endpoints.
            if compared.is_up < compared.was_up - NOISE {
                any_left = true;
            }
            totals.add(area, compared);
            self.add_shares(area, compared, group.members.len());
        }
        self.services += group.members.len();
        if any_left {
            self.left_without.extend(group.members.iter().map(|&member| (member, !any_up)));
        }
        if !totals.moves.is_empty() {
            let movement = self.movements.len();
            self.changed.extend(group.members.iter().map(|&member| (member, movement)));
            self.movements.push(totals);
        }
    }

    fn add_shares(&mut self, area: &Area, compared: &Compared, services: usize) {
        let sides = [&compared.before, &compared.after];
        for (side, distribution) in sides.into_iter().enumerate() {
            for cell in &distribution.cells {
                let shares = self.destinations.entry(cell.destination).or_default();
                for (sum, weight) in shares.iter_mut().zip(&area.weights) {
                    sum[side] += weight.addresses * cell.share * services as f64;
                }
            }
        }
    }

    /// Builds the comparison with names.
    pub(super) fn finish(
        mut self,
        matched: &Matched<'_>,
        space: &Space<'_>,
        mut comparer: Comparer<'_>,
        sampled: Option<SampledMoves>,
    ) -> Comparison {
        self.changed.sort_unstable();
        let services = &matched.new.topology().services;
        let added = matched.added.iter().filter_map(|&index| Some((index, services.get(index as usize)?)));
        let empty = added.filter(|(_, service)| !comparer.serves(service)).map(|(index, _)| (index, true));
        self.left_without.extend(empty.collect::<Vec<_>>());
        self.left_without.sort_unstable();
        let name = |table: &RoutingTable, index: u32| {
            table.topology().site.services.get(index as usize).map_or(String::new(), |service| service.name.to_string())
        };
        let gone = (0u32..).zip(&matched.successors).filter(|(_, successor)| successor.is_none());
        let in_new = |index: u32| name(matched.new, index);
        let further = |index: u32| {
            let service = matched.new.topology().site.services.get(index as usize);
            service.into_iter().flat_map(|it| &it.further_names).map(|(name, _)| name.to_string()).collect()
        };
        Comparison {
            generations: Change { before: matched.old.generation(), after: matched.new.generation() },
            data_centers_up: Change { before: data_centers_up(matched.old), after: data_centers_up(matched.new) },
            added: matched.added.iter().map(|&index| in_new(index)).collect(),
            removed: gone.map(|(index, _)| name(matched.old, index)).collect(),
            changed: self
                .changed
                .iter()
                .map(|&(index, movement)| ServiceChange { service: in_new(index), names: further(index), movement })
                .collect(),
            movements: self.movements.iter().map(|totals| totals.to_movement(space, &comparer)).collect(),
            left_without: self
                .left_without
                .iter()
                .map(|&(index, all)| LeftWithout { service: in_new(index), all })
                .collect(),
            data_centers: self.data_centers(space, &comparer),
            sampled,
        }
    }

    fn data_centers(&self, space: &Space<'_>, comparer: &Comparer<'_>) -> Vec<DataCenterShare> {
        let services = self.services.max(1) as f64;
        let share = |family: usize, [before, after]: [f64; 2]| Change {
            before: space.share(family, before) / services,
            after: space.share(family, after) / services,
        };
        let to_share = |(&destination, &[v4, v6]): (&u32, &[[f64; 2]; 2])| DataCenterShare {
            destination: comparer.contents.destination_of(destination),
            v4: share(0, v4),
            v6: share(1, v6),
        };
        let mut all: Vec<DataCenterShare> = self.destinations.iter().map(to_share).collect();
        all.sort_by(|a, b| a.destination.cmp(&b.destination));
        all
    }
}

impl Totals {
    fn add(&mut self, area: &Area, compared: &Compared) {
        let (mut across, mut within) = (0.0, 0.0);
        for flow in &compared.flows {
            let sum = if flow.from == flow.to { &mut within } else { &mut across };
            *sum += flow.share;
            let amounts = self.moves.entry((area.region, flow.route())).or_default();
            gather(amounts, area, flow.share);
        }
        gather(&mut self.across, area, across);
        gather(&mut self.within, area, within);
    }

    fn to_movement(&self, space: &Space<'_>, comparer: &Comparer<'_>) -> Movement {
        let to_move = |(&(region, (from, to, pools)), amounts): (&(Option<u32>, Route), &Amounts)| Move {
            region: space.region(region),
            from: comparer.contents.destination_of(from),
            to: comparer.contents.destination_of(to),
            pools: pools.and_then(|pools| comparer.contents.pool_names(pools)),
            extent: families(amounts, space),
        };
        let mut moves: Vec<Move> = self.moves.iter().map(to_move).collect();
        let size = |it: &Move| it.extent.v4.share + it.extent.v6.share;
        let prefixes = |it: &Move| it.extent.v4.prefixes.saturating_add(it.extent.v6.prefixes);
        moves.sort_by(|a, b| {
            let by_size = size(b).total_cmp(&size(a)).then(prefixes(b).cmp(&prefixes(a)));
            let pools = |it: &Move| it.pools.as_ref().map(|pools| (pools.before.clone(), pools.after.clone()));
            let by_size = by_size.then_with(|| (&a.region, &a.from, &a.to).cmp(&(&b.region, &b.from, &b.to)));
            by_size.then_with(|| pools(a).cmp(&pools(b)))
        });
        let more = moves.len().saturating_sub(MAX_MOVES);
        moves.truncate(MAX_MOVES);
        Movement { across: families(&self.across, space), within: families(&self.within, space), moves, more }
    }
}

/// Adds the part `share` of an area; a prefix counts as a whole if anything in it moves.
pub(super) fn gather(amounts: &mut Amounts, area: &Area, share: f64) {
    for ((addresses, prefixes), weight) in amounts.iter_mut().zip(&area.weights) {
        *addresses += weight.addresses * share;
        *prefixes += if share > 0.0 { weight.prefixes } else { 0 };
    }
}

pub(super) fn families(&[v4, v6]: &Amounts, space: &Space<'_>) -> Families {
    let extent = |family, (addresses, prefixes)| Extent { share: space.share(family, addresses), prefixes };
    Families { v4: extent(0, v4), v6: extent(1, v6) }
}
