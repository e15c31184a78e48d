//! The listening sockets of a server: one list, each with what it is for and its address.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::OwnedFd;

use socket2::{SockRef, Type};

use super::notify::{is_stored_name, stored_name};

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
    const ALL: [Self; 6] = [Self::Udp, Self::Tcp, Self::Tls, Self::ProxyUdp, Self::ProxyTcp, Self::Http];

    /// Its name between processes.
    pub fn name(self) -> &'static str {
        match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::ProxyUdp => "proxy-udp",
            Self::ProxyTcp => "proxy-tcp",
            Self::Http => "http",
        }
    }

    /// Whether it receives datagrams.
    pub fn is_udp(self) -> bool {
        matches!(self, Self::Udp | Self::ProxyUdp)
    }

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
    /// Whether another entry of the list has the same socket.
    is_copy: bool,
    /// Whether this process has bound it.
    pub is_new: bool,
}

/// All listening sockets of a server.
#[derive(Debug, Default)]
pub struct Sockets(Vec<ListenSocket>);

impl Sockets {
    /// Adds a socket that this process has bound.
    pub fn add(&mut self, kind: Kind, address: SocketAddr, socket: impl Into<OwnedFd>) {
        self.0.push(ListenSocket { kind, address, socket: socket.into(), is_copy: false, is_new: true });
    }

    /// Adds a socket that another process has bound.
    pub fn add_inherited(&mut self, kind: Kind, address: SocketAddr, socket: impl Into<OwnedFd>) {
        self.0.push(ListenSocket { kind, address, socket: socket.into(), is_copy: false, is_new: false });
    }

    /// Removes the sockets of `kind`, and returns them in the order in which they were added.
    pub fn take<S: From<OwnedFd>>(&mut self, kind: Kind) -> Vec<S> {
        self.0.extract_if(.., |it| it.kind == kind).map(|it| it.socket.into()).collect()
    }

    /// Adds a copy of a socket of `kind` on `address`; `None` if there is none.
    pub(super) fn share(&mut self, kind: Kind, address: SocketAddr) -> Option<io::Result<()>> {
        let socket = self.0.iter().find(|it| it.kind == kind && it.address == address)?.socket.try_clone();
        Some(socket.map(|socket| self.0.push(ListenSocket { kind, address, socket, is_copy: true, is_new: false })))
    }

    /// Copies of all sockets, each one once.
    ///
    /// # Errors
    /// If the process is out of file descriptors.
    pub(super) fn copies(&self) -> io::Result<Vec<ListenSocket>> {
        let copy = |it: &ListenSocket| {
            let ListenSocket { kind, address, is_copy, is_new, .. } = *it;
            Ok(ListenSocket { kind, address, socket: it.socket.try_clone()?, is_copy, is_new })
        };
        self.0.iter().filter(|it| !it.is_copy).map(copy).collect()
    }

    /// The sockets.
    pub fn iter(&self) -> impl Iterator<Item = &ListenSocket> {
        self.0.iter()
    }
}

/// Sockets that another process has bound: the predecessor, or the service manager.
#[derive(Debug, Default)]
pub struct Inherited(Vec<InheritedSocket>);

/// One of them.
#[derive(Debug)]
pub struct InheritedSocket {
    /// The name of its [`Kind`], if the other process knows it.
    pub(super) kind: Option<String>,
    /// Its name in messages, if the service manager gave it one.
    pub(super) name: Option<String>,
    /// Its address.
    pub address: SocketAddr,
    /// The socket.
    pub socket: BoundSocket,
}

/// A socket of either transport.
#[derive(Debug)]
pub enum BoundSocket {
    /// It receives datagrams.
    Udp(UdpSocket),
    /// It accepts connections.
    Tcp(TcpListener),
}

impl Inherited {
    /// Adds a socket of this address that a predecessor used for `kind`.
    ///
    /// # Errors
    /// If it is neither a UDP socket nor a TCP listener.
    pub fn add(&mut self, kind: Option<String>, address: SocketAddr, socket: OwnedFd) -> io::Result<()> {
        self.push(kind, None, address, socket)
    }

    /// Adds a socket of this address, which the service manager calls `name`.
    ///
    /// # Errors
    /// If it is neither a UDP socket nor a TCP listener.
    pub fn add_named(&mut self, name: Option<String>, address: SocketAddr, socket: OwnedFd) -> io::Result<()> {
        self.push(None, name, address, socket)
    }

