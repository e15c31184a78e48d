//! The HTTP server: limits connections, time and memory, with optional TLS.
//!
//! The caller provides the routes. It runs on the control runtime, and cannot take file descriptors or threads that
//! answering queries needs.

use std::io;
use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::dns::tcp::connections::{Connections, within_descriptors};
use crate::tls::Tls;

mod accept;
mod connection;
mod progress;
mod reserve;

use reserve::Reserve;

/// How long the stop waits for running requests.
const GRACE: Duration = Duration::from_secs(1);

/// Limits on clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Most connections in total; beyond that, the idlest one is closed.
    pub connections: usize,
    /// Most connections per IPv4 address or IPv6 /64; beyond that, the client's idlest one is closed.
    pub connections_per_client: usize,
    /// Time to receive a request's header, from the start of the connection or the previous response.
    pub header: Duration,
}

/// State shared by all connections.
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
    /// Accepts on `listeners` with tasks on `runtime`, and serves `routes`. Each request has the peer's address as an
    /// extension of type `axum::extract::ConnectInfo<SocketAddr>`.
    ///
    /// # Errors
    /// If the runtime cannot register a listener.
    pub fn start(
        runtime: &Handle,
        listeners: Vec<TcpListener>,
        routes: Router,
        tls: Option<Arc<Tls>>,
        limits: Limits,
    ) -> io::Result<Self> {
        let connections = Connections::new(within_descriptors(limits.connections), limits.connections_per_client);
        let shared = Arc::new(Shared { routes, tls, header: limits.header, connections, reserve: Reserve::new() });
        let (stop, stopped) = watch::channel(false);
        let _entered = runtime.enter();
        for listener in listeners {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            runtime.spawn(accept::accept_all(listener, Arc::clone(&shared), stopped.clone()));
        }
        Ok(Self { runtime: runtime.clone(), stop })
    }

    /// Stops accepting, and lets each connection finish its current request. [`Server::stop`] waits for that.
    pub fn begin_stop(&self) {
        let _ = self.stop.send(true);
    }

    /// Stops accepting, and waits briefly for each connection to finish its current request. Do not call it from within
    /// a task.
    pub fn stop(self) {
        let _ = self.stop.send(true);
        // Every task holds a receiver: when the last one is gone, so are the tasks.
        let _ = self.runtime.block_on(async { timeout(GRACE, self.stop.closed()).await });
    }
}
