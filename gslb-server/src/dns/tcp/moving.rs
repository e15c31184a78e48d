//! Connections that move to another process, which continues them.

use std::net::SocketAddr;
use std::sync::Arc;

use gslb_core::respond::Transport;
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, watch};
use tokio_rustls::server::TlsStream;

use super::Shared;
use super::front::{Admitted, Front};
use super::responders::Ends;

/// Whether and how connections are to end.
#[derive(Clone)]
pub(super) enum Stop {
    /// They go on.
    No,
    /// They end once they have their answers.
    Close,
    /// They continue in another process, and so do the listeners.
    Leave(mpsc::Sender<Leaving>),
}

impl Stop {
    pub(super) fn is_set(&self) -> bool {
        !matches!(self, Self::No)
    }

    /// Whether connections are to end here.
    pub(super) fn is_close(&self) -> bool {
        matches!(self, Self::Close)
    }
}

/// A connection that moves.
pub struct Leaving {
    /// The connection.
    pub stream: std::net::TcpStream,
    /// The start of a message that is not complete.
    pub input: Vec<u8>,
    /// The address of the client, which is not the peer if a proxy is in between.
    pub client: SocketAddr,
    /// The address that the client connected to.
    pub local: SocketAddr,
    /// How the client's queries arrive: at the proxy, if one is in between.
    pub transport: Transport,
    /// Whether a proxy is in between.
    pub is_proxied: bool,
}

/// A stream that may move.
pub(super) trait Movable {
    /// Whether it can.
    const CAN_MOVE: bool;

    /// The connection itself.
    fn into_connection(self) -> Option<std::net::TcpStream>;
}

impl Movable for TcpStream {
    const CAN_MOVE: bool = true;

    fn into_connection(self) -> Option<std::net::TcpStream> {
        self.into_std().ok()
    }
}

/// The keys of a session stay in the process that made them.
impl Movable for Box<TlsStream<TcpStream>> {
    const CAN_MOVE: bool = false;

    fn into_connection(self) -> Option<std::net::TcpStream> {
        None
    }
}

/// Gives connections of another process to a [`Server`](super::Server).
#[derive(Clone)]
pub struct Adopter {
    pub(super) runtime: Handle,
    pub(super) shared: Arc<Shared>,
    pub(super) stop: watch::Receiver<Stop>,
    pub(super) fronts: Vec<Front>,
}

impl Adopter {
    /// Continues a connection, unless it came from a proxy and there are no proxies any more.
    pub fn adopt(&self, leaving: Leaving) {
        let Leaving { stream, input, client, local, transport, is_proxied } = leaving;
        let front = self.fronts.iter().find(|front| front.is_proxy() == is_proxied);
        let (Some(front), Ok(peer)) = (front, stream.peer_addr()) else { return };
        let _entered = self.runtime.enter();
        let Ok(stream) = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream)) else { return };
        let Some(slot) = front.admit(peer, &self.shared) else { return };
        self.shared.counts.accepted.count();
        let ends = Ends { peer: client, local, transport };
        let (shared, stop) = (Arc::clone(&self.shared), self.stop.clone());
        let connection = Admitted { stream, peer, slot, shared, stop };
        tokio::spawn(connection.resume(ends, input, is_proxied));
    }
}
