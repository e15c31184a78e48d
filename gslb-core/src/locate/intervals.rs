//! Finds the interval that contains an address. A lookup reads one cache line, however many intervals there are, and a
//! few entries of tables that are small enough to stay cached.
//!
//! A *line* describes a range of addresses completely: where intervals start, where the last one ends, and their
//! classes. Lines are compact, since a cache that holds all of them answers many times faster than one that does not:
//! starts are stored as distances from one of them, in the largest power-of-two unit that divides them all. Tables over
//! the leading bits of an address lead to its line. If more intervals share the same leading bits than fit into a line,
//! and networks do cluster, a table leads to another table over the following bits. Adjacent intervals share a line
//! where they fit, so lines are nearly full.
//!
//! Addresses of both families are 64-bit numbers here: IPv4 in the upper half, or the upper half of IPv6.

use std::array;
use std::ops::Range;

use super::address::Address;
use super::starts::Starts;

/// Marks a network that is split at more than 64 bits, so that a second table has its classes. Never a real class.
pub(crate) const SPLIT: u32 = u32::MAX;

/// Maximum bits of one table.
const TABLE_BITS: u32 = 12;
/// Minimum bits of one table, so that a lookup visits at most sixteen of them.
const LEAST_BITS: u32 = 4;
/// Maximum entries of all tables of a column. Beyond that, intervals that do not fit into one line use consecutive
/// lines, which are searched linearly: slow, but correct.
const MAX_ENTRIES: usize = 1 << 26;
/// Set in a table entry that leads to a line; without it, the entry leads to another table.
const TO_LINE: u32 = 1 << 31;
/// Bits of a table entry that give the number of bits of the next table; the others give its offset.
const BITS_BITS: u32 = 4;

/// Intervals that cover all addresses, each with a class.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Intervals {
    /// Classes fit into an octet; they nearly always do.
    Narrow(Lines<u8, 12, 14>),
    /// There are more classes.
    Wide(Lines<u32, 4, 6>),
}

/// The result of a lookup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Interval<A> {
    /// Its class.
    pub(crate) class: u32,
    /// Its first address.
    pub(crate) first: A,
    /// Its last address.
    pub(crate) last: A,
}

/// The stored form of a class; the greatest number represents [`SPLIT`].
pub(crate) trait Class: Copy + Default {
    fn narrowed(class: u32) -> Option<Self>;
    fn widened(self) -> u32;
}

impl Class for u8 {
    fn narrowed(class: u32) -> Option<u8> {
        match class {
            SPLIT => Some(u8::MAX),
            _ => u8::try_from(class).ok().filter(|class| *class < u8::MAX),
        }
    }

    #[inline]
    fn widened(self) -> u32 {
        if self == u8::MAX { SPLIT } else { u32::from(self) }
    }
}

impl Class for u32 {
    fn narrowed(class: u32) -> Option<u32> {
        Some(class)
    }

    #[inline]
    fn widened(self) -> u32 {
        self
    }
}

impl Intervals {
    /// Builds them, from at least one.
    pub(crate) fn build(intervals: &Starts) -> Intervals {
        match intervals.classes().iter().all(|&class| u8::narrowed(class).is_some()) {
            true => Intervals::Narrow(Lines::build(intervals)),
            false => Intervals::Wide(Lines::build(intervals)),
        }
    }

    /// The interval that holds `address`.
    #[inline(always)]
    pub(crate) fn find(&self, address: u64) -> Interval<u64> {
        match self {
            Intervals::Narrow(lines) => lines.find(address),
            Intervals::Wide(lines) => find_wide(lines, address),
        }
    }

    /// Prefetches the line of `address`.
    #[inline]
    pub(crate) fn touch(&self, address: u64) -> u32 {
        match self {
            Intervals::Narrow(lines) => lines.touch(address),
            Intervals::Wide(lines) => lines.touch(address),
        }
    }

    /// Number of intervals.
    pub(crate) fn len(&self) -> usize {
        match self {
            Intervals::Narrow(lines) => lines.intervals,
            Intervals::Wide(lines) => lines.intervals,
        }
    }

    /// Memory in octets.
    pub(crate) fn memory(&self) -> usize {
        match self {
            Intervals::Narrow(lines) => lines.memory(),
            Intervals::Wide(lines) => lines.memory(),
        }
    }
}

/// Not inlined: few columns have that many classes.
#[inline(never)]
fn find_wide(lines: &Lines<u32, 4, 6>, address: u64) -> Interval<u64> {
    lines.find(address)
}

