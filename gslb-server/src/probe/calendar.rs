//! What is due when: each probe keeps to a rhythm of its own, and no two of them have to share a moment.
//!
//! Pure: time is what the caller says it is, counted from any start.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use gslb_core::steer::draw::Dice;

/// How often something is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rhythm {
    /// Time between two places of the rhythm; more than zero.
    pub(super) interval: Duration,
    /// How far it may be before or after its place; at most half the interval.
    pub(super) jitter: Duration,
}

/// Entries and when each is due next.
pub(super) struct Calendar {
    due: BinaryHeap<Reverse<Due>>,
    entries: Vec<Entry>,
    free: Vec<u32>,
    dice: Dice,
    /// How many were ever added; spreads those that come next.
    added: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: Duration,
    entry: u32,
    /// Of the entry when this was noted; what is due of an entry that is gone is passed over.
    use_count: u32,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    rhythm: Rhythm,
    /// The place of the rhythm that comes next.
    place: Duration,
    /// How many entries have had this number before.
    use_count: u32,
}

/// The golden ratio's part after the point, in 64 bits: its multiples divide any interval evenly, however many come.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

impl Calendar {
    /// An empty calendar; `seed` decides the jitter.
    pub(super) fn new(seed: u64) -> Self {
        Self { due: BinaryHeap::new(), entries: Vec::new(), free: Vec::new(), dice: Dice::new(seed), added: 0 }
    }

    /// Adds an entry, which is due for the first time within an interval from `now`, and gives its number.
    pub(super) fn add(&mut self, rhythm: Rhythm, now: Duration) -> u32 {
        let phase = self.added.wrapping_mul(GOLDEN);
        self.added += 1;
        let place = now + share(rhythm.interval, phase);
        let entry = match self.free.pop() {
            Some(entry) => entry,
            None => {
                self.entries.push(Entry { rhythm, place, use_count: 0 });
                (self.entries.len() - 1) as u32
            }
        };
        let Some(row) = self.entries.get_mut(entry as usize) else { return entry };
        *row = Entry { rhythm, place, ..*row };
        self.due.push(Reverse(Due { at: place, entry, use_count: row.use_count }));
        entry
    }

    /// Takes an entry out. Its number may be given again.
    pub(super) fn remove(&mut self, entry: u32) {
        if let Some(row) = self.entries.get_mut(entry as usize) {
            row.use_count = row.use_count.wrapping_add(1);
            self.free.push(entry);
        }
    }

    /// When something is due next.
    pub(super) fn next(&mut self) -> Option<Duration> {
        while let Some(Reverse(due)) = self.due.peek() {
            if self.entries.get(due.entry as usize).is_some_and(|row| row.use_count == due.use_count) {
                return Some(due.at);
            }
            self.due.pop();
        }
        None
    }

    /// An entry that is due at `now`, and since when it is; what is due longest comes first. It is due again at the next
    /// place of its rhythm that is not over: who comes late misses some, and does not find them heaped up.
    pub(super) fn take(&mut self, now: Duration) -> Option<(u32, Duration)> {
        let at = self.next().filter(|at| *at <= now)?;
        let Reverse(due) = self.due.pop()?;
        let row = self.entries.get_mut(due.entry as usize)?;
        let interval = row.rhythm.interval.max(Duration::from_nanos(1));
        let late = now.saturating_sub(row.place);
        let missed = (late.as_nanos() / interval.as_nanos()).min(u128::from(u32::MAX)) as u32;
        row.place += interval * missed + interval;
        let offset = share(row.rhythm.jitter * 2, self.dice.roll());
        let next = (row.place + offset).saturating_sub(row.rhythm.jitter);
        self.due.push(Reverse(Due { at: next, ..due }));
        Some((due.entry, at))
    }
}

