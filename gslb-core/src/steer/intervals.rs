//! Which of many intervals holds a number: a search that meets a few cache lines, however many intervals there are.
//!
//! Starts lie in lines of the processor's cache, and the first start of every line lies apart, among the *heads*: so
//! few that a cache keeps them. The leading bits of a number choose a *bucket* of heads. A bucket with many heads is
//! cut again by the bits that follow, into as many *cuts* as it has heads, so that networks that crowd together (and
//! they do) are told apart as fast as those that lie alone. What is left is to compare with a handful of heads, and
//! then with one line of starts, the only one of the list that is read.

use super::address::Address;

/// The class that says: look elsewhere. No interval's own class.
pub(super) const ELSEWHERE: u32 = u32::MAX;

/// Leading bits that choose a bucket, at most.
const BUCKET_BITS: u32 = 16;
/// Bits of a bucket that say by how many bits it is cut again.
const CUT_BITS: u32 = 5;

/// Heads that are looked at without a search.
const FEW: usize = 4;

/// Starts that one cache line holds.
#[derive(Debug, Clone, PartialEq, Eq)]
#[repr(align(64))]
struct Line<A, const N: usize>([A; N]);

/// Intervals that cover all numbers, each with a class; `N` starts fill a cache line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Intervals<A, const N: usize> {
    lines: Box<[Line<A, N>]>,
    /// The first start of each line.
    heads: Box<[A]>,
    /// For each value of the leading bits: where its cuts begin, and how many more bits choose among them.
    buckets: Box<[u32]>,
    bits: u32,
    /// For each cut: the last line whose head is at or before the cut's first number. One more for the end.
    cuts: Box<[u32]>,
    classes: Classes,
}

/// Intervals of IPv4 addresses.
pub(super) type Intervals4 = Intervals<u32, 16>;
/// Intervals of the upper halves of IPv6 addresses.
pub(super) type Intervals6 = Intervals<u64, 8>;

/// An interval that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Interval<A> {
    /// Its class.
    pub(super) class: u32,
    /// Its first number.
    pub(super) first: A,
    /// Its last number.
    pub(super) last: A,
}

/// Classes by interval: in two octets each, unless there are too many of them.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Classes {
    Narrow(Box<[u16]>),
    Wide(Box<[u32]>),
}

impl<A: Address, const N: usize> Intervals<A, N> {
    /// Takes intervals as pairs of start and class, in order; the first starts at the first number.
    pub(super) fn build(pairs: &[(A, u32)]) -> Self {
        let lines: Box<[Line<A, N>]> = pairs.chunks(N).map(Line::of).collect();
        let heads: Box<[A]> = pairs.iter().step_by(N).map(|&(start, _)| start).collect();
        let bits = lines.len().max(1).next_power_of_two().ilog2().min(BUCKET_BITS);
        let (buckets, cuts) = Cuts::of(&heads, bits);
        Intervals { lines, heads, buckets, bits, cuts, classes: Classes::of(pairs) }
    }

    /// How many intervals there are.
    pub(super) fn len(&self) -> usize {
        self.classes.len()
    }

    /// The class of all numbers, where they have but one.
    pub(super) fn only_class(&self) -> Option<u32> {
        (self.len() == 1).then(|| self.classes.get(0))
    }

    /// The interval that holds `number`.
    #[inline]
    pub(super) fn find(&self, number: A) -> Interval<A> {
        let line = self.line_of(number);
        let Some(Line(starts)) = self.lines.get(line) else { return Interval::nowhere() };
        let before = starts.iter().filter(|start| **start <= number).count();
        // What fills the last line is equal to the last number, and so may count as a start before that one.
        let at = (line * N + before.saturating_sub(1)).min(self.len().saturating_sub(1));
        let within = at - line * N;
        let next = match starts.get(within + 1) {
            Some(&next) => Some(next),
            None => self.heads.get(line + 1).copied(),
        };
        let ends = at + 1 == self.len();
        Interval {
            class: self.classes.get(at),
            first: starts.get(within).copied().unwrap_or(A::ZERO),
            last: next.filter(|_| !ends).and_then(A::previous).unwrap_or(A::LAST),
        }
    }

