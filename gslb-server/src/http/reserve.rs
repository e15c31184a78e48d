//! File descriptors that HTTP keeps in reserve, so that health checks are answered when the process has no others left.

use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many are kept, which is how many connections are answered at a time then.
const KEPT: usize = 4;
/// How long such a connection may stay.
pub(super) const LONGEST: Duration = Duration::from_secs(5);

/// Open files that are of no use but for their descriptors.
pub(super) struct Reserve(Mutex<Vec<File>>);

/// A descriptor that was given up for a connection. When this is dropped, the connection's own one is closed, and another
/// is kept in its place.
pub(super) struct Lent(Arc<Reserve>);

impl Reserve {
    /// A full one, as far as there are descriptors.
    pub(super) fn new() -> Arc<Self> {
        let reserve = Arc::new(Self(Mutex::default()));
        reserve.fill();
        reserve
    }

    /// Gives up a descriptor for the next connection to be accepted; none where all are given up.
    pub(super) fn lend(self: &Arc<Self>) -> Option<Lent> {
        self.kept().pop().map(|kept| {
            drop(kept);
            Lent(Arc::clone(self))
        })
    }

    /// Takes descriptors back, as far as there are any.
    pub(super) fn fill(&self) {
        let mut kept = self.kept();
        while kept.len() < KEPT {
            let Ok(file) = File::open("/dev/null") else { return };
            kept.push(file);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Vec<File>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        self.0.fill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lent_comes_back() {
        let reserve = Reserve::new();
        let lent: Vec<Lent> = std::iter::from_fn(|| reserve.lend()).collect();
        assert_eq!(lent.len(), KEPT);
        drop(lent);
        assert_eq!(reserve.kept().len(), KEPT);
    }
}
