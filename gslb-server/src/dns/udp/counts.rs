//! Counters of a UDP worker beside its tally, and access to both.

use std::ops::AddAssign;
use std::sync::Arc;

use gslb_core::count::{Count, Histogram};
use gslb_core::respond::Tally;
use parking_lot::Mutex;

use crate::capture::sample::Reservoir;
use crate::dns::durations::{self, Durations};

/// Datagrams and system calls since start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct UdpCounts {
    /// Receive calls that returned at least one datagram.
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

/// [`UdpCounts`] of one worker while it counts. Apart from its neighbors by more than a cache line and the one
/// prefetched with it, so that workers do not slow each other.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(super) struct Counting {
    pub(super) batches: Count,
    pub(super) received: Count,
    pub(super) sent: Count,
    pub(super) oversized: Count,
    pub(super) receive_errors: Count,
    pub(super) send_errors: Count,
    pub(super) panics: Count,
    /// From the receive that brought a query to the end of the send that took its response, once for each response.
    pub(super) durations: Histogram<{ durations::RANGES }>,
}

impl Counting {
    fn read(&self) -> UdpCounts {
        UdpCounts {
            batches: self.batches.get(),
            received: self.received.get(),
            sent: self.sent.get(),
            oversized: self.oversized.get(),
            receive_errors: self.receive_errors.get(),
            send_errors: self.send_errors.get(),
            panics: self.panics.get(),
        }
    }
}

/// The shared counters and pulse of one worker.
pub(super) struct Board {
    pub(super) tally: Arc<Tally>,
    pub(super) counting: Counting,
    pub(super) sample: Mutex<Reservoir>,
}

/// Reads what all UDP workers have counted.
#[derive(Clone)]
pub struct UdpCounters(pub(super) Arc<[Board]>);

impl UdpCounters {
    /// The sums over all workers.
    pub fn total(&self) -> (Tally, UdpCounts) {
        let (tally, mut counts) = (Tally::default(), UdpCounts::default());
        for board in self.0.iter() {
            tally.add(&board.tally);
            counts += board.counting.read();
        }
        (tally, counts)
    }

    /// How long answers took, over all workers.
    pub fn durations(&self) -> Durations {
        self.0.iter().fold(Durations::default(), |sum, board| sum.and(&board.counting.durations))
    }

    /// The sample of each worker.
    pub(crate) fn samples(&self) -> impl Iterator<Item = &Mutex<Reservoir>> {
        self.0.iter().map(|board| &board.sample)
    }
}
