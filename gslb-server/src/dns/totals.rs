//! All that the sockets of a process have counted, in one value.

use std::sync::Arc;

use gslb_core::respond::Tally;

use crate::dns::durations::Durations;
use crate::dns::proxy::Proxies;
use crate::dns::tcp::{TcpCounters, TcpCounts};
use crate::dns::udp::{UdpCounters, UdpCounts};

/// Counts since start.
#[derive(Debug, Default)]
pub struct Totals {
    /// What answering over UDP counted.
    pub over_udp: Tally,
    /// What answering over TCP counted.
    pub over_tcp: Tally,
    /// DNS over TLS, if it is on.
    pub tls: Option<TlsTotals>,
    /// The counters of the UDP workers.
    pub udp: UdpCounts,
    /// What happened to TCP connections.
    pub tcp: TcpCounts,
    /// How long answers took over UDP.
    pub udp_durations: Durations,
    /// How long answers took over TCP.
    pub tcp_durations: Durations,
}

/// Counts of DNS over TLS since start.
#[derive(Debug, Default)]
pub struct TlsTotals {
    /// What answering counted.
    pub tally: Tally,
    /// What happened to connections.
    pub connections: TcpCounts,
    /// How long answers took.
    pub durations: Durations,
}

/// Reads [`Totals`] at any time, also after the stop.
#[derive(Clone)]
pub struct TotalsReader {
    /// The UDP workers.
    pub udp: UdpCounters,
    /// The TCP server.
    pub tcp: TcpCounters,
    /// The TLS server, if there is one.
    pub tls: Option<TcpCounters>,
    /// The proxies, if there are listeners for them.
    pub proxies: Option<Arc<Proxies>>,
}

impl TotalsReader {
    /// The counts of now.
    pub fn read(&self) -> Totals {
        let ((over_udp, udp), (over_tcp, tcp)) = (self.udp.total(), self.tcp.total());
        let (udp_durations, tcp_durations) = (self.udp.durations(), self.tcp.durations());
        let tls = self.tls.as_ref().map(|counters| {
            let (tally, connections) = counters.total();
            TlsTotals { tally, connections, durations: counters.durations() }
        });
        Totals { over_udp, over_tcp, tls, udp, tcp, udp_durations, tcp_durations }
    }
}