/// Lines, and the tables that lead to them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lines<C, const STARTS: usize, const CLASSES: usize> {
    /// All tables, concatenated; the first one covers the first bits.
    tables: Box<[u32]>,
    /// Number of bits of the first table.
    bits: u32,
    lines: Box<[Line<C, STARTS, CLASSES>]>,
    intervals: usize,
}

/// Adjacent intervals: at least one, at most `CLASSES`, which is `STARTS` + 2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(C, align(64))]
struct Line<C, const STARTS: usize, const CLASSES: usize> {
    /// Where the first interval starts.
    first: u64,
    /// Start of the second interval; start of the first if there is only one.
    second: u64,
    /// Last address of the last interval.
    last: u64,
    /// Distances of the other starts from the second, in units of 2^`unit`; the maximum value if unused.
    starts: [u16; STARTS],
    classes: [C; CLASSES],
    unit: u8,
    /// Number of valid `starts`.
    used: u8,
}

impl<C: Class, const STARTS: usize, const CLASSES: usize> Lines<C, STARTS, CLASSES> {
    fn build(intervals: &Starts) -> Self {
        let (starts, classes) = (intervals.starts(), intervals.classes());
        // A line holds four intervals or more, unless they are very scattered; growing would copy all lines.
        let lines = Vec::with_capacity(starts.len().div_ceil(4));
        let (line, distances) = (0..0, Distances::default());
        let mut building = Building { starts, classes, tables: Vec::new(), lines, line, distances };
        let bits = building.table(0, 0, 0..starts.len());
        building.flush(starts.len());
        let Building { tables, lines, .. } = building;
        Lines { tables: tables.into(), bits, lines: lines.into(), intervals: starts.len() }
    }

    #[inline(always)]
    fn find(&self, address: u64) -> Interval<u64> {
        match self.lines.get(self.line(address)) {
            Some(line) if address <= line.last => line.find(address),
            _ => self.find_in_several(address),
        }
    }

    /// The same for intervals that do not fit into one line, and therefore are in several consecutive lines.
    #[cold]
    fn find_in_several(&self, address: u64) -> Interval<u64> {
        let lines = self.lines.get(self.line(address)..).unwrap_or_default();
        match lines.iter().find(|line| address <= line.last) {
            Some(line) => line.find(address),
            None => Interval { class: 0, first: 0, last: u64::MAX },
        }
    }

    /// The line that contains `address`, or the first of several candidates.
    #[inline]
    fn line(&self, address: u64) -> usize {
        let (mut table, mut bits, mut rest) = (0, self.bits, address);
        loop {
            // At least one bit, so that the shift is by fewer than all.
            let index = rest >> ((u64::BITS - bits) % u64::BITS);
            match self.tables.get(table + index as usize) {
                Some(&entry) if entry & TO_LINE != 0 => return (entry & !TO_LINE) as usize,
                Some(&entry) => {
                    rest <<= bits % u64::BITS;
                    (table, bits) = ((entry >> BITS_BITS) as usize, entry & ((1 << BITS_BITS) - 1));
                }
                None => return usize::MAX,
            }
        }
    }

    /// Prefetches the line of `address`.
    #[inline]
    fn touch(&self, address: u64) -> u32 {
        self.lines.get(self.line(address)).map_or(0, |line| u32::from(line.used))
    }

    fn memory(&self) -> usize {
        size_of_val(&*self.tables) + size_of_val(&*self.lines)
    }
}

impl<C: Class, const STARTS: usize, const CLASSES: usize> Line<C, STARTS, CLASSES> {
    /// The line of some adjacent intervals that fit; `next` is the start of the interval after them.
    fn of(starts: &[u64], classes: &[u32], distances: &Distances, next: Option<u64>) -> Self {
        let unit = distances.unit();
        let class = |at: usize| classes.get(at).or(classes.last()).and_then(|&class| C::narrowed(class));
        let start = |at: usize| starts.get(at + 2).map(|&start| (start - distances.second) >> unit);
        Line {
            first: starts.first().copied().unwrap_or(0),
            second: distances.second,
            last: next.map_or(u64::MAX, |next| next - 1),
            starts: array::from_fn(|at| start(at).and_then(|start| u16::try_from(start).ok()).unwrap_or(u16::MAX)),
            // A line with one interval stores its class twice.
            classes: array::from_fn(|at| class(at).unwrap_or_default()),
            unit: unit as u8,
            used: starts.len().saturating_sub(2) as u8,
        }
    }

