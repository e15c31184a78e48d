//! The HTTP side: connections bounded in number, in time and in memory, with TLS where it is configured.
//!
//! What is answered comes from outside, as routes. It runs on the control side's runtime, and nothing that it does
//! can take a file descriptor or a thread that answering queries needs.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::dns::tcp::connections::{Connections, within_descriptors};

mod accept;
mod connection;
mod progress;
mod reserve;
pub mod tls;

use reserve::Reserve;
use tls::Tls;

/// How long requests under way may take after the stop.
const GRACE: Duration = Duration::from_secs(1);

/// What clients may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections in all; when there are more, the one that has been idle for longest is closed.
    pub connections: usize,
    /// Connections per IPv4 address or IPv6 network of 64 bits; for one more, its own idlest is closed.
    pub connections_per_client: usize,
    /// Time for the header of a request to come, counted from the connection's start or the response before it.
    pub header: Duration,
}

/// What all connections share.
struct Shared {
    routes: Router,
    tls: Option<Arc<Tls>>,
    header: Duration,
    connections: Arc<Connections>,
    reserve: Arc<Reserve>,
}

/// A running HTTP server.
pub struct Server {
    runtime: Handle,
    stop: watch::Sender<bool>,
}

impl Server {
    /// Accepts on `listener` by tasks of `runtime`, and answers from `routes`. Each request has the peer's address as
    /// an extension of type `axum::extract::ConnectInfo<SocketAddr>`.
    ///
    /// # Errors
    /// When the listener cannot be given to the runtime.
    pub fn start(
        runtime: &Handle,
        listener: TcpListener,
        routes: Router,
        tls: Option<Arc<Tls>>,
        limits: Limits,
    ) -> io::Result<Self> {
        let connections = Connections::new(within_descriptors(limits.connections), limits.connections_per_client);
        let shared = Arc::new(Shared { routes, tls, header: limits.header, connections, reserve: Reserve::new() });
        let (stop, stopped) = watch::channel(false);
        let entered = runtime.enter();
        let listener = tokio::net::TcpListener::from_std(listener)?;
        drop(entered);
        runtime.spawn(accept::accept_all(listener, shared, stopped));
        Ok(Self { runtime: runtime.clone(), stop })
    }

    /// Accepts no more, has each connection finish the request that it is at, and waits for that, but not for long.
    /// Not to be called from within a task.
    pub fn stop(self) {
        let _ = self.stop.send(true);
        // Every task holds a receiver: when the last one is gone, so are the tasks.
        let _ = self.runtime.block_on(async { timeout(GRACE, self.stop.closed()).await });
    }
}
