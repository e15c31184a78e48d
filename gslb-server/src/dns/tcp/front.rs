//! How a connection begins: with a query, with a TLS handshake, or with the header of a proxy.

use std::net::SocketAddr;
use std::sync::Arc;

use gslb_core::respond::Transport;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;

use super::connection::{Connection, End};
use super::connections::{Admission, ConnectionSlot};
use super::moving::Movable;
use super::proxy_header::NoHeader;
use super::responders::Ends;
use super::{Shared, Stop, handshake, proxy_header};
use crate::dns::proxy::{Proxies, ProxyClient, Refusal};
use crate::tls::Tls;

/// How a listener's connections begin.
#[derive(Clone)]
pub enum Front {
    /// With a query.
    Tcp,
    /// With a TLS handshake.
    Tls(Arc<Tls>),
    /// With the header of a proxy.
    Proxy(Arc<Proxies>),
}

/// A connection that was admitted.
pub(super) struct Admitted {
    pub(super) stream: TcpStream,
    pub(super) peer: SocketAddr,
    pub(super) slot: ConnectionSlot,
    pub(super) shared: Arc<Shared>,
    pub(super) stop: watch::Receiver<Stop>,
}

impl Front {
    /// Admits a connection from `peer`, unless its client is at its limit, or is not a proxy where only proxies may
    /// connect. Refusals are counted.
    pub(super) fn admit(&self, peer: SocketAddr, shared: &Shared) -> Option<ConnectionSlot> {
        let admission = match self {
            Self::Tcp => shared.connections.admit(peer.ip()),
            Self::Tls(_) => shared.connections.admit_handshake(peer.ip()),
            Self::Proxy(proxies) if proxies.has(peer.ip()) => shared.connections.admit_exempt(peer.ip()),
            Self::Proxy(proxies) => {
                proxies.refuse(Refusal::Source);
                return None;
            }
        };
        match admission {
            Admission::Admitted { slot, evicted } => {
                if evicted {
                    shared.counts.evicted.count();
                }
                Some(slot)
            }
            Admission::ClientIsFull => {
                shared.counts.refused.count();
                None
            }
        }
    }

    /// Whether its connections come from proxies.
    pub(super) fn is_proxy(&self) -> bool {
        matches!(self, Self::Proxy(_))
    }

    /// Runs a connection to its end.
    pub(super) async fn run(self, connection: Admitted) {
        // Dropped last: the server's stop waits for this.
        let _stop = connection.stop.clone();
        // In boxes, so that a connection over plain TCP takes no memory for the others.
        match self {
            Self::Tcp => over_tcp(connection).await,
            Self::Tls(tls) => Box::pin(over_tls(connection, tls)).await,
            Self::Proxy(proxies) => Box::pin(from_proxy(connection, proxies)).await,
        }
    }
}

async fn over_tcp(Admitted { stream, peer, slot, shared, stop }: Admitted) {
    let ends = Ends { peer, local: local(&stream), transport: Transport::Tcp };
    answer(stream, ends, Vec::new(), &slot, shared, stop, false).await;
}

impl Admitted {
    /// Runs a connection of another process, which has read `input` of an unfinished message.
    pub(super) async fn resume(self, ends: Ends, input: Vec<u8>, is_proxied: bool) {
        let Self { stream, slot, shared, stop, .. } = self;
        // Dropped last: the server's stop waits for this.
        let _stop = stop.clone();
        answer(stream, ends, input, &slot, shared, stop, is_proxied).await;
    }
}

async fn over_tls(Admitted { stream, peer, slot, shared, mut stop }: Admitted, tls: Arc<Tls>) {
    let ends = Ends { peer, local: local(&stream), transport: Transport::Tls };
    let accepted = tokio::select! {
        accepted = handshake::accept(tls.acceptor(), stream, shared.idle, &mut stop) => accepted,
        // An eviction is counted where it is decided.
        () = slot.evicted() => return,
    };
    match accepted {
        Ok(stream) => {
            slot.established();
            shared.counts.handshakes.count();
            answer(Box::new(stream), ends, Vec::new(), &slot, shared, stop, false).await;
        }
        Err(failure) => shared.counts.handshake_failed(failure),
    }
}

async fn from_proxy(Admitted { mut stream, peer, slot, shared, mut stop }: Admitted, proxies: Arc<Proxies>) {
    let origin = tokio::select! {
        origin = proxy_header::read(&mut stream, shared.idle, &mut stop) => origin,
        // An eviction is counted where it is decided.
        () = slot.evicted() => return,
    };
    match origin {
        Ok(origin) => {
            let ProxyClient { source, destination, transport } = ProxyClient::new(origin, peer);
            let ends = Ends { peer: source, local: destination.unwrap_or_else(|| local(&stream)), transport };
            answer(stream, ends, Vec::new(), &slot, shared, stop, true).await;
        }
        Err(NoHeader::Refused(refusal)) => proxies.refuse(refusal),
        Err(NoHeader::Ended(end)) => shared.counts.ended(end),
    }
}

/// The address that the client connected to. A connection that is already closed has none, and gets no answers.
fn local(stream: &TcpStream) -> SocketAddr {
    stream.local_addr().unwrap_or_else(|_| ([0; 4], 0).into())
}

/// Answers the queries of a connection, and counts how it ends.
async fn answer<S: AsyncRead + AsyncWrite + Movable + Unpin>(
    stream: S,
    ends: Ends,
    input: Vec<u8>,
    slot: &ConnectionSlot,
    shared: Arc<Shared>,
    stop: watch::Receiver<Stop>,
    is_proxied: bool,
) {
    let mut connection = Connection::new(stream, ends, input, shared.clone());
    let end = tokio::select! {
        end = connection.serve(slot, stop.clone()) => end,
        () = slot.evicted() => End::Evicted,
    };
    if end == End::Leaving {
        return connection.leave(&stop, is_proxied).await;
    }
    shared.counts.ended(end);
    // Count before the client sees the close.
    connection.close().await;
}
