//! DNS over TCP (RFC 7766) and TLS (RFC 7858): a task per connection, bounded in number, in time and in memory.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use gslb_core::respond::{Settings, Tally, Transport};
use gslb_core::table::Published;
use parking_lot::Mutex;
use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use crate::background;
use crate::capture::sample::Reservoir;
use crate::capture::tap::{self, Tap};
use crate::dns::durations::Durations;
use crate::dns::protection::Protection;
use crate::dns::udp::check_only_v6;

pub(crate) mod accept;
mod connection;
pub(crate) mod connections;
mod counts;
mod front;
mod handshake;
mod input;
mod moving;
mod proxy_header;
mod responders;

pub use counts::{FailedHandshakes, TcpCounts};
pub use front::Front;
use moving::Stop;
pub use moving::{Adopter, Leaving};

/// Connections that the kernel holds for us before we have accepted them.
const BACKLOG: i32 = 1024;

/// How long connections may take to end after the stop.
const GRACE: Duration = Duration::from_secs(1);

/// Connections that may wait to be passed to another process; more wait in their tasks.
const LEAVING: usize = 256;

/// Limits for clients.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Time for the next query to come whole, and for answers to be taken (RFC 7766 section 6.2.3).
    pub idle: Duration,
    /// Connections in all, at most a quarter of the process's file descriptors; if there are more, the one idle for
    /// longest is closed.
    pub connections: usize,
    /// Connections per IPv4 address or IPv6 network of 64 bits; more are closed at once.
    pub connections_per_client: usize,
}

/// A listener from [`bind`], and how its connections begin.
pub type Listener = (TcpListener, Front);

/// What all connections share.
struct Shared {
    idle: Duration,
    connections: Arc<connections::Connections>,
    responders: responders::Responders,
    counts: counts::SharedCounts,
}

/// Opens a listener that shares its address with no other process. UDP sockets cannot promise this, so a second server
/// on the address is noticed here.
///
/// # Errors
/// As `bind(2)` and `listen(2)`.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections that linger from before a restart do not hold the address.
    socket.set_reuse_address(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Makes a listener ready that another process has bound.
///
/// # Errors
/// If it cannot be used for answering.
pub fn adopt(listener: &TcpListener) -> io::Result<()> {
    let socket = SockRef::from(listener);
    check_only_v6(&socket, listener.local_addr()?)?;
    socket.set_nonblocking(true)?;
    // Only changes the length of its queue.
    socket.listen(BACKLOG)
}

/// A running server of connections with its own threads.
pub struct Server {
    runtime: Runtime,
    shared: Arc<Shared>,
    stop: watch::Sender<Stop>,
    /// How connections of another process are admitted.
    fronts: Vec<Front>,
}

/// Reads the counters of a [`Server`].
#[derive(Clone)]
pub struct TcpCounters(Arc<Shared>);

impl TcpCounters {
    /// The counts of now.
    pub fn total(&self) -> (Tally, TcpCounts) {
        (self.0.responders.tally(), self.0.counts.read(self.0.connections.count()))
    }

    /// How long answers took.
    pub fn durations(&self) -> Durations {
        self.0.counts.durations()
    }

    /// The sample of each worker.
    pub(crate) fn samples(&self) -> impl Iterator<Item = &Mutex<Reservoir>> {
        self.0.responders.samples()
    }
}

impl Adopter {
    /// Accepts what `listeners`, which are not needed any more, have in their queues, and closes them.
    pub fn retire(&self, listeners: Vec<Listener>) {
        let _entered = self.runtime.enter();
        for (listener, front) in listeners {
            accept::accept_queued(&listener, &front, &self.shared, &self.stop);
        }
    }
}

impl Server {
    /// Accepts on `listeners`, and answers on one thread per tap of `taps`, which capture their answers; at least one.
    /// Their counters are the rows of published tables from `row` on. The threads are named after `transport`; those of
    /// TLS have a lower priority, since a handshake takes as long as a thousand answers.
    ///
    /// # Errors
    /// When the system gives no thread or no event queue.
    #[expect(
        clippy::too_many_arguments,
        reason = "each is another part of the server, and this is called once for each"
    )]
    pub fn start(
        listeners: Vec<Listener>,
        transport: Transport,
        limits: Limits,
        published: Arc<Published>,
        settings: &Arc<Settings>,
        protection: &Protection,
        row: usize,
        taps: Vec<Tap>,
    ) -> io::Result<Self> {
        let most = connections::within_descriptors(limits.connections);
        let taps = if taps.is_empty() { tap::none(1) } else { taps };
        let threads = taps.len();
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(threads).thread_name(transport.as_str()).enable_all();
        if transport == Transport::Tls {
            builder.on_thread_start(background::enter);
        }
        let runtime = builder.build()?;
        let is_proxied = listeners.iter().any(|(_, front)| front.is_proxy());
        let client_limits = protection.limits.as_ref().filter(|_| is_proxied);
        let shared = Arc::new(Shared {
            idle: limits.idle,
            connections: connections::Connections::new(most, limits.connections_per_client),
            responders: responders::Responders::new(published, settings, protection, client_limits, row, taps),
            counts: counts::SharedCounts::default(),
        });
        let (stop, stopped) = watch::channel(Stop::No);
        let fronts = listeners.iter().map(|(_, front)| front.clone()).collect();
        let entered = runtime.enter();
        for (listener, front) in listeners {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            runtime.spawn(accept::accept_all(listener, front, shared.clone(), stopped.clone()));
        }
        drop(entered);
        Ok(Self { runtime, shared, stop, fronts })
    }

    /// The counters, readable even after the stop.
    pub fn counters(&self) -> TcpCounters {
        TcpCounters(self.shared.clone())
    }

    /// Stops accepting, and lets each connection answer received queries.
    pub fn begin_stop(&self) {
        let _ = self.stop.send(Stop::Close);
    }

    /// Takes connections of another process.
    pub fn adopter(&self) -> Adopter {
        Adopter {
            runtime: self.runtime.handle().clone(),
            shared: self.shared.clone(),
            stop: self.stop.subscribe(),
            fronts: self.fronts.clone(),
        }
    }

    /// Stops accepting, and passes each connection to `pass` once it has written the answers to its complete messages.
    /// TLS connections, which cannot be passed, are closed after their answers. Do not call this from a task.
    pub fn leave(self, mut pass: impl FnMut(Leaving)) {
        let (sender, mut leaving) = mpsc::channel(LEAVING);
        let _ = self.stop.send(Stop::Leave(sender));
        let all = async {
            loop {
                tokio::select! {
                    biased;
                    Some(connection) = leaving.recv() => pass(connection),
                    () = self.stop.closed() => break,
                }
            }
        };
        let _ = self.runtime.block_on(async { timeout(GRACE, all).await });
        while let Ok(connection) = leaving.try_recv() {
            pass(connection);
        }
        self.runtime.shutdown_background();
    }

    /// As [`Server::begin_stop`], and waits for that briefly. Do not call this from a task.
    pub fn stop(self) {
        self.begin_stop();
        // Every task has a receiver: when the last one is dropped, all tasks have ended.
        let _ = self.runtime.block_on(async { timeout(GRACE, self.stop.closed()).await });
        self.runtime.shutdown_background();
    }
}
