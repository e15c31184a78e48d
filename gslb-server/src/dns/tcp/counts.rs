//! Counters of TCP and TLS connections.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use gslb_core::count::Histogram;
use parking_lot::Mutex;

use super::connection::End;
use super::handshake::Failure;
use crate::dns::durations::{self, Durations};

/// Connections since start, and how many are open now.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TcpCounts {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections that are open.
    pub open: u64,
    /// Ended by the client, in order or by a reset.
    pub closed_by_client: u64,
    /// Ended because no whole query came for the idle time.
    pub idle: u64,
    /// Ended because the client did not take its answers for the idle time.
    pub stalled: u64,
    /// Ended because the client announced a message that is shorter than a DNS header.
    pub short: u64,
    /// Ended in favor of a new connection, having been idle for longest.
    pub evicted: u64,
    /// Closed at once, since their client had its maximum.
    pub refused: u64,
    /// Attempts to accept that failed.
    pub accept_errors: u64,
    /// Completed TLS handshakes.
    pub handshakes: u64,
    /// TLS handshakes that failed, by reason.
    pub failed_handshakes: FailedHandshakes,
    /// Queries whose answering panicked: a fault in the program, worth a report.
    pub panics: u64,
}

/// TLS handshakes that failed. Those that an eviction or the stop ended are not among them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FailedHandshakes {
    /// They took longer than the idle time.
    pub timeout: u64,
    /// The client closed or reset the connection.
    pub closed: u64,
    /// The client sent something else than TLS.
    pub garbage: u64,
    /// There was no common version, cipher suite or application protocol.
    pub incompatible: u64,
    /// The client ended them with an alert.
    pub alert: u64,
    /// The client broke the protocol in another way.
    pub protocol: u64,
    /// There was no certificate.
    pub certificate: u64,
}

/// A counter that many tasks share.
#[derive(Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn count(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// [`TcpCounts`] while they are being counted.
#[derive(Default)]
pub(super) struct SharedCounts {
    pub(super) accepted: Count,
    pub(super) closed_by_client: Count,
    pub(super) idle: Count,
    pub(super) stalled: Count,
    pub(super) short: Count,
    pub(super) evicted: Count,
    pub(super) refused: Count,
    pub(super) accept_errors: Count,
    pub(super) handshakes: Count,
    failed_handshakes: FailureCounts,
    pub(super) panics: Count,
    /// Time from parsing the first query of a write to the end of the write, once for each response.
    pub(super) durations: Mutex<Histogram<{ durations::RANGES }>>,
}

/// [`FailedHandshakes`] while they are being counted.
#[derive(Default)]
struct FailureCounts {
    timeout: Count,
    closed: Count,
    garbage: Count,
    incompatible: Count,
    alert: Count,
    protocol: Count,
    certificate: Count,
}

impl FailureCounts {
    fn read(&self) -> FailedHandshakes {
        FailedHandshakes {
            timeout: self.timeout.get(),
            closed: self.closed.get(),
            garbage: self.garbage.get(),
            incompatible: self.incompatible.get(),
            alert: self.alert.get(),
            protocol: self.protocol.get(),
            certificate: self.certificate.get(),
        }
    }
}

impl SharedCounts {
    /// Counts how a connection ended.
    pub(super) fn ended(&self, end: End) {
        match end {
            End::Client => self.closed_by_client.count(),
            End::Idle => self.idle.count(),
            End::Stalled => self.stalled.count(),
            End::Short => self.short.count(),
            // An eviction is counted where it is decided.
            End::Evicted | End::Stopped | End::Leaving => {}
        }
    }

    /// Counts a handshake that failed.
    pub(super) fn handshake_failed(&self, failure: Failure) {
        let counts = &self.failed_handshakes;
        match failure {
            Failure::Timeout => counts.timeout.count(),
            Failure::Closed => counts.closed.count(),
            Failure::Garbage => counts.garbage.count(),
            Failure::Incompatible => counts.incompatible.count(),
            Failure::Alert => counts.alert.count(),
            Failure::Protocol => counts.protocol.count(),
            Failure::Certificate => counts.certificate.count(),
            Failure::Stopped => {}
        }
    }

    /// The counts of now, with `open` connections.
    pub(super) fn read(&self, open: usize) -> TcpCounts {
        TcpCounts {
            accepted: self.accepted.get(),
            open: open as u64,
            closed_by_client: self.closed_by_client.get(),
            idle: self.idle.get(),
            stalled: self.stalled.get(),
            short: self.short.get(),
            evicted: self.evicted.get(),
            refused: self.refused.get(),
            accept_errors: self.accept_errors.get(),
            handshakes: self.handshakes.get(),
            failed_handshakes: self.failed_handshakes.read(),
            panics: self.panics.get(),
        }
    }

    /// Records that `count` answers took `time` each.
    pub(super) fn took(&self, time: Duration, answers: u64) {
        durations::note(&self.durations.lock(), time, answers);
    }

    /// How long answers took.
    pub(super) fn durations(&self) -> Durations {
        Durations::default().and(&self.durations.lock())
    }
}
