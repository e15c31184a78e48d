//! Where intervals start, and their classes, while a column is built.
//!
//! A large column has millions of intervals. Fresh memory for them costs more than writing them, so both families use
//! the same memory in turn, and starts are apart from classes.

/// Intervals that are merged at a time.
const PART: usize = 512;

/// Adjacent intervals in address order; the first one starts at 0.
#[derive(Debug, Default)]
pub(crate) struct Starts {
    starts: Vec<u64>,
    classes: Vec<u32>,
}

impl Starts {
    /// Merges adjacent ranges of one class, given as start and class. Has capacity for all of them, and for `capacity`
    /// intervals, so that nothing is copied to grow it; the system provides memory only for what is written.
    ///
    /// Merges into a small part at a time: writes every range, and the next range of the same class overwrites it, which
    /// avoids an unpredictable branch.
    pub(crate) fn merged(ranges: impl ExactSizeIterator<Item = (u64, u32)>, capacity: usize) -> Starts {
        let capacity = ranges.len().max(capacity);
        let mut merged = Starts { starts: Vec::with_capacity(capacity), classes: Vec::with_capacity(capacity) };
        let (mut starts, mut classes) = ([0; PART], [0; PART]);
        let (mut next, mut last) = (0, None);
        for (start, class) in ranges {
            let begins = Some(class) != last;
            last = Some(class);
            if let (Some(to_start), Some(to_class)) = (starts.get_mut(next), classes.get_mut(next)) {
                (*to_start, *to_class) = (start, class);
            }
            next += usize::from(begins);
            if next == PART {
                merged.starts.extend_from_slice(&starts);
                merged.classes.extend_from_slice(&classes);
                next = 0;
            }
        }
        merged.starts.extend_from_slice(starts.get(..next).unwrap_or_default());
        merged.classes.extend_from_slice(classes.get(..next).unwrap_or_default());
        merged
    }

    /// Removes all intervals, and keeps their memory.
    pub(crate) fn clear(&mut self) {
        self.starts.clear();
        self.classes.clear();
    }

    /// Starts an interval at `start`, replacing one that already starts there.
    pub(crate) fn set(&mut self, start: u64, class: u32) {
        match self.classes.last_mut() {
            Some(last) if self.starts.last() == Some(&start) => *last = class,
            _ => {
                self.starts.push(start);
                self.classes.push(class);
            }
        }
    }

    /// First addresses.
    pub(crate) fn starts(&self) -> &[u64] {
        &self.starts
    }

    /// One per interval.
    pub(crate) fn classes(&self) -> &[u32] {
        &self.classes
    }
}

#[cfg(test)]
impl Starts {
    /// These intervals, as start and class.
    pub(crate) fn of(pairs: &[(u64, u32)]) -> Starts {
        let (starts, classes) = pairs.iter().copied().unzip();
        Starts { starts, classes }
    }

    /// The intervals as start and class.
    pub(crate) fn pairs(&self) -> Vec<(u64, u32)> {
        self.starts.iter().copied().zip(self.classes.iter().copied()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbors_of_one_class_are_one_interval() {
        let ranges = [(0, 1), (5, 1), (7, 2), (9, 3), (10, 3), (11, 1)];
        for capacity in [0, 100] {
            let mut starts = Starts::merged(ranges.into_iter(), capacity);
            assert_eq!(starts.pairs(), [(0, 1), (7, 2), (9, 3), (11, 1)]);
            starts.clear();
            for (start, class) in [(0, 4), (0, 5), (8, 6)] {
                starts.set(start, class);
            }
            assert_eq!(starts.pairs(), [(0, 5), (8, 6)]);
        }
    }

    #[test]
    fn parts_are_merged_as_a_whole() {
        for count in [PART as u64 - 1, PART as u64, PART as u64 + 1, 5_000] {
            // Every third range has the class of the one before.
            let ranges: Vec<(u64, u32)> = (0..count).map(|at| (at * 9, (at - at / 3) as u32)).collect();
            let mut expected = ranges.clone();
            expected.dedup_by_key(|range| range.1);
            assert_eq!(Starts::merged(ranges.into_iter(), 0).pairs(), expected, "{count}");
        }
    }
}
