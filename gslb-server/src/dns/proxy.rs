//! The proxies that may name the clients of their queries, and what was refused on their listeners.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use gslb_core::dns::wire::proxy::{Carrier, Fault, Origin};
use gslb_core::respond::Transport;
use ipnet::IpNet;

/// Why a message or connection on a listener for proxies was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    /// Its sender is not one of the proxies.
    Source,
    /// It has no valid header.
    Header(Fault),
    /// The rest of the header did not arrive in time.
    Timeout,
}

/// The proxies in the configuration. By their headers they can be any client, so nobody else may send one.
pub struct Proxies {
    from: Box<[IpNet]>,
    source: AtomicU64,
    timeout: AtomicU64,
    faults: [AtomicU64; Fault::ALL.len()],
}

impl Proxies {
    /// Proxies in the networks `from`.
    pub fn new(from: &[IpNet]) -> Arc<Self> {
        Arc::new(Self { from: from.into(), source: 0.into(), timeout: 0.into(), faults: Default::default() })
    }

    /// Whether `address` is that of a proxy.
    pub(super) fn has(&self, address: IpAddr) -> bool {
        self.from.iter().any(|network| network.contains(&address))
    }

    /// Counts a refusal.
    #[cold]
    pub(super) fn refuse(&self, refusal: Refusal) {
        let count = match refusal {
            Refusal::Source => Some(&self.source),
            Refusal::Timeout => Some(&self.timeout),
            Refusal::Header(fault) => self.faults.get(fault.index()),
        };
        if let Some(count) = count {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Refusals since start, by reason.
    pub fn refused(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let others = [("source", &self.source), ("timeout", &self.timeout)];
        let faults = Fault::ALL.into_iter().map(Fault::as_str).zip(&self.faults);
        others.into_iter().chain(faults).map(|(reason, count)| (reason, count.load(Ordering::Relaxed)))
    }
}

/// The client of a query from a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ProxyClient {
    /// The client's address.
    pub(super) source: SocketAddr,
    /// The address that it queried; `None` if that is ours.
    pub(super) destination: Option<SocketAddr>,
    /// How the client reached the proxy: a proxy may pass on a datagram over TCP, whose source may be forged and whose
    /// answer must fit a datagram.
    pub(super) transport: Transport,
}

impl ProxyClient {
    /// The client that a header of `proxy` names.
    pub(super) fn new(origin: Origin, proxy: SocketAddr) -> Self {
        match origin {
            Origin::Proxy => Self { source: proxy, destination: None, transport: Transport::Tcp },
            Origin::Client { source, destination, carrier } => {
                let transport = match carrier {
                    Carrier::Datagram => Transport::Udp,
                    Carrier::Stream => Transport::Tcp,
                };
                Self { source, destination: Some(destination), transport }
            }
        }
    }
}
