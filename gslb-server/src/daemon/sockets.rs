//! The listening sockets of a server: one list, each with what it is for and its address.

use std::net::SocketAddr;
use std::os::fd::OwnedFd;

/// What a listening socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// DNS over UDP; there may be several sockets on one address.
    Udp,
    /// DNS over TCP.
    Tcp,
    /// DNS over TLS.
    Tls,
    /// DNS over UDP, from proxies.
    ProxyUdp,
    /// DNS over TCP, from proxies.
    ProxyTcp,
    /// The API, metrics and health checks.
    Http,
}

impl Kind {
    /// Its name in messages.
    pub fn label(self) -> &'static str {
        match self {
            Self::Udp => "UDP",
            Self::Tcp => "TCP",
            Self::Tls => "TLS",
            Self::ProxyUdp => "UDP of proxies",
            Self::ProxyTcp => "TCP of proxies",
            Self::Http => "HTTP",
        }
    }
}

/// A bound socket.
#[derive(Debug)]
pub struct ListenSocket {
    /// What it is for.
    pub kind: Kind,
    /// Its address, with the port that was chosen.
    pub address: SocketAddr,
    /// The socket.
    pub socket: OwnedFd,
}

/// All listening sockets of a server.
#[derive(Debug, Default)]
pub struct Sockets(Vec<ListenSocket>);

impl Sockets {
    /// Adds a socket.
    pub fn add(&mut self, kind: Kind, address: SocketAddr, socket: impl Into<OwnedFd>) {
        self.0.push(ListenSocket { kind, address, socket: socket.into() });
    }

    /// Removes the sockets of `kind`, and returns them in the order in which they were added.
    pub fn take<S: From<OwnedFd>>(&mut self, kind: Kind) -> Vec<S> {
        self.0.extract_if(.., |it| it.kind == kind).map(|it| it.socket.into()).collect()
    }

    /// The sockets.
    pub fn iter(&self) -> impl Iterator<Item = &ListenSocket> {
        self.0.iter()
    }
}