    /// The line that holds the last start at or before `number`.
    #[inline]
    fn line_of(&self, number: A) -> usize {
        let bucket = self.buckets.get(number.top(self.bits)).copied().unwrap_or(0);
        let cut = (bucket >> CUT_BITS) as usize + number.after(self.bits).top(bucket & ((1 << CUT_BITS) - 1));
        let Some(&[low, high]) = self.cuts.get(cut..).and_then(<[u32]>::first_chunk) else { return 0 };
        let (low, high) = (low as usize, high as usize);
        // Most cuts have few heads: a look at a fixed number of them needs no branch.
        let few = self.heads.get(low + 1..low + 1 + FEW).unwrap_or_default();
        match few.iter().filter(|head| **head <= number).count() {
            before if before < few.len() => low + before,
            _ => low + self.heads.get(low + 1..high + 1).unwrap_or_default().partition_point(|head| *head <= number),
        }
    }

    /// Octets held.
    pub(super) fn memory(&self) -> usize {
        size_of_val(&*self.lines)
            + size_of_val(&*self.heads)
            + size_of_val(&*self.buckets)
            + size_of_val(&*self.cuts)
            + self.classes.memory()
    }
}

impl<A: Address, const N: usize> Line<A, N> {
    /// A line of at most `N` starts, filled up with the last number.
    fn of(pairs: &[(A, u32)]) -> Self {
        let mut line = [A::LAST; N];
        line.iter_mut().zip(pairs).for_each(|(place, &(start, _))| *place = start);
        Line(line)
    }
}

impl<A: Address> Interval<A> {
    fn nowhere() -> Self {
        Interval { class: 0, first: A::ZERO, last: A::LAST }
    }
}

/// The two levels over the heads, in the making.
struct Cuts<'a, A> {
    heads: &'a [A],
    /// The last head at or before the cut that was made last.
    at: usize,
    cuts: Vec<u32>,
}

impl<A: Address> Cuts<'_, A> {
    /// Buckets by `bits` leading bits, and their cuts.
    fn of(heads: &[A], bits: u32) -> (Box<[u32]>, Box<[u32]>) {
        let mut making = Cuts { heads, at: 0, cuts: Vec::with_capacity(heads.len() * 2 + (1 << bits)) };
        let buckets = (0..1usize << bits).map(|top| making.bucket(top, bits)).collect();
        making.cuts.push(heads.len().saturating_sub(1) as u32);
        (buckets, making.cuts.into())
    }

    /// Cuts one bucket, and says where its cuts are.
    fn bucket(&mut self, top: usize, bits: u32) -> u32 {
        let first = A::from_top(top, bits);
        let crowd = self.heads.get(self.at..).unwrap_or_default();
        let crowd = crowd.iter().take_while(|head| **head <= first.last_of(bits)).filter(|head| **head > first);
        let more = crowd.count().next_power_of_two().ilog2().min(A::BITS - bits).min(BUCKET_BITS);
        let bucket = (self.cuts.len() as u32) << CUT_BITS | more;
        for cut in 0..1usize << more {
            // The first number of the cut: the bucket's leading bits, then the cut's.
            let start = A::from_top(top << more | cut, bits + more);
            while self.heads.get(self.at + 1).is_some_and(|head| *head <= start) {
                self.at += 1;
            }
            self.cuts.push(self.at as u32);
        }
        bucket
    }
}

