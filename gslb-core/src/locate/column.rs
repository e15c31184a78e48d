//! A column over the location index: the client class of an address, and the prefix around it for which that class
//! holds.

use std::iter;

use super::address::{Address, shortest_prefix_within};
use super::halves::{self, Split};
use super::index::LocationIndex;
use super::intervals::{Interval, Intervals, SPLIT};
use super::numeric::NumericAddress;
use super::starts::Starts;

/// Leading bits of IPv4-mapped addresses, `::ffff:0:0/96`, which use the IPv4 classes.
const MAPPED: (u128, u128) = (0xFFFF_0000_0000, 0xFFFF_FFFF_FFFF);
/// A class that only marks the borders of the IPv4-mapped block.
const MAPPED_CLASS: u32 = u32::MAX - 1;

/// Client classes by address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    v4: Intervals,
    /// Networks of at most 64 bits; nearly all are.
    v6: Intervals,
    /// Longer networks, for which `v6` contains [`SPLIT`].
    split: Split,
}

/// The location of a client, as one policy sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Located {
    /// The client class; a policy treats all clients of a class the same.
    pub class: u32,
    /// Length of the shortest prefix around the client that lies in the class (RFC 7871's SCOPE PREFIX-LENGTH).
    pub scope: u8,
}

impl Column {
    /// Merges leaves into intervals of one class; `classes` has one class per locus.
    pub fn build(index: &LocationIndex, classes: &[u32]) -> Column {
        let class_of = |locus: &u32| classes.get(*locus as usize).copied().unwrap_or(0);
        let leaves4 = index.v4.starts.iter().zip(&index.v4.loci);
        let leaves4 = leaves4.map(|(&start, locus)| (left_aligned(start), class_of(locus)));
        // IPv6 uses the same memory afterwards, and has two more intervals for the IPv4-mapped block.
        let mut starts = Starts::merged(leaves4, index.v6.starts.len() + 2);
        let inside = if let [only] = *starts.classes() { only } else { MAPPED_CLASS };
        let v4 = Intervals::build(&starts);
        starts.clear();
        let mut last = None;
        let leaves6 = index.v6.starts.iter().zip(&index.v6.loci).map(|(&start, locus)| (start, class_of(locus)));
        let mut merged6 = leaves6.filter(|&(_, class)| last.replace(class) != Some(class)).peekable();
        // The block changes only the first few: up to the first that starts behind it.
        let mut front: Vec<_> = iter::from_fn(|| merged6.next_if(|&(start, _)| start <= MAPPED.1)).collect();
        front.extend(merged6.next());
        insert_range(&mut front, MAPPED, inside);
        let split = halves::divide(front.into_iter().chain(merged6), &mut starts);
        Column { v4, v6: Intervals::build(&starts), split }
    }

    /// Finds the class of an address.
    #[inline(always)]
    pub fn locate(&self, address: impl Into<NumericAddress>) -> Located {
        let address = address.into();
        let interval = self.intervals_of(address).find(address.upper);
        if interval.class == SPLIT {
            return self.locate_split(address.bits());
        }
        Located::within(interval, address.upper)
    }

    /// Prefetches what [`Column::locate`] will need for an address. The result only keeps the loads alive.
    #[inline]
    pub fn touch(&self, address: impl Into<NumericAddress>) -> u32 {
        let address = address.into();
        self.intervals_of(address).touch(address.upper)
    }

    #[inline]
    fn intervals_of(&self, address: NumericAddress) -> &Intervals {
        if address.is_ipv6 { &self.v6 } else { &self.v4 }
    }

    #[cold]
    fn locate_split(&self, bits: u128) -> Located {
        let interval = self.split.find(bits);
        if interval.class == MAPPED_CLASS {
            let address = left_aligned(bits as u32);
            let Located { class, scope } = Located::within(self.v4.find(address), address);
            return Located { class, scope: scope + 96 };
        }
        Located::within(interval, bits)
    }

    /// Intervals of both families.
    pub fn intervals(&self) -> (usize, usize) {
        (self.v4.len(), self.v6.len())
    }

    /// Memory in octets.
    pub fn memory(&self) -> usize {
        self.v4.memory() + self.v6.memory() + self.split.memory()
    }
}

impl Located {
    #[inline]
    fn within<A: Address>(interval: Interval<A>, address: A) -> Located {
        let scope = shortest_prefix_within(address, interval.first, interval.last) as u8;
        Located { class: interval.class, scope }
    }
}

/// An IPv4 address in the upper half of a number, as stored in intervals; prefix lengths stay the same.
#[inline]
fn left_aligned(address: u32) -> u64 {
    u64::from(address) << 32
}

/// Assigns a class to the addresses of `range`.
fn insert_range(pairs: &mut Vec<(u128, u32)>, range: (u128, u128), class: u32) {
    let (first, last) = range;
    let from = pairs.partition_point(|&(start, _)| start < first);
    let to = pairs.partition_point(|&(start, _)| start <= last);
    let after = pairs.get(to.saturating_sub(1)).map_or(0, |&(_, class)| class);
    let resumes = pairs.get(to).is_none_or(|&(start, _)| start != last + 1);
    let tail = resumes.then_some((last + 1, after));
    pairs.splice(from..to, [(first, class)].into_iter().chain(tail));
    pairs.dedup_by(|later, earlier| later.1 == earlier.1);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_gets_its_class_and_its_neighbors_keep_theirs() {
        let class_at = |pairs: &[(u128, u32)], address: u128| pairs[pairs.partition_point(|it| it.0 <= address) - 1].1;
        for before in [
            vec![(0, 1)],
            vec![(0, 1), (10, 2), (20, 3)],
            vec![(0, 1), (12, 2), (15, 3), (18, 4)],
            vec![(0, 1), (9, 2), (21, 3)],
            vec![(0, 1), (19, 2)],
            vec![(0, 1), (10, 9), (20, 9)],
        ] {
            let mut pairs = before.clone();
            insert_range(&mut pairs, (10, 19), 9);
            assert!(pairs.windows(2).all(|two| two[0].0 < two[1].0 && two[0].1 != two[1].1), "{before:?}: {pairs:?}");
            for address in 0..30 {
                let expected = if (10..20).contains(&address) { 9 } else { class_at(&before, address) };
                assert_eq!(class_at(&pairs, address), expected, "{address} of {before:?}");
            }
        }
    }
}
