//! Local HTTP servers that stand for a site's endpoints, so that a demo has something to steer to.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};

use axum::Router;
use axum::routing::get;
use tokio::task::JoinSet;

/// How often a port that was free on the first address is given up for being taken on another.
const ATTEMPTS: usize = 32;

/// An endpoint to stand for: its address, and the data center it is in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Where to listen, usually within 127.0.0.0/8.
    pub address: IpAddr,
    /// Name of the data center.
    pub data_center: String,
    /// Name of the endpoint.
    pub endpoint: String,
}

/// Origins that listen, all on the same port. Queries wait until [`Origins::serve`] is run.
pub struct Origins {
    listening: Vec<(TcpListener, Origin)>,
    port: u16,
}

impl Origins {
    /// Listens on `port` of each origin's address; 0 takes a port that is free on all of them.
    ///
    /// # Errors
    /// The address that could not be listened on, with the cause.
    pub fn bind(origins: &[Origin], port: u16) -> Result<Self, (SocketAddr, io::Error)> {
        let mut attempts = if port == 0 { ATTEMPTS } else { 1 };
        loop {
            attempts -= 1;
            match bind_all(origins, port) {
                Err((_, error)) if error.kind() == io::ErrorKind::AddrInUse && attempts > 0 => {}
                outcome => return outcome,
            }
        }
    }

    /// The port of all of them; 0 when there are none.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Answers for ever: `/healthz` with `ok`, any other path with who answers. Ends when dropped.
    ///
    /// # Errors
    /// When the runtime cannot take a listener over.
    pub async fn serve(self) -> io::Result<()> {
        let mut tasks = JoinSet::new();
        for (listener, origin) in self.listening {
            let listener = tokio::net::TcpListener::from_std(listener)?;
            tasks.spawn(async move { axum::serve(listener, router(&origin)).await });
        }
        while tasks.join_next().await.is_some() {}
        Ok(())
    }
}

fn bind_all(origins: &[Origin], mut port: u16) -> Result<Origins, (SocketAddr, io::Error)> {
    let mut listening = Vec::with_capacity(origins.len());
    for origin in origins {
        let address = SocketAddr::new(origin.address, port);
        let (listener, bound) = listen(address).map_err(|error| (address, error))?;
        port = bound;
        listening.push((listener, origin.clone()));
    }
    Ok(Origins { listening, port })
}

fn listen(address: SocketAddr) -> io::Result<(TcpListener, u16)> {
    let listener = TcpListener::bind(address)?;
    listener.set_nonblocking(true)?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

fn router(origin: &Origin) -> Router {
    let page = format!(
        "You have reached endpoint {} ({}) in data center {}.\n",
        origin.endpoint, origin.address, origin.data_center
    );
    Router::new().route("/healthz", get(async || "ok\n")).fallback(get(move || async { page }))
}
