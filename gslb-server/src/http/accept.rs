//! Accepting HTTP connections, also when the process has no file descriptor left for one.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::sleep;

use super::Shared;
use super::connection::serve;
use crate::tcp::accept::{Pause, is_about_one_connection};

/// Accepts until the stop.
pub(super) async fn accept_all(listener: TcpListener, shared: Arc<Shared>, mut stop: watch::Receiver<bool>) {
    let mut pause = Pause::default();
    loop {
        let accepted = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                pause = Pause::default();
                welcome(stream, peer, &shared, stop.clone());
            }
            Err(error) if is_about_one_connection(&error) => {}
            Err(_) => {
                // Out of descriptors or memory, which others run out of too: the connection used least goes.
                shared.connections.evict_idlest();
                sleep(pause.next()).await;
            }
        }
    }
}

/// Starts a connection's task. Of a client with as many as it may have, the idlest one goes: many people may share its
/// address, and one of them who holds connections must not lock out the others.
fn welcome(stream: TcpStream, peer: SocketAddr, shared: &Arc<Shared>, stop: watch::Receiver<bool>) {
    let place = shared.connections.admit_in_place(peer.ip());
    // Responses and events are written whole, so there is nothing to gather for.
    let _ = stream.set_nodelay(true);
    let shared = shared.clone();
    tokio::spawn(async move {
        let place = Arc::new(place);
        tokio::select! {
            () = serve(stream, peer, &shared, &place, stop.clone()) => {}
            () = place.evicted() => {}
        }
        // Who stops the server waits for this.
        drop(stop);
    });
}
