//! Accepting HTTP connections, also when the process has no file descriptor left for one.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

use super::Shared;
use super::connection::serve;
use super::reserve::{LONGEST, Lent};
use crate::dns::tcp::accept::{Pause, is_about_one_connection};

/// Accepts until the stop.
pub(super) async fn accept_all(listener: TcpListener, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let (mut pause, mut lent) = (Pause::default(), None);
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                pause = Pause::default();
                welcome(stream, peer, &shared, stop.clone(), lent.take());
            }
            Err(error) if is_about_one_connection(&error) => {}
            Err(error) => {
                // Health checks are to be answered when others have taken all descriptors.
                if lent.is_none() && is_about_descriptors(&error) {
                    lent = shared.reserve.lend();
                    if lent.is_some() {
                        continue;
                    }
                }
                // Out of descriptors or memory, which others run out of too: the connection used least goes.
                shared.connections.evict_idlest();
                sleep(pause.next()).await;
            }
        }
    }
}

/// Whether there is no file descriptor left, of this process or of the system.
fn is_about_descriptors(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE))
}

/// Starts a connection's task. Of a client with as many as it may have, the idlest one goes: many people may share its
/// address, and one of them who holds connections must not lock out the others.
fn welcome(stream: TcpStream, peer: SocketAddr, shared: &Arc<Shared>, stop: watch::Receiver<bool>, lent: Option<Lent>) {
    let place = shared.connections.admit_in_place(peer.ip());
    // Responses and events are written whole, so there is nothing to gather for.
    let _ = stream.set_nodelay(true);
    let shared = shared.clone();
    tokio::spawn(async move {
        let place = Arc::new(place);
        tokio::select! {
            () = serve(stream, peer, &shared, &place, stop.clone()) => {}
            () = place.evicted() => {}
            () = sleep(LONGEST), if lent.is_some() => {}
        }
        // Its descriptor is free again.
        drop(lent);
        // Who stops the server waits for this.
        drop(stop);
    });
}
