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
        let v4 = Merged::of(&index.v4, classes).into_intervals();
        let mut v6 = Merged::of(&index.v6, classes);
        let inside = if let [only] = *v4.classes { only } else { MAPPED_CLASS };
        v6.give(MAPPED, inside);
        Column { v4, v6: v6.into_intervals() }
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

/// Intervals on their way: where each begins, and its class. There is at least one, and neighbours differ in class.
struct Merged<A> {
    starts: Vec<A>,
    classes: Vec<u32>,
}

impl<A: Address> Merged<A> {
    /// Merges neighbouring leaves of one class.
    ///
    /// Counts first, so that nothing is moved or left over; and writes every leaf, the next one over it where it has
    /// the same class, so that there is no branch that nobody can predict.
    fn of(leaves: &Leaves<A>, classes: &[u32]) -> Merged<A> {
        let class_of = |locus: &u32| classes.get(*locus as usize).copied().unwrap_or(0);
        let mut last = None;
        let begins = |locus: &u32| {
            let class = Some(class_of(locus));
            usize::from(class != std::mem::replace(&mut last, class))
        };
        let count: usize = leaves.loci.iter().map(begins).sum();
        // One more to write into, and one for what `give` may add.
        let (mut starts, mut of_start) = (Vec::with_capacity(count + 2), Vec::with_capacity(count + 2));
        starts.resize(count + 1, A::ZERO);
        of_start.resize(count + 1, 0);
        let mut next = 0;
        let mut last = None;
        for (&start, locus) in leaves.starts.iter().zip(&leaves.loci) {
            let class = class_of(locus);
            let begins = Some(class) != last;
            last = Some(class);
            if let (Some(start_at), Some(class_at)) = (starts.get_mut(next), of_start.get_mut(next)) {
                (*start_at, *class_at) = (start, class);
            }
            next += usize::from(begins);
        }
        starts.truncate(next);
        of_start.truncate(next);
        Merged { starts, classes: of_start }
    }

    fn into_intervals(self) -> Intervals<A> {
        Intervals::build(self.starts.into(), self.classes.into())
    }
}

impl Merged<u128> {
    /// Gives the addresses of a range their own class.
    fn give(&mut self, (first, last): (u128, u128), class: u32) {
        let from = self.starts.partition_point(|&start| start < first);
        let mut to = self.starts.partition_point(|&start| start <= last);
        let class_of = |at: usize| self.classes.get(at).copied();
        let mut before = from.checked_sub(1).and_then(class_of);
        let after = to.checked_sub(1).and_then(class_of).unwrap_or(0);
        let mut given = vec![(first, class)];
        match self.starts.get(to) {
            Some(&next) if next == last + 1 => to += usize::from(class_of(to) == Some(class)),
            _ => given.push((last + 1, after)),
        }
        given.retain(|&(_, class)| before.replace(class) != Some(class));
        self.starts.splice(from..to, given.iter().map(|&(start, _)| start));
        self.classes.splice(from..to, given.iter().map(|&(_, class)| class));
    }
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
    fn build(starts: Box<[A]>, classes: Box<[u32]>) -> Intervals<A> {
        // About one interval per entry, where addresses spread evenly; none at all where there is one interval.
        let bits = starts.len().ilog2().min(16);
        let mut jump = Vec::with_capacity((1 << bits) + 1);
        let mut at = 0;
        for top in 0..1usize << bits {
            while starts.get(at + 1).is_some_and(|next| next.top(bits) < top || is_first_of(*next, bits, top)) {
                at += 1;
            }
            jump.push(at as u32);
        }
        jump.push(starts.len() as u32 - 1);
        Intervals { starts, classes, jump: jump.into(), bits }
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
