//! Accepts HTTP connections, even if the process runs out of file descriptors.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

use super::Shared;
use super::connection::serve;
use super::reserve::{Borrowed, LONGEST};
use crate::dns::tcp::accept::{Pause, is_about_one_connection};

/// Accepts until the stop.
pub(super) async fn accept_all(listener: TcpListener, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let (mut pause, mut borrowed) = (Pause::default(), None);
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                pause = Pause::default();
                start_connection(stream, peer, &shared, stop.clone(), borrowed.take());
            }
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                // Health checks must be answered even if all descriptors are in use.
                if borrowed.is_none() && is_about_descriptors(&error) {
                    borrowed = shared.reserve.lend();
                    if borrowed.is_some() {
                        continue;
                    }
                }
                // Out of descriptors or memory for the whole process: evict the idlest connection.
                shared.connections.evict_idlest();
                sleep(pause.next()).await;
            }
        }
    }
}

/// Whether the process or the system is out of file descriptors.
fn is_about_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

/// Starts a connection's task. If its client is at its limit, the client's idlest connection is evicted: many people
/// may share an address, and one who keeps connections open must not lock out the others.
fn start_connection(
    stream: TcpStream,
    peer: SocketAddr,
    shared: &Arc<Shared>,
    stop: watch::Receiver<bool>,
    borrowed: Option<Borrowed>,
) {
    let slot = shared.connections.admit_in_place(peer.ip());
    // Responses and events are written whole, so Nagle's algorithm has no benefit.
    let _ = stream.set_nodelay(true);
    let shared = shared.clone();
    tokio::spawn(async move {
        let slot = Arc::new(slot);
        tokio::select! {
            () = serve(stream, peer, &shared, &slot, stop.clone()) => {}
            () = slot.evicted() => {}
            () = sleep(LONGEST), if borrowed.is_some() => {}
        }
        // The connection's descriptor is closed now.
        drop(borrowed);
        // The server's stop waits for this.
        drop(stop);
    });
}
