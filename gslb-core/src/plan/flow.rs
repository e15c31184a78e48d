//! From one distribution to another with as little movement as there can be.

use super::answers::{Cell, Distribution};
use super::content::Contents;

/// Shares below this are the noise of adding up.
pub(super) const NOISE: f64 = 1e-12;

/// Clients that move.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Flow {
    /// Destinations; the same where only the endpoints are others.
    pub(super) from: u32,
    pub(super) to: u32,
    /// From 0 to 1.
    pub(super) share: f64,
}

/// How the clients of `old` become those of `new`. Who can stay with a destination stays; those who leave are divided
/// among the destinations that gain, in proportion.
pub(super) fn flows(old: &Distribution, new: &Distribution, contents: &mut Contents) -> Vec<Flow> {
    if old.cells == new.cells {
        return Vec::new();
    }
    let (mut leaving, mut coming, mut flows) = (Vec::new(), Vec::new(), Vec::new());
    for (destination, before, after) in by_destination(old, new) {
        let (had, has) = (sum(before), sum(after));
        if had > has {
            leaving.push((destination, had - has));
        } else {
            coming.push((destination, has - had));
        }
        let share = changed_within(before, had, after, has, contents);
        flows.push(Flow { from: destination, to: destination, share });
    }
    let moving: f64 = coming.iter().map(|(_, share)| share).sum();
    for (from, left) in leaving {
        flows.extend(coming.iter().map(|&(to, came)| Flow { from, to, share: left * came / moving }));
    }
    flows.retain(|flow| flow.share > NOISE);
    flows
}

/// The cells of both distributions at each destination that either has.
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

/// Of those who stay with a destination, how many get other endpoints.
fn changed_within(old: &[Cell], had: f64, new: &[Cell], has: f64, contents: &mut Contents) -> f64 {
    let stay = had.min(has);
    if stay <= NOISE {
        return 0.0;
    }
    // What cells have in common stays as it is; the rest is paired in proportion.
    let (mut rest_old, mut rest_new) = (scaled(old, stay / had), scaled(new, stay / has));
    for (content, share) in &mut rest_old {
        if let Some((_, other)) = rest_new.iter_mut().find(|(other, _)| other == content) {
            let common = share.min(*other);
            *share -= common;
            *other -= common;
        }
    }
    rest_old.retain(|(_, share)| *share > NOISE);
    rest_new.retain(|(_, share)| *share > NOISE);
    let rest: f64 = rest_new.iter().map(|(_, share)| share).sum();
    let mut changed = 0.0;
    for (old, left) in rest_old {
        for &(new, came) in &rest_new {
            changed += left * came / rest * contents.distance(old, new);
        }
    }
    changed
}

fn sum(cells: &[Cell]) -> f64 {
    cells.iter().map(|cell| cell.share).sum()
}

fn scaled(cells: &[Cell], by: f64) -> Vec<(u32, f64)> {
    cells.iter().map(|cell| (cell.content, cell.share * by)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn distribution(cells: &[(u32, u32, f64)]) -> Distribution {
        let cell = |&(destination, content, share)| Cell { destination, content, share };
        Distribution { cells: cells.iter().map(cell).collect(), served: 1.0 }
    }

    #[test]
    fn who_can_stay_stays_and_the_others_go_where_there_is_gain() {
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
    fn other_endpoints_of_a_destination_are_a_move_to_itself() {
        let mut contents = Contents::new();
        let address = |last| crate::model::Target::Address(std::net::Ipv4Addr::new(192, 0, 2, last).into());
        let (a, b, c) = (address(1), address(2), address(3));
        let one = contents.content([(&a, 0.5), (&b, 0.5)].into_iter());
        let other = contents.content([(&a, 0.5), (&c, 0.5)].into_iter());
        let found = flows(&distribution(&[(0, one, 1.0)]), &distribution(&[(0, other, 1.0)]), &mut contents);
        assert_eq!(found, [Flow { from: 0, to: 0, share: 0.5 }]);
        let found = flows(
            &distribution(&[(0, one, 0.5), (1, 0, 0.5)]),
            &distribution(&[(0, one, 0.25), (0, other, 0.75)]),
            &mut contents,
        );
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found.contains(&Flow { from: 1, to: 0, share: 0.5 }));
    }
}
