//! Accepts connections, even if the process runs out of file descriptors.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

use super::front::{Admitted, Front};
use super::{Shared, Stop};

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
    mut stop: watch::Receiver<Stop>,
) {
    let mut pause = Pause::default();
    loop {
        let accepted = tokio::select! {
            biased;
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(Stop::is_set) => break,
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
    // Another process accepts those that are left in the queue.
    if matches!(*stop.borrow(), Stop::Leave(_)) {
        return;
    }
    if let Ok(listener) = listener.into_std() {
        accept_queued(&listener, &front, &shared, &stop);
    }
}

/// Accepts the connections left in the kernel's queue. Call it within the runtime.
pub(super) fn accept_queued(
    listener: &std::net::TcpListener,
    front: &Front,
    shared: &Arc<Shared>,
    stop: &watch::Receiver<Stop>,
) {
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

/// Starts a connection's task, unless it is refused.
fn start_connection(
    stream: TcpStream,
    peer: SocketAddr,
    front: &Front,
    shared: &Arc<Shared>,
    stop: watch::Receiver<Stop>,
) {
    let Some(slot) = front.admit(peer, shared) else { return };
    // Answers are written whole, so Nagle's algorithm has no benefit.
    let _ = stream.set_nodelay(true);
    tokio::spawn(front.clone().run(Admitted { stream, peer, slot, shared: shared.clone(), stop }));
}
