//! A column over the location index: which class of clients an address belongs to, and how far around it that holds.

use std::net::IpAddr;

use super::address::{Address, shortest_prefix_within};
use super::index::{Leaves, LocationIndex};

/// Leading bits of IPv4-mapped addresses, `::ffff:0:0/96`, within which IPv4 rules.
const MAPPED: (u128, u128) = (0xFFFF_0000_0000, 0xFFFF_FFFF_FFFF);
/// A class that only marks the borders of the mapped block.
const MAPPED_CLASS: u32 = u32::MAX;

/// Classes of clients by address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    v4: Intervals<u32>,
    v6: Intervals<u128>,
}

/// Where a client is, as far as one policy can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Located {
    /// Class of clients that the policy treats alike.
    pub class: u32,
    /// Length of the shortest prefix around the client that lies in the class (RFC 7871's SCOPE PREFIX-LENGTH).
    pub scope: u8,
}

impl Column {
    /// Merges leaves into intervals of one class; `classes` has one class per locus.
    pub fn build(index: &LocationIndex, classes: &[u32]) -> Column {
        let v4 = Intervals::build(merged(&index.v4, classes));
        let mut pairs = merged(&index.v6, classes);
        let inside = if let [only] = *v4.classes { only } else { MAPPED_CLASS };
        insert_range(&mut pairs, MAPPED, inside);
        Column { v4, v6: Intervals::build(pairs) }
    }

    /// Finds the class of an address.
    #[inline]
    pub fn locate(&self, address: IpAddr) -> Located {
        match address {
            IpAddr::V4(v4) => self.v4.locate(v4.to_bits()),
            IpAddr::V6(v6) => {
                let bits = v6.to_bits();
                let found = self.v6.locate(bits);
                if found.class == MAPPED_CLASS {
                    let Located { class, scope } = self.v4.locate(bits as u32);
                    return Located { class, scope: scope + 96 };
                }
                found
            }
        }
    }

    /// Intervals of both families.
    pub fn intervals(&self) -> (usize, usize) {
        (self.v4.starts.len(), self.v6.starts.len())
    }

    /// Octets held.
    pub fn memory(&self) -> usize {
        self.v4.memory() + self.v6.memory()
    }
}

fn merged<A: Address>(leaves: &Leaves<A>, classes: &[u32]) -> Vec<(A, u32)> {
    let mut pairs: Vec<(A, u32)> = Vec::new();
    let mut last = None;
    for (&start, &locus) in leaves.starts.iter().zip(&leaves.loci) {
        let class = classes.get(locus as usize).copied();
        if class != last {
            pairs.push((start, class.unwrap_or(0)));
            last = class;
        }
    }
    pairs
}

/// Gives the addresses of `range` their own class.
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

/// Intervals of one family behind a table over the leading bits of an address.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Intervals<A> {
    starts: Box<[A]>,
    classes: Box<[u32]>,
    /// For each value of the leading bits: the last interval that starts at or before it.
    jump: Box<[u32]>,
    bits: u32,
}

impl<A: Address> Intervals<A> {
    fn build(pairs: Vec<(A, u32)>) -> Intervals<A> {
        // About one interval per entry, where addresses spread evenly; none at all where there is one interval.
        let bits = pairs.len().ilog2().min(16);
        let mut jump = Vec::with_capacity((1 << bits) + 1);
        let mut at = 0;
        for top in 0..1usize << bits {
            while pairs.get(at + 1).is_some_and(|next| next.0.top(bits) < top || is_first_of(next.0, bits, top)) {
                at += 1;
            }
            jump.push(at as u32);
        }
        jump.push(pairs.len() as u32 - 1);
        let (starts, classes): (Vec<A>, Vec<u32>) = pairs.into_iter().unzip();
        Intervals { starts: starts.into(), classes: classes.into(), jump: jump.into(), bits }
    }

    #[inline]
    fn locate(&self, address: A) -> Located {
        let top = address.top(self.bits);
        let (low, high) = match self.jump.get(top..top + 2) {
            Some(&[low, high]) => (low as usize, high as usize + 1),
            _ => (0, self.starts.len()),
        };
        let within = self.starts.get(low..high).unwrap_or_default();
        let at = low + within.partition_point(|start| *start <= address).saturating_sub(1);
        let first = self.starts.get(at).copied().unwrap_or(A::ZERO);
        let last = self.starts.get(at + 1).and_then(|next| next.previous()).unwrap_or(A::LAST);
        Located {
            class: self.classes.get(at).copied().unwrap_or(0),
            scope: shortest_prefix_within(address, first, last) as u8,
        }
    }

    fn memory(&self) -> usize {
        self.starts.len() * (size_of::<A>() + 4) + self.jump.len() * 4
    }
}

/// True where `start` is the very first address whose leading bits are `top`.
fn is_first_of<A: Address>(start: A, bits: u32, top: usize) -> bool {
    start.top(bits) == top && start.masked(bits) == start
}