    fn push(
        &mut self,
        kind: Option<String>,
        name: Option<String>,
        address: SocketAddr,
        socket: OwnedFd,
    ) -> io::Result<()> {
        let socket = match SockRef::from(&socket).r#type()? {
            Type::DGRAM => BoundSocket::Udp(socket.into()),
            Type::STREAM => BoundSocket::Tcp(socket.into()),
            other => return Err(io::Error::other(format!("it is of type {other:?}"))),
        };
        self.0.push(InheritedSocket { kind, name, address, socket });
        Ok(())
    }

    /// A socket for none of these, with its protocol and its name.
    pub(super) fn unnamed(&self, configured: &[(Kind, SocketAddr)]) -> Option<(SocketAddr, &'static str, String)> {
        let is_for = |it: &&InheritedSocket, (kind, address): &(Kind, SocketAddr)| {
            matches!(it.socket, BoundSocket::Udp(_)) == kind.is_udp() && it.is_for(*kind, *address)
        };
        // Those in the manager's store are of an earlier configuration: they are closed.
        let is_stored = |it: &&InheritedSocket| it.name.as_deref().is_some_and(is_stored_name);
        let found =
            self.0.iter().filter(|it| !is_stored(it)).find(|it| !configured.iter().any(|wanted| is_for(it, wanted)))?;
        let protocol = if matches!(found.socket, BoundSocket::Udp(_)) { "UDP" } else { "TCP" };
        Some((found.address, protocol, found.name.clone().unwrap_or_default()))
    }

    /// How many are left.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is left.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether there is a listener for `address`.
    pub(super) fn has_tcp(&self, kind: Kind, address: SocketAddr) -> bool {
        self.0.iter().any(|it| matches!(it.socket, BoundSocket::Tcp(_)) && it.is_for(kind, address))
    }

    /// Takes the listener for `address`, and its address.
    pub(super) fn claim_tcp(&mut self, kind: Kind, address: SocketAddr) -> Option<(TcpListener, SocketAddr)> {
        let is_it = |it: &InheritedSocket| matches!(it.socket, BoundSocket::Tcp(_)) && it.is_for(kind, address);
        let found = self.0.remove(self.0.iter().position(is_it)?);
        match found.socket {
            BoundSocket::Tcp(listener) => Some((listener, found.address)),
            BoundSocket::Udp(_) => None,
        }
    }

    /// Takes up to `most` sockets for `address`.
    pub(super) fn claim_udp(&mut self, kind: Kind, address: SocketAddr, most: usize) -> Vec<UdpSocket> {
        let is_it = |it: &InheritedSocket| matches!(it.socket, BoundSocket::Udp(_)) && it.is_for(kind, address);
        // With port 0, all must have the port of the first.
        let Some(address) = self.0.iter().find(|it| is_it(it)).map(|it| it.address) else { return Vec::new() };
        let is_it = |it: &mut InheritedSocket| matches!(it.socket, BoundSocket::Udp(_)) && it.address == address;
        let claimed = self.0.extract_if(.., |it| is_it(it)).take(most).filter_map(|it| match it.socket {
            BoundSocket::Udp(socket) => Some(socket),
            BoundSocket::Tcp(_) => None,
        });
        claimed.collect()
    }
}

impl IntoIterator for Inherited {
    type Item = InheritedSocket;
    type IntoIter = std::vec::IntoIter<InheritedSocket>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl InheritedSocket {
    /// What it is for: what `used` has its address for now, otherwise what its name says.
    pub(super) fn purpose(&self, used: &[ListenSocket]) -> Option<Kind> {
        let is_udp = matches!(self.socket, BoundSocket::Udp(_));
        let now = used.iter().find(|it| it.address == self.address && it.kind.is_udp() == is_udp).map(|it| it.kind);
        let is_named = |kind: &Kind| match &self.kind {
            Some(name) => name == kind.name(),
            None => self.name.as_ref().is_some_and(|name| *name == stored_name(kind.name(), self.address)),
        };
        now.or_else(|| Kind::ALL.into_iter().filter(|kind| kind.is_udp() == is_udp).find(is_named))
    }

    /// Whether it serves `kind` at the configured `address`, whose port may be 0.
    fn is_for(&self, kind: Kind, address: SocketAddr) -> bool {
        let is_any_port = address.port() == 0 && self.kind.as_ref().is_none_or(|it| it == kind.name());
        self.address == address || (is_any_port && self.address.ip() == address.ip())
    }
}