/// `part` of 2^64 parts of `whole`.
fn share(whole: Duration, part: u64) -> Duration {
    let nanos = (whole.as_nanos() * u128::from(part)) >> 64;
    Duration::from_nanos(nanos.min(u128::from(u64::MAX)) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn every(interval: Duration, jitter: Duration) -> Rhythm {
        Rhythm { interval, jitter }
    }

    /// Everything that comes due until `end`, asked for at the moment it is due.
    fn run(calendar: &mut Calendar, end: Duration) -> Vec<(u32, Duration)> {
        let mut taken = Vec::new();
        while let Some(at) = calendar.next().filter(|at| *at < end) {
            taken.push(calendar.take(at).unwrap());
        }
        taken
    }

    #[test]
    fn first_turns_are_spread_over_the_interval_however_many_come_at_once() {
        for count in [10, 100, 10_000_u32] {
            let mut calendar = Calendar::new(1);
            for _ in 0..count {
                calendar.add(every(SECOND * 5, Duration::ZERO), SECOND);
            }
            let first = run(&mut calendar, SECOND * 6);
            assert_eq!(first.len(), count as usize);
            let mut slots = [0_u32; 10];
            first.iter().for_each(|(_, at)| slots[((*at - SECOND).as_millis() / 500) as usize] += 1);
            let (least, most) = (slots.iter().min().unwrap(), slots.iter().max().unwrap());
            assert!(most - least <= 4, "{slots:?}");
        }
    }

    #[test]
    fn a_rhythm_does_not_drift_and_jitter_stays_within_its_bound() {
        let mut calendar = Calendar::new(7);
        calendar.add(every(SECOND, SECOND / 10), Duration::ZERO);
        let turns = run(&mut calendar, SECOND * 1000);
        assert!((999..=1001).contains(&turns.len()), "{}", turns.len());
        let (start, mut offsets) = (turns[0].1, Vec::new());
        for ((_, at), place) in turns.iter().zip(0_u32..) {
            let place = start + SECOND * place;
            let off = at.as_secs_f64() - place.as_secs_f64();
            assert!(off.abs() <= 0.1, "{off}");
            offsets.push((off * 1e6) as i64);
        }
        offsets.sort_unstable();
        offsets.dedup();
        assert!(offsets.len() > 900, "jitter is drawn anew each time");
    }

    #[test]
    fn who_comes_late_misses_turns_and_keeps_the_rhythm() {
        let mut calendar = Calendar::new(1);
        calendar.add(every(SECOND, Duration::ZERO), Duration::ZERO);
        let (_, first) = calendar.take(Duration::ZERO).unwrap();
        assert_eq!(calendar.take(SECOND * 100 + SECOND / 2), Some((0, first + SECOND)), "one turn, not a hundred");
        assert_eq!(calendar.take(SECOND * 100 + SECOND / 2), None);
        assert_eq!(calendar.next(), Some(first + SECOND * 101));
    }

    #[test]
    fn what_is_due_longest_comes_first_and_what_is_gone_never_comes() {
        let mut calendar = Calendar::new(1);
        let numbers: Vec<u32> = (0..100).map(|_| calendar.add(every(SECOND, Duration::ZERO), Duration::ZERO)).collect();
        numbers.iter().filter(|number| **number % 2 == 0).for_each(|&number| calendar.remove(number));
        let mut before = Duration::ZERO;
        let mut seen = Vec::new();
        while let Some((number, at)) = calendar.take(SECOND - Duration::from_nanos(1)) {
            assert!(at >= before && number % 2 == 1, "{number} at {at:?}");
            before = at;
            seen.push(number);
        }
        assert_eq!(seen.len(), 50);
        // A number that is given again starts its own rhythm, and does not inherit what was due.
        let again = calendar.add(every(SECOND * 3600, Duration::ZERO), SECOND);
        assert!(again.is_multiple_of(2));
        let turns = run(&mut calendar, SECOND * 10);
        assert!(turns.iter().filter(|(number, _)| *number == again).count() <= 1);
    }
}
