//! IPv6 networks by the upper half of an address; the few networks longer than 64 bits are stored separately.

use super::intervals::{Interval, SPLIT};
use super::starts::Starts;

/// Intervals that start or end inside a 64-bit network, with their neighbors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Split(Box<[(u128, u32)]>);

impl Split {
    /// The interval that contains `address`, which lies in a split network.
    pub(crate) fn find(&self, address: u128) -> Interval<u128> {
        let after = self.0.partition_point(|&(start, _)| start <= address);
        let &(first, class) = after.checked_sub(1).and_then(|at| self.0.get(at)).unwrap_or(&(0, 0));
        let last = self.0.get(after).map_or(u128::MAX, |&(next, _)| next - 1);
        Interval { class, first, last }
    }

    /// Memory in octets.
    pub(crate) fn memory(&self) -> usize {
        size_of_val(&*self.0)
    }
}

/// Divides intervals of addresses, given as start and class, into intervals of upper halves, plus a list for upper
/// halves whose addresses differ in class: those are marked [`SPLIT`] in `halves`, which must be empty.
pub(crate) fn divide(pairs: impl Iterator<Item = (u128, u32)>, halves: &mut Starts) -> Split {
    let mut split: Vec<(u128, u32)> = Vec::new();
    let (mut pairs, mut before) = (pairs.peekable(), None);
    while let Some((start, class)) = pairs.next() {
        let before = before.replace((start, class));
        let upper = (start >> 64) as u64;
        if start as u64 == 0 {
            halves.set(upper, class);
            continue;
        }
        // The interval before this one shares a 64-bit network with it, and the one after gives its end.
        let around = [before, Some((start, class)), pairs.peek().copied()].into_iter().flatten();
        let known = split.last().map(|&(start, _)| start);
        split.extend(around.filter(|&(start, _)| known.is_none_or(|known| start > known)));
        let split_already = upper.checked_add(1).is_some_and(|next| halves.starts().last() == Some(&next));
        if !split_already {
            halves.set(upper, SPLIT);
        }
        if let Some(next) = upper.checked_add(1) {
            halves.set(next, class);
        }
    }
    Split(split.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The class of an address according to both lists.
    fn find(halves: &[(u64, u32)], split: &Split, address: u128) -> u32 {
        let at = halves.partition_point(|&(start, _)| start <= (address >> 64) as u64) - 1;
        match halves[at].1 {
            SPLIT => split.find(address).class,
            class => class,
        }
    }

    #[test]
    fn every_address_keeps_its_class() {
        let at = |upper: u64, lower: u64| u128::from(upper) << 64 | u128::from(lower);
        let lists: &[&[(u128, u32)]] = &[
            &[(0, 1)],
            &[(0, 1), (at(5, 0), 2), (at(6, 0), 3)],
            &[(0, 1), (at(0, 7), 2), (at(0, 9), 1)],
            &[(0, 1), (at(5, 7), 2), (at(5, 9), 3), (at(6, 0), 1), (at(7, 1), 2), (at(8, 1), 4), (at(9, 0), 5)],
            &[(0, 1), (at(5, 7), 2), (at(6, 7), 3), (at(7, 7), 2), (at(1 << 40, 0), 4), (at(1 << 40, 1), 5)],
            &[(0, 1), (at(u64::MAX, 0), 2), (at(u64::MAX, 9), 3)],
            &[(0, 1), (at(3, 9), 3), (at(u64::MAX, u64::MAX), 2)],
        ];
        for pairs in lists {
            let mut halves = Starts::default();
            let split = divide(pairs.iter().copied(), &mut halves);
            let halves = halves.pairs();
            assert!(halves.windows(2).all(|two| two[0].0 < two[1].0), "{halves:?}");
            let borders = pairs.iter().flat_map(|&(start, _)| [start, start.wrapping_sub(1), start | 1]);
            for address in borders.chain([0, u128::MAX, at(5, 8), at(6, 1), at(7, 0), at(2, 2)]) {
                let expected = pairs[pairs.partition_point(|&(start, _)| start <= address) - 1].1;
                assert_eq!(find(&halves, &split, address), expected, "{address:x} in {pairs:x?}");
            }
        }
    }

    #[test]
    fn an_interval_beside_a_split_network_knows_both_its_ends() {
        let pairs = [(0, 1), (1 << 70, 2), ((1 << 70) + 5, 3), (1 << 90, 4)];
        let split = divide(pairs.into_iter(), &mut Starts::default());
        assert_eq!(split.find((1 << 70) + 3), Interval { class: 2, first: 1 << 70, last: (1 << 70) + 4 });
        assert_eq!(split.find((1 << 70) + 5), Interval { class: 3, first: (1 << 70) + 5, last: (1 << 90) - 1 });
        let split = divide([(0, 1), (5, 2), (1 << 70, 3)].into_iter(), &mut Starts::default());
        assert_eq!(split.find(5), Interval { class: 2, first: 5, last: (1 << 70) - 1 });
    }
}
