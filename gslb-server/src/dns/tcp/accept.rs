//! Accepts connections, even if the process runs out of file descriptors.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use gslb_core::respond::Transport;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

use super::connection::{Connection, End};
use super::connections::{Admission, ConnectionSlot};
use super::responders::Ends;
use super::{Front, Shared, handshake};

/// First pause after a failure that is likely to repeat; each further one doubles it.
const SHORTEST_PAUSE: Duration = Duration::from_millis(10);
/// Longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// How long to wait before the next attempt after a failure that is likely to repeat.
pub(crate) struct Pause(Duration);

impl Default for Pause {
    fn default() -> Self {
        Self(SHORTEST_PAUSE)
    }
}

impl Pause {
    /// This pause; the one after it is longer.
    pub(crate) fn next(&mut self) -> Duration {
        let next = (self.0 * 2).min(LONGEST_PAUSE);
        std::mem::replace(&mut self.0, next)
    }
}

/// Accepts on one listener until the stop.
pub(super) async fn accept_all(
    listener: TcpListener,
    front: Front,
    shared: Arc<Shared>,
    mut stop: watch::Receiver<bool>,
) {
    let mut pause = Pause::default();
    loop {
        let accepted = tokio::select! {
            biased;
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                pause = Pause::default();
                shared.counts.accepted.count();
                start_connection(stream, peer, &front, &shared, stop.clone());
            }
            Err(error) => {
                shared.counts.accept_errors.count();
                if is_about_one_connection(&error) {
                    continue;
                }
                // Out of descriptors or memory: evict the idlest connection to free some, and pause so that a lasting
                // condition does not burn a core.
                if shared.connections.evict_idlest() {
                    shared.counts.evicted.count();
                }
                sleep(pause.next()).await;
            }
        }
    }
    accept_queued(listener, &front, &shared, &stop);
}

/// Accepts the connections left in the kernel's queue, then closes the listener.
fn accept_queued(listener: TcpListener, front: &Front, shared: &Arc<Shared>, stop: &watch::Receiver<bool>) {
    let Ok(listener) = listener.into_std() else { return };
    while let Ok((stream, peer)) = listener.accept() {
        let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
        let Ok(stream) = stream else { continue };
        shared.counts.accepted.count();
        start_connection(stream, peer, front, shared, stop.clone());
    }
}

/// Whether the error concerns only one connection, so that the next accept can follow immediately.
pub(crate) fn is_about_one_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted, PermissionDenied, TimedOut};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted | PermissionDenied | TimedOut)
}

/// Starts a connection's task, unless its client is at its limit.
fn start_connection(
    stream: TcpStream,
    peer: SocketAddr,
    front: &Front,
    shared: &Arc<Shared>,
    stop: watch::Receiver<bool>,
) {
    let admission = match front {
        Front::Tcp => shared.connections.admit(peer.ip()),
        Front::Tls(_) => shared.connections.admit_handshake(peer.ip()),
    };
    let slot = match admission {
        Admission::Admitted { slot, evicted } => {
            if evicted {
                shared.counts.evicted.count();
            }
            slot
        }
        Admission::ClientIsFull => {
            shared.counts.refused.count();
            return;
        }
    };
    // Answers are written whole, so Nagle's algorithm has no benefit.
    let _ = stream.set_nodelay(true);
    let (front, shared) = (front.clone(), shared.clone());
    tokio::spawn(async move {
        run(stream, peer, front, shared, &slot, &stop).await;
        drop(slot);
        // Last: the server's stop waits for this.
        drop(stop);
    });
}

/// Runs a connection to its end.
async fn run(
    stream: TcpStream,
    peer: SocketAddr,
    front: Front,
    shared: Arc<Shared>,
    slot: &ConnectionSlot,
    stop: &watch::Receiver<bool>,
) {
    // A connection that is already closed has no local address and gets no answers.
    let local = stream.local_addr().unwrap_or_else(|_| ([0; 4], 0).into());
    match front {
        Front::Tcp => answer(stream, Ends { peer, local, transport: Transport::Tcp }, shared, slot, stop).await,
        Front::Tls(tls) => {
            let mut stop_of_handshake = stop.clone();
            let accepted = tokio::select! {
                accepted = handshake::accept(tls.acceptor(), stream, shared.idle, &mut stop_of_handshake) => accepted,
                // An eviction is counted where it is decided.
                () = slot.evicted() => return,
            };
            match accepted {
                Ok(stream) => {
                    slot.established();
                    shared.counts.handshakes.count();
                    answer(stream, Ends { peer, local, transport: Transport::Tls }, shared, slot, stop).await;
                }
                Err(failure) => shared.counts.handshake_failed(failure),
            }
        }
    }
}

/// Answers the queries of a connection, and counts how it ends.
async fn answer<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    ends: Ends,
    shared: Arc<Shared>,
    slot: &ConnectionSlot,
    stop: &watch::Receiver<bool>,
) {
    let mut connection = Connection::new(stream, ends, shared.clone());
    let end = tokio::select! {
        end = connection.serve(slot, stop.clone()) => end,
        () = slot.evicted() => End::Evicted,
    };
    match end {
        End::Client => shared.counts.closed_by_client.count(),
        End::Idle => shared.counts.idle.count(),
        End::Stalled => shared.counts.stalled.count(),
        End::Short => shared.counts.short.count(),
        // An eviction is counted where it is decided.
        End::Evicted | End::Stopped => {}
    }
    // Count before the client sees the close.
    connection.close().await;
}