    #[inline(always)]
    fn find(&self, address: u64) -> Interval<u64> {
        let class = |at: usize| self.classes.get(at).copied().unwrap_or_default().widened();
        let Some(beyond) = address.checked_sub(self.second) else {
            return Interval { class: class(0), first: self.first, last: self.second - 1 };
        };
        let distance = u16::try_from(beyond >> (self.unit & 63)).unwrap_or(u16::MAX);
        // Sums of 16 bits, like the starts: as many additions at once as comparisons.
        let before: u16 = self.starts.iter().map(|start| u16::from(*start <= distance)).sum();
        let before = usize::from(before.min(u16::from(self.used)));
        let start = |at: usize| {
            self.starts.get(at).map(|&start| self.second.wrapping_add(u64::from(start) << (self.unit & 63)))
        };
        Interval {
            class: class(before + 1),
            first: before.checked_sub(1).and_then(start).unwrap_or(self.second),
            last: match start(before) {
                Some(next) if before < usize::from(self.used) => next - 1,
                _ => self.last,
            },
        }
    }
}

/// Distances of adjacent interval starts from the second one, as stored in a line.
#[derive(Debug, Clone, Copy, Default)]
struct Distances {
    /// Number of intervals.
    count: usize,
    second: u64,
    /// The greatest distance.
    most: u64,
    /// The bits that are set in any of them.
    bits: u64,
}

impl Distances {
    /// The same with one more interval, which starts at `start`.
    #[inline]
    fn with(self, start: u64) -> Distances {
        match self.count {
            // The second start; that of the first one until there is a second.
            0 | 1 => Distances { count: self.count + 1, second: start, most: 0, bits: 0 },
            count => {
                let most = start - self.second;
                Distances { count: count + 1, most, bits: self.bits | most, ..self }
            }
        }
    }

    /// All distances are multiples of two to this power.
    #[inline]
    fn unit(&self) -> u32 {
        // Zero has as many trailing zeros as bits, so without distances the unit is the largest.
        self.bits.trailing_zeros().min(u64::BITS - 1)
    }

    /// True if a line of `capacity` intervals can store them.
    #[inline]
    fn fit(&self, capacity: usize) -> bool {
        self.count <= capacity && u16::try_from(self.most >> self.unit()).is_ok()
    }
}

/// Builds tables and lines in address order.
struct Building<'a, C, const STARTS: usize, const CLASSES: usize> {
    starts: &'a [u64],
    classes: &'a [u32],
    tables: Vec<u32>,
    lines: Vec<Line<C, STARTS, CLASSES>>,
    /// The intervals of the line being filled, and their distances.
    line: Range<usize>,
    distances: Distances,
}

