//! What a UDP worker counts, and where it shows it to others.

use std::ops::AddAssign;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};

use gslb_core::respond::Tally;

use gslb_core::respond::Counter;

/// Datagrams and system calls since start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UdpCounts {
    /// Receives that brought at least one datagram.
    pub batches: u64,
    /// Datagrams received.
    pub received: u64,
    /// Datagrams sent.
    pub sent: u64,
    /// Datagrams dropped because they were longer than any query can be.
    pub oversized: u64,
    /// Receives that failed.
    pub receive_errors: u64,
    /// Replies that could not be sent.
    pub send_errors: u64,
    /// Datagrams whose answering panicked: a fault in the program, worth a report.
    pub panics: u64,
}

impl AddAssign for UdpCounts {
    fn add_assign(&mut self, other: Self) {
        self.batches += other.batches;
        self.received += other.received;
        self.sent += other.sent;
        self.oversized += other.oversized;
        self.receive_errors += other.receive_errors;
        self.send_errors += other.send_errors;
        self.panics += other.panics;
    }
}

impl UdpCounts {
    /// All counters, as they are shown.
    pub fn counters(&self) -> impl Iterator<Item = Counter> {
        let errors = "UDP system calls that failed.";
        [
            ("gslb_udp_batches_total", "", "Receives that brought at least one datagram.", self.batches),
            ("gslb_udp_received_total", "", "UDP datagrams received.", self.received),
            ("gslb_udp_sent_total", "", "UDP datagrams sent.", self.sent),
            ("gslb_udp_oversized_total", "", "UDP datagrams dropped for their length.", self.oversized),
            ("gslb_udp_errors_total", "call=\"receive\"", errors, self.receive_errors),
            ("gslb_udp_errors_total", "call=\"send\"", errors, self.send_errors),
            ("gslb_panics_total", "transport=\"udp\"", "Messages whose answering panicked.", self.panics),
        ]
        .into_iter()
    }
}

/// Where one worker shows its counts. Apart from its neighbours by more than a cache line and the one prefetched with
/// it, so that workers do not slow each other.
#[derive(Default)]
#[repr(align(128))]
pub(super) struct Board(Mutex<(Tally, UdpCounts)>);

impl Board {
    /// Shows the counts, unless someone is reading: a worker never waits. Returns whether it did.
    pub(super) fn show(&self, tally: &Tally, counts: UdpCounts) -> bool {
        let mut shown = match self.0.try_lock() {
            Ok(shown) => shown,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        shown.0.clone_from(tally);
        shown.1 = counts;
        true
    }
}

/// Reads what all UDP workers have counted.
#[derive(Clone)]
pub struct UdpCounters(pub(super) Arc<[Board]>);

impl UdpCounters {
    /// The sums over all workers, as of each worker's last batch.
    pub fn total(&self) -> (Tally, UdpCounts) {
        let (mut tally, mut counts) = (Tally::default(), UdpCounts::default());
        for board in self.0.iter() {
            let shown = board.0.lock().unwrap_or_else(PoisonError::into_inner);
            tally.add(&shown.0);
            counts += shown.1;
        }
        (tally, counts)
    }
}
