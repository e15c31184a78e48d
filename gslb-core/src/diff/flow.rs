//! Transforms one distribution into another with minimal movement.

use std::collections::BTreeMap;

use super::answers::{Cell, Distribution};
use super::content::Contents;

/// Shares below this are rounding noise.
pub(super) const NOISE: f64 = 1e-12;

/// Clients that move.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Flow {
    /// Destinations; equal if only the endpoints change.
    pub(super) from: u32,
    pub(super) to: u32,
    /// The pools before and after, if the destination stays and its pool changes.
    pub(super) pools: Option<(u32, u32)>,
    /// From 0 to 1.
    pub(super) share: f64,
}

/// From which destination to which, and through which pools.
pub(super) type Route = (u32, u32, Option<(u32, u32)>);

impl Flow {
    pub(super) fn route(&self) -> Route {
        (self.from, self.to, self.pools)
    }
}

/// How the clients of `old` become those of `new`. Clients stay at their destination if they can; the others are
/// divided among the destinations that gain, in proportion.
pub(super) fn flows(old: &Distribution, new: &Distribution, contents: &mut Contents) -> Vec<Flow> {
    if old.cells == new.cells {
        return Vec::new();
    }
    let (mut leaving, mut coming, mut flows) = (Vec::new(), Vec::new(), Vec::new());
    for (destination, before, after) in by_destination(old, new) {
        let (old_share, new_share) = (sum(before), sum(after));
        if old_share > new_share {
            leaving.push((destination, old_share - new_share));
        } else {
            coming.push((destination, new_share - old_share));
        }
        let changed = changed_within(before, old_share, after, new_share, contents);
        flows.extend(changed.into_iter().map(|(pools, share)| Flow {
            from: destination,
            to: destination,
            pools,
            share,
        }));
    }
    let moving: f64 = coming.iter().map(|(_, share)| share).sum();
    for (from, left) in leaving {
        flows.extend(coming.iter().map(|&(to, came)| Flow { from, to, pools: None, share: left * came / moving }));
    }
    flows.retain(|flow| flow.share > NOISE);
    flows
}

/// The cells of both distributions at each destination in either.
fn by_destination<'d>(old: &'d Distribution, new: &'d Distribution) -> Vec<(u32, &'d [Cell], &'d [Cell])> {
    let all =
        |distribution: &Distribution| -> Vec<u32> { distribution.cells.iter().map(|cell| cell.destination).collect() };
    let mut destinations = [all(old), all(new)].concat();
    destinations.sort_unstable();
    destinations.dedup();
    let of = |distribution: &'d Distribution, destination: u32| {
        let cells = &distribution.cells;
        let start = cells.partition_point(|cell| cell.destination < destination);
        let end = cells.partition_point(|cell| cell.destination <= destination);
        cells.get(start..end).unwrap_or_default()
    };
    destinations.into_iter().map(|destination| (destination, of(old, destination), of(new, destination))).collect()
}

/// Of the clients that stay at a destination, how many get other endpoints: from other pools (which), and from the same
/// pools.
fn changed_within(
    old: &[Cell],
    old_share: f64,
    new: &[Cell],
    new_share: f64,
    contents: &mut Contents,
) -> BTreeMap<Option<(u32, u32)>, f64> {
    let mut changed = BTreeMap::new();
    let stay = old_share.min(new_share);
    if stay <= NOISE {
        return changed;
    }
    // What the cells have in common stays, whatever the pools are called; the rest is paired in proportion.
    let (mut rest_old, mut rest_new) = (scaled(old, stay / old_share), scaled(new, stay / new_share));
    for of_same_pool in [true, false] {
        for cell in &mut rest_old {
            let is_same = |other: &&mut Cell| {
                other.content == cell.content && (!of_same_pool || other.pool == cell.pool) && other.share > 0.0
            };
            if let Some(other) = rest_new.iter_mut().find(is_same) {
                let common = cell.share.min(other.share);
                cell.share -= common;
                other.share -= common;
            }
        }
    }
    rest_old.retain(|cell| cell.share > NOISE);
    rest_new.retain(|cell| cell.share > NOISE);
    let rest = sum(&rest_new);
    for old in &rest_old {
        for new in &rest_new {
            let pools = (old.pool != new.pool).then_some((old.pool, new.pool));
            let share = old.share * new.share / rest * contents.distance(old.content, new.content);
            *changed.entry(pools).or_default() += share;
        }
    }
    changed
}

fn sum(cells: &[Cell]) -> f64 {
    cells.iter().map(|cell| cell.share).sum()
}

fn scaled(cells: &[Cell], by: f64) -> Vec<Cell> {
    cells.iter().map(|cell| Cell { share: cell.share * by, ..*cell }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distribution(cells: &[(u32, u32, f64)]) -> Distribution {
        let cell = |&(destination, content, share)| Cell { destination, pool: 0, content, share };
        Distribution { cells: cells.iter().map(cell).collect(), up: 1.0 }
    }

    #[test]
    fn clients_stay_if_they_can_and_others_go_to_gaining_destinations() {
        let mut contents = Contents::new();
        let old = distribution(&[(0, 0, 0.5), (1, 0, 0.5)]);
        let new = distribution(&[(0, 0, 0.2), (1, 0, 0.6), (2, 0, 0.2)]);
        let flows = flows(&old, &new, &mut contents);
        let expected = [(0, 1, 0.1), (0, 2, 0.2)];
        assert_eq!(flows.len(), expected.len(), "{flows:?}");
        for (flow, (from, to, share)) in flows.iter().zip(expected) {
            assert!((flow.from, flow.to) == (from, to) && (flow.share - share).abs() < 1e-9, "{flows:?}");
        }
    }

    #[test]
    fn changed_endpoints_of_a_destination_are_a_move_to_itself() {
        let mut contents = Contents::new();
        let address = |last| crate::site::model::Target::Address(std::net::Ipv4Addr::new(192, 0, 2, last).into());
        let (a, b, c) = (address(1), address(2), address(3));
        let one = contents.content([(&a, 0.5), (&b, 0.5)].into_iter());
        let other = contents.content([(&a, 0.5), (&c, 0.5)].into_iter());
        let found = flows(&distribution(&[(0, one, 1.0)]), &distribution(&[(0, other, 1.0)]), &mut contents);
        assert_eq!(found, [Flow { from: 0, to: 0, pools: None, share: 0.5 }]);
        let found = flows(
            &distribution(&[(0, one, 0.5), (1, 0, 0.5)]),
            &distribution(&[(0, one, 0.25), (0, other, 0.75)]),
            &mut contents,
        );
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.contains(&Flow { from: 1, to: 0, pools: None, share: 0.5 }));
    }
}
