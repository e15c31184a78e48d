//! Reserved file descriptors, so that health checks are answered even if the process has no others left.

use std::fs::File;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;

/// Number of reserved descriptors, and so of connections at a time when others run out.
const KEPT: usize = 4;
/// How long such a connection may stay open.
pub(super) const LONGEST: Duration = Duration::from_secs(5);

/// Open files that only reserve their descriptors.
pub(super) struct Reserve(Mutex<Vec<File>>);

/// A descriptor that was released for a connection. Drop this after the connection is closed, to refill the reserve.
pub(super) struct Borrowed(Arc<Reserve>);

impl Reserve {
    /// A full reserve, as far as descriptors are available.
    pub(super) fn new() -> Arc<Self> {
        let reserve = Arc::new(Self(Mutex::default()));
        reserve.fill();
        reserve
    }

    /// Releases a descriptor for the next connection; `None` if all are released.
    pub(super) fn lend(self: &Arc<Self>) -> Option<Borrowed> {
        self.0.lock().pop().map(|kept| {
            drop(kept);
            Borrowed(Arc::clone(self))
        })
    }

    /// Refills the reserve, as far as descriptors are available.
    pub(super) fn fill(&self) {
        let mut kept = self.0.lock();
        while kept.len() < KEPT {
            let Ok(file) = File::open("/dev/null") else { return };
            kept.push(file);
        }
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        self.0.fill();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn released_descriptors_are_refilled() {
        let reserve = Reserve::new();
        let borrowed: Vec<Borrowed> = std::iter::from_fn(|| reserve.lend()).collect();
        assert_eq!(borrowed.len(), KEPT);
        drop(borrowed);
        assert_eq!(reserve.0.lock().len(), KEPT);
    }
}
