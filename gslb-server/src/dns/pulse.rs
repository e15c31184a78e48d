//! Whether threads go on: each counts its rounds, and whoever watches sees who has stood still.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The rounds of one thread, apart from its neighbours by more than a cache line and the one prefetched with it.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Pulse(AtomicU64);

impl Pulse {
    /// Counts a round. Only the thread whose pulse it is does so.
    pub fn beat(&self) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    fn rounds(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The pulses of some threads, and what they were at the last look at which all had gone on.
#[derive(Debug)]
pub struct Pulses {
    all: Arc<[Pulse]>,
    seen: Vec<Option<u64>>,
}

impl Pulses {
    /// To watch `all`, which have not been seen yet.
    pub fn new(all: Arc<[Pulse]>) -> Self {
        let seen = vec![None; all.len()];
        Self { all, seen }
    }

    /// True where every thread has gone on since this was true the last time.
    pub fn all_went_on(&mut self) -> bool {
        let now: Vec<Option<u64>> = self.all.iter().map(|pulse| Some(pulse.rounds())).collect();
        let went_on = now.iter().zip(&self.seen).all(|(now, seen)| now != seen);
        if went_on {
            self.seen = now;
        }
        went_on
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_thread_that_stands_still_is_seen_until_it_goes_on() {
        let all: Arc<[Pulse]> = [Pulse::default(), Pulse::default()].into();
        let mut pulses = Pulses::new(Arc::clone(&all));
        assert!(pulses.all_went_on());
        all[0].beat();
        assert!(!pulses.all_went_on() && !pulses.all_went_on());
        all[1].beat();
        assert!(pulses.all_went_on());
        assert!(!pulses.all_went_on());
    }

    #[test]
    fn nobody_to_watch_is_well() {
        assert!(Pulses::new([].into()).all_went_on());
    }
}
