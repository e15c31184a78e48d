//! All that the sockets of a process have counted, in one value.

use gslb_core::respond::Tally;

use crate::tcp::{TcpCounters, TcpCounts};
use crate::udp::{UdpCounters, UdpCounts};

/// Counts since start.
#[derive(Debug, Clone, Default)]
pub struct Totals {
    /// What answering counted, over UDP and TCP.
    pub tally: Tally,
    /// What the UDP workers counted.
    pub udp: UdpCounts,
    /// What happened to TCP connections.
    pub tcp: TcpCounts,
}

/// Reads [`Totals`] at any time, also after the stop.
#[derive(Clone)]
pub struct TotalsReader {
    /// The UDP workers.
    pub udp: UdpCounters,
    /// The TCP server.
    pub tcp: TcpCounters,
}

impl TotalsReader {
    /// The counts of now.
    pub fn read(&self) -> Totals {
        let ((mut tally, udp), (over_tcp, tcp)) = (self.udp.total(), self.tcp.total());
        tally.add(&over_tcp);
        Totals { tally, udp, tcp }
    }
}