impl Classes {
    fn of<A>(pairs: &[(A, u32)]) -> Classes {
        // The greatest number of two octets stands for ELSEWHERE.
        let narrow = |class: u32| if class == ELSEWHERE { Ok(u16::MAX) } else { u16::try_from(class) };
        match pairs
            .iter()
            .map(|&(_, class)| narrow(class).ok().filter(|&c| c < u16::MAX || class == ELSEWHERE))
            .collect()
        {
            Some(classes) => Classes::Narrow(classes),
            None => Classes::Wide(pairs.iter().map(|&(_, class)| class).collect()),
        }
    }

    #[inline]
    fn get(&self, at: usize) -> u32 {
        match self {
            Classes::Narrow(classes) => match classes.get(at) {
                Some(&u16::MAX) => ELSEWHERE,
                class => u32::from(class.copied().unwrap_or(0)),
            },
            Classes::Wide(classes) => classes.get(at).copied().unwrap_or(0),
        }
    }

    fn len(&self) -> usize {
        match self {
            Classes::Narrow(classes) => classes.len(),
            Classes::Wide(classes) => classes.len(),
        }
    }

    fn memory(&self) -> usize {
        match self {
            Classes::Narrow(classes) => size_of_val(&**classes),
            Classes::Wide(classes) => size_of_val(&**classes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steer::draw::Dice;

    fn plainly<A: Address>(pairs: &[(A, u32)], number: A) -> Interval<A> {
        let at = pairs.partition_point(|&(start, _)| start <= number) - 1;
        let last = pairs.get(at + 1).and_then(|&(next, _)| next.previous()).unwrap_or(A::LAST);
        Interval { class: pairs[at].1, first: pairs[at].0, last }
    }

    fn check<A: Address, const N: usize>(pairs: &[(A, u32)]) {
        let intervals = Intervals::<A, N>::build(pairs);
        assert_eq!(intervals.len(), pairs.len());
        let borders = pairs.iter().flat_map(|&(start, _)| [Some(start), start.previous(), start.next()]).flatten();
        for number in borders.chain([A::ZERO, A::LAST]) {
            assert_eq!(intervals.find(number), plainly(pairs, number), "{number:?} of {}", pairs.len());
        }
    }

    /// Starts that crowd as networks do: many beside each other, few elsewhere.
    fn crowded(len: usize, seed: u64, bits: u32) -> Vec<u64> {
        let mut dice = Dice::new(seed);
        let mut starts = vec![0];
        while starts.len() < len {
            let (crowd, spread) = (dice.roll() % 3, dice.roll() % u64::from(bits));
            let base = if crowd == 0 { dice.roll() } else { 0x2A02_0000_0000_0000 };
            starts.push((base | dice.roll() >> spread) >> (64 - bits));
        }
        starts.extend([u64::MAX >> (64 - bits), 1]);
        starts.sort_unstable();
        starts.dedup();
        starts
    }

    #[test]
    fn every_number_is_found_where_a_plain_search_finds_it() {
        for (len, seed) in [(1, 1), (2, 2), (15, 3), (16, 4), (17, 5), (300, 6), (5_000, 7), (100_000, 8)] {
            let classes = (0..).map(|at| at % 7);
            let starts = crowded(len, seed, 64);
            check::<u64, 8>(&starts.iter().copied().zip(classes.clone()).collect::<Vec<_>>());
            let starts = crowded(len, seed, 32);
            check::<u32, 16>(&starts.iter().map(|start| *start as u32).zip(classes).collect::<Vec<_>>());
        }
        check::<u32, 16>(&[(0, 5)]);
        check::<u64, 8>(&[(0, 5)]);
    }

    #[test]
    fn classes_may_be_many_and_one_of_them_is_elsewhere() {
        for classes in [70_000u32, 65_536, 65_535, 10] {
            let pairs: Vec<(u32, u32)> = (0..classes).map(|class| (class << 8, class)).collect();
            check::<u32, 16>(&pairs);
        }
        check::<u32, 16>(&[(0, 1), (9, ELSEWHERE), (10, 2)]);
        check::<u32, 16>(&[(0, 1), (9, ELSEWHERE), (10, 70_000)]);
    }
}
