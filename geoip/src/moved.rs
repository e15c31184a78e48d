//! How much of the address space two databases disagree on, so that a reload that moves too much can be refused.

use crate::{Database, Leaf, Place};

/// The share of the known address space whose place has changed, per family: 0.0 is none, 1.0 is all of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Moved {
    /// Of the IPv4 addresses that either database knows. Every address counts the same.
    pub v4: f64,
    /// Of the IPv6 networks of length 64 that either database knows; smaller ones count in part.
    /// Allocations differ vastly in size, so a few huge ones dominate.
    pub v6: f64,
}

/// Compares two databases. `same` decides whether two places are equal; it may compare only the countries, for example.
/// A share is 0.0 if neither database knows anything.
///
/// Takes time linear in the number of leaves.
pub fn moved_share(old: &Database, new: &Database, same: impl Fn(&Place, &Place) -> bool) -> Moved {
    let alike = |a: u32, b: u32| same(&old.places[a as usize], &new.places[b as usize]);
    // An address space has one address more than its largest number, hence the `+ 1`.
    let v4_size = f64::from(u32::MAX) + 1.0;
    let v6_size = 2.0_f64.powi(64);
    Moved {
        v4: share(&old.v4, &new.v4, v4_size, |low, high| f64::from(high - low), alike),
        v6: share(&old.v6, &new.v6, v6_size, |low, high| (high - low) as f64 / v6_size, alike),
    }
}

/// Steps through both lists of leaves at once. `size` is the size of the whole space and `length` that of the range
/// from one address up to another, in the same unit.
fn share<K: Ord + Copy + Default>(
    old: &[Leaf<K>],
    new: &[Leaf<K>],
    size: f64,
    length: impl Fn(K, K) -> f64,
    alike: impl Fn(u32, u32) -> bool,
) -> f64 {
    let (mut known, mut moved) = (0.0, 0.0);
    let (mut i, mut j) = (0, 0);
    while let (Some(a), Some(b)) = (old.get(i), new.get(j)) {
        let low = a.start.max(b.start);
        let (a_end, b_end) = (old.get(i + 1).map(|leaf| leaf.start), new.get(j + 1).map(|leaf| leaf.start));
        let end = [a_end, b_end].into_iter().flatten().min();
        let weight = end.map_or_else(|| size - length(K::default(), low), |end| length(low, end));
        if a.place != 0 || b.place != 0 {
            known += weight;
            moved += if alike(a.place, b.place) { 0.0 } else { weight };
        }
        i += usize::from(a_end == end);
        j += usize::from(b_end == end);
    }
    if known > 0.0 { moved / known } else { 0.0 }
}