impl<C: Class, const STARTS: usize, const CLASSES: usize> Building<'_, C, STARTS, CLASSES> {
    /// Builds the table for addresses whose first `depth` bits are `leading`; `intervals` overlap them. Returns the
    /// number of bits it covers.
    fn table(&mut self, leading: u64, depth: u32, intervals: Range<usize>) -> u32 {
        // About as many entries as lines.
        let wanted = (intervals.len() / CLASSES).next_power_of_two().ilog2();
        let bits = wanted.clamp(LEAST_BITS, TABLE_BITS).min(u64::BITS - depth);
        let (table, depth) = (self.tables.len(), depth + bits);
        self.tables.resize(table + (1 << bits), 0);
        let mut end = intervals.start + 1;
        for entry in 0..1 << bits {
            let leading = leading << bits | entry;
            let first = leading << (u64::BITS - depth);
            let starts_by = |at: usize, address: u64| self.starts.get(at).is_some_and(|start| *start <= address);
            // The last interval goes on, unless the next one starts right here.
            let at = if starts_by(end, first) { end } else { end - 1 };
            end = at + 1;
            while starts_by(end, first.last_of(depth)) {
                end += 1;
            }
            let value = match end == self.line.end {
                true => TO_LINE | self.lines.len() as u32,
                false => self.entry(leading, depth, at..end),
            };
            if let Some(place) = self.tables.get_mut(table + entry as usize) {
                *place = value;
            }
        }
        bits
    }

    /// The table entry for addresses whose first `depth` bits are `leading`.
    fn entry(&mut self, leading: u64, depth: u32, intervals: Range<usize>) -> u32 {
        if intervals.len() > CLASSES && self.tables.len() < MAX_ENTRIES {
            let table = self.tables.len() as u32;
            return table << BITS_BITS | self.table(leading, depth, intervals);
        }
        let mut with_all = self.with(self.line.end..intervals.end);
        if !with_all.fit(CLASSES) {
            self.flush(intervals.start);
            with_all = self.with(intervals.clone());
        }
        let line = self.lines.len() as u32;
        if with_all.fit(CLASSES) {
            (self.line.end, self.distances) = (intervals.end, with_all);
            return TO_LINE | line;
        }
        for at in self.line.end..intervals.end {
            let mut distances = self.with(at..at + 1);
            if !distances.fit(CLASSES) {
                self.flush(at);
                distances = self.with(at..at + 1);
            }
            self.line.end = at + 1;
            self.distances = distances;
        }
        TO_LINE | line
    }

    /// The distances of the current line with these intervals at its end.
    #[inline]
    fn with(&self, more: Range<usize>) -> Distances {
        let more = self.starts.get(more).unwrap_or_default();
        more.iter().fold(self.distances, |distances, &start| distances.with(start))
    }

    /// Finishes the current line; the next one starts with interval `next`.
    fn flush(&mut self, next: usize) {
        if !self.line.is_empty() {
            let after = self.starts.get(self.line.end).copied();
            let starts = self.starts.get(self.line.clone()).unwrap_or_default();
            let classes = self.classes.get(self.line.clone()).unwrap_or_default();
            self.lines.push(Line::of(starts, classes, &self.distances, after));
        }
        (self.line, self.distances) = (next..next, Distances::default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steer::draw::Dice;

    fn linear_search(pairs: &[(u64, u32)], address: u64) -> Interval<u64> {
        let at = pairs.partition_point(|&(start, _)| start <= address) - 1;
        let last = pairs.get(at + 1).map_or(u64::MAX, |&(next, _)| next - 1);
        Interval { class: pairs[at].1, first: pairs[at].0, last }
    }

    fn check(pairs: &[(u64, u32)]) {
        let intervals = Intervals::build(&Starts::of(pairs));
        assert_eq!(intervals.len(), pairs.len());
        let borders = pairs.iter().flat_map(|&(start, _)| [start, start.saturating_sub(1), start.saturating_add(1)]);
        for address in borders.chain([0, u64::MAX]) {
            assert_eq!(intervals.find(address), linear_search(pairs, address), "{address:x} of {}", pairs.len());
        }
    }

    /// Starts that cluster like networks: many close together, few in between.
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
    fn lookups_agree_with_a_linear_search() {
        for (len, seed) in [(1, 1), (2, 2), (13, 3), (14, 4), (15, 5), (300, 6), (5_000, 7), (100_000, 8)] {
            let classes = (0..).map(|at| at % 7);
            check(&crowded(len, seed, 64).into_iter().zip(classes.clone()).collect::<Vec<_>>());
            let upper = crowded(len, seed, 32).into_iter().map(|start| start << 32);
            check(&upper.zip(classes).collect::<Vec<_>>());
        }
        check(&[(0, 5)]);
        check(&[(0, 5), (u64::MAX, 6)]);
        check(&[(0, 5), (u64::MAX - 1, 4), (u64::MAX, 6)]);
    }

    #[test]
    fn many_classes_and_the_split_marker_are_found() {
        for classes in [70_000u32, 256, 255, 254, 10] {
            let pairs: Vec<(u64, u32)> = (0..classes).map(|class| (u64::from(class) << 40, class)).collect();
            check(&pairs);
        }
        check(&[(0, 1), (9, SPLIT), (10, 2)]);
        check(&[(0, 1), (9, SPLIT), (10, 70_000)]);
    }

    #[test]
    fn isolated_neighbors_need_few_tables() {
        let pairs: Vec<(u64, u32)> = (0..3_000u64)
            .flat_map(|at| [0, 1, 1 << 17, (1 << 17) + 1].map(|beside| (at << 50 | beside << 3) + beside))
            .zip((0..).map(|at| at % 5))
            .collect();
        let pairs: Vec<(u64, u32)> = pairs.into_iter().filter(|pair| pair.0 < 1 << 62).collect();
        check(&pairs);
        let Intervals::Narrow(lines) = Intervals::build(&Starts::of(&pairs)) else { panic!("five classes are few") };
        assert!(lines.tables.len() < 4 * pairs.len(), "{} entries for {}", lines.tables.len(), pairs.len());
    }

    #[test]
    fn a_line_fills_one_cache_line() {
        assert_eq!((size_of::<Line<u8, 12, 14>>(), size_of::<Line<u32, 4, 6>>()), (64, 64));
    }

    #[test]
    fn few_lines_are_searched_for_an_address() {
        for (len, seed) in [(300, 1), (5_000, 2), (100_000, 3)] {
            let starts = crowded(len, seed, 64);
            let pairs: Vec<(u64, u32)> = starts.into_iter().zip((0..).map(|at| at % 7)).collect();
            let Intervals::Narrow(lines) = Intervals::build(&Starts::of(&pairs)) else {
                panic!("seven classes are few")
            };
            for &(start, _) in &pairs {
                let first = lines.line(start);
                let searched = lines.lines[first..].iter().position(|line| start <= line.last).unwrap() + 1;
                assert!(searched <= 14, "{searched} lines for {start:x} of {len}");
            }
        }
    }
}
