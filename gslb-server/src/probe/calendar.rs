//! Schedules when each probe is due, and spreads probes evenly over their intervals.
//!
//! Pure: the caller passes the time, counted from any start.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

use gslb_core::steer::draw::Dice;

/// How often an entry is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cadence {
    /// Time between two slots; more than zero.
    pub(super) interval: Duration,
    /// Maximum deviation from a slot; at most half the interval.
    pub(super) jitter: Duration,
}

/// Entries, and when each is due next.
pub(super) struct Calendar {
    due: BinaryHeap<Reverse<Due>>,
    entries: Vec<Entry>,
    free: Vec<u32>,
    random: Dice,
    /// Number of entries ever added; spreads the next ones.
    added: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Due {
    at: Duration,
    entry: u32,
    /// The entry's generation when this was queued; a stale one is skipped.
    generation: u32,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    cadence: Cadence,
    /// The next slot.
    slot: Duration,
    /// How often this number has been reused.
    generation: u32,
}

/// The fractional part of the golden ratio in 64 bits: its multiples spread evenly over any interval.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

impl Calendar {
    /// An empty calendar; `seed` decides the jitter.
    pub(super) fn new(seed: u64) -> Self {
        Self { due: BinaryHeap::new(), entries: Vec::new(), free: Vec::new(), random: Dice::new(seed), added: 0 }
    }

    /// Adds an entry that is first due within one interval from `now`, and returns its number.
    pub(super) fn add(&mut self, cadence: Cadence, now: Duration) -> u32 {
        let phase = self.added.wrapping_mul(GOLDEN);
        self.added += 1;
        let slot = now + share(cadence.interval, phase);
        let entry = match self.free.pop() {
            Some(entry) => entry,
            None => {
                self.entries.push(Entry { cadence, slot, generation: 0 });
                (self.entries.len() - 1) as u32
            }
        };
        let Some(stored) = self.entries.get_mut(entry as usize) else { return entry };
        *stored = Entry { cadence, slot, ..*stored };
        self.due.push(Reverse(Due { at: slot, entry, generation: stored.generation }));
        entry
    }

    /// Removes an entry. Its number may be reused.
    pub(super) fn remove(&mut self, entry: u32) {
        if let Some(stored) = self.entries.get_mut(entry as usize) {
            stored.generation = stored.generation.wrapping_add(1);
            self.free.push(entry);
        }
    }

    /// When the next entry is due.
    pub(super) fn next(&mut self) -> Option<Duration> {
        while let Some(Reverse(due)) = self.due.peek() {
            if self.entries.get(due.entry as usize).is_some_and(|stored| stored.generation == due.generation) {
                return Some(due.at);
            }
            self.due.pop();
        }
        None
    }

    /// Takes the entry that has been due longest at `now`, with the time it became due. It is due again at its next
    /// future slot: missed slots are skipped, not queued.
    pub(super) fn take(&mut self, now: Duration) -> Option<(u32, Duration)> {
        let at = self.next().filter(|at| *at <= now)?;
        let Reverse(due) = self.due.pop()?;
        let stored = self.entries.get_mut(due.entry as usize)?;
        let interval = stored.cadence.interval.max(Duration::from_nanos(1));
        let late = now.saturating_sub(stored.slot);
        let missed = (late.as_nanos() / interval.as_nanos()).min(u128::from(u32::MAX)) as u32;
        stored.slot += interval * missed + interval;
        let offset = share(stored.cadence.jitter * 2, self.random.roll());
        let next = (stored.slot + offset).saturating_sub(stored.cadence.jitter);
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

    fn every(interval: Duration, jitter: Duration) -> Cadence {
        Cadence { interval, jitter }
    }

    /// All entries due until `end`, each taken when it is due.
    fn run(calendar: &mut Calendar, end: Duration) -> Vec<(u32, Duration)> {
        let mut taken = Vec::new();
        while let Some(at) = calendar.next().filter(|at| *at < end) {
            taken.push(calendar.take(at).unwrap());
        }
        taken
    }

    #[test]
    fn first_probes_are_spread_over_the_interval() {
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
    fn a_cadence_does_not_drift_and_jitter_is_bounded() {
        let mut calendar = Calendar::new(7);
        calendar.add(every(SECOND, SECOND / 10), Duration::ZERO);
        let turns = run(&mut calendar, SECOND * 1000);
        assert!((999..=1001).contains(&turns.len()), "{}", turns.len());
        let (start, mut offsets) = (turns[0].1, Vec::new());
        for ((_, at), slot) in turns.iter().zip(0_u32..) {
            let slot = start + SECOND * slot;
            let off = at.as_secs_f64() - slot.as_secs_f64();
            assert!(off.abs() <= 0.1, "{off}");
            offsets.push((off * 1e6) as i64);
        }
        offsets.sort_unstable();
        offsets.dedup();
        assert!(offsets.len() > 900, "jitter is drawn each time");
    }

    #[test]
    fn a_late_caller_skips_slots_and_keeps_the_cadence() {
        let mut calendar = Calendar::new(1);
        calendar.add(every(SECOND, Duration::ZERO), Duration::ZERO);
        let (_, first) = calendar.take(Duration::ZERO).unwrap();
        assert_eq!(calendar.take(SECOND * 100 + SECOND / 2), Some((0, first + SECOND)), "one turn, not a hundred");
        assert_eq!(calendar.take(SECOND * 100 + SECOND / 2), None);
        assert_eq!(calendar.next(), Some(first + SECOND * 101));
    }

    #[test]
    fn the_most_overdue_entry_comes_first_and_removed_entries_never_do() {
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
        // A reused number starts its own cadence, without pending slots.
        let again = calendar.add(every(SECOND * 3600, Duration::ZERO), SECOND);
        assert!(again.is_multiple_of(2));
        let turns = run(&mut calendar, SECOND * 10);
        assert!(turns.iter().filter(|(number, _)| *number == again).count() <= 1);
    }
}
