//! Detects stalled threads: each counts its rounds, and a watcher checks that all counters advance.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// The round counter of one thread, aligned to two cache lines against false sharing.
#[derive(Debug, Default)]
#[repr(align(128))]
pub struct Pulse(AtomicU64);

impl Pulse {
    /// Counts a round. Only the owning thread calls this.
    pub fn beat(&self) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(1), Ordering::Relaxed);
    }

    fn rounds(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The pulses of some threads, and their values at the last check at which all had advanced.
#[derive(Debug)]
pub struct Pulses {
    all: Arc<[Pulse]>,
    seen: Vec<Option<u64>>,
}

impl Pulses {
    /// Watches `all`.
    pub fn new(all: Arc<[Pulse]>) -> Self {
        let seen = vec![None; all.len()];
        Self { all, seen }
    }

    /// Whether every thread has made progress since this was last true.
    pub fn all_advanced(&mut self) -> bool {
        let now: Vec<Option<u64>> = self.all.iter().map(|pulse| Some(pulse.rounds())).collect();
        let advanced = now.iter().zip(&self.seen).all(|(now, seen)| now != seen);
        if advanced {
            self.seen = now;
        }
        advanced
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_stalled_thread_is_detected_until_it_continues() {
        let all: Arc<[Pulse]> = [Pulse::default(), Pulse::default()].into();
        let mut pulses = Pulses::new(Arc::clone(&all));
        assert!(pulses.all_advanced());
        all[0].beat();
        assert!(!pulses.all_advanced() && !pulses.all_advanced());
        all[1].beat();
        assert!(pulses.all_advanced());
        assert!(!pulses.all_advanced());
    }

    #[test]
    fn no_threads_count_as_alive() {
        assert!(Pulses::new([].into()).all_advanced());
    }
}
