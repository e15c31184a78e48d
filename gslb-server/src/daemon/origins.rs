//! Local HTTP servers that play a site's endpoints for the demo. Those of one data center can be stopped to show a
//! failover.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use parking_lot::{Mutex, MutexGuard};
use tokio::task::JoinHandle;

/// Fixed port for stopping and starting origins, so that printed commands can be reused; a free one if it is taken.
const SWITCH_PORT: u16 = 8054;

/// Attempts to find a port that is free on all addresses.
const ATTEMPTS: usize = 32;

/// An endpoint to play: its address and data center.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Where to listen, usually within 127.0.0.0/8.
    pub address: IpAddr,
    /// Name of the data center.
    pub data_center: String,
    /// Name of the endpoint.
    pub endpoint: String,
}

/// Origins that listen, all on the same port. Connections wait until [`Origins::serve`] runs.
pub struct Origins {
    listening: Vec<(TcpListener, Origin)>,
    port: u16,
    switch: TcpListener,
}

impl Origins {
    /// Listens on `port` of each origin's address; 0 picks a port that is free on all of them.
    ///
    /// # Errors
    /// The address that could not be bound, with the cause.
    pub fn bind(origins: &[Origin], port: u16) -> Result<Self, (SocketAddr, io::Error)> {
        let mut attempts = if port == 0 { ATTEMPTS } else { 1 };
        loop {
            attempts -= 1;
            match bind_all(origins, port) {
                Err((_, error)) if error.kind() == io::ErrorKind::AddrInUse && attempts > 0 => {}
                result => return result,
            }
        }
    }

    /// The port they share; 0 if there are none.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Serves the stopping and starting of a data center's origins: `POST /stop/NAME` and `POST /start/NAME`.
    ///
    /// # Errors
    /// If the system does not report the address.
    pub fn switch(&self) -> io::Result<SocketAddr> {
        self.switch.local_addr()
    }

    /// Serves until dropped: `/healthz` answers `ok`, any other path names the endpoint.
    ///
    /// # Errors
    /// If the runtime cannot register a listener.
    pub async fn serve(self) -> io::Result<()> {
        let mut data_centers = BTreeMap::new();
        for (listener, origin) in self.listening {
            let running = Running { task: Some(answer(listener, &origin)?), origin };
            data_centers.entry(running.origin.data_center.clone()).or_insert_with(Vec::new).push(running);
        }
        let switched = Switched { port: self.port, data_centers: Arc::new(Mutex::new(data_centers)) };
        let routes = Router::new().route("/stop/{name}", post(stop)).route("/start/{name}", post(start));
        axum::serve(tokio::net::TcpListener::from_std(self.switch)?, routes.with_state(switched)).await
    }
}

/// An origin and its server task; `None` while it is stopped.
struct Running {
    origin: Origin,
    task: Option<JoinHandle<()>>,
}

/// The origins by data center.
#[derive(Clone)]
struct Switched {
    port: u16,
    data_centers: Arc<Mutex<BTreeMap<String, Vec<Running>>>>,
}

impl Switched {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Running>>> {
        self.data_centers.lock()
    }
}

/// Stops the origins of a data center: connections to them are then refused.
async fn stop(State(switched): State<Switched>, Path(name): Path<String>) -> (StatusCode, String) {
    let mut tasks = Vec::new();
    match switched.lock().get_mut(&name) {
        Some(running) => tasks.extend(running.iter_mut().filter_map(|it| it.task.take())),
        None => return unknown(&name),
    }
    for task in tasks {
        task.abort();
        // The listener closes when the task has ended.
        let _ = task.await;
    }
    (StatusCode::OK, format!("stopped the origins of {name}\n"))
}

async fn start(State(switched): State<Switched>, Path(name): Path<String>) -> (StatusCode, String) {
    let port = switched.port;
    let mut data_centers = switched.lock();
    let Some(running) = data_centers.get_mut(&name) else { return unknown(&name) };
    for stopped in running.iter_mut().filter(|it| it.task.is_none()) {
        let address = SocketAddr::new(stopped.origin.address, port);
        match listen(address).and_then(|(listener, _)| answer(listener, &stopped.origin)) {
            Ok(task) => stopped.task = Some(task),
            Err(error) => return (StatusCode::SERVICE_UNAVAILABLE, format!("cannot listen on {address}: {error}\n")),
        }
    }
    (StatusCode::OK, format!("started the origins of {name}\n"))
}

fn unknown(name: &str) -> (StatusCode, String) {
    (StatusCode::NOT_FOUND, format!("there is no data center {name:?}\n"))
}

fn answer(listener: TcpListener, origin: &Origin) -> io::Result<JoinHandle<()>> {
    let (listener, router) = (tokio::net::TcpListener::from_std(listener)?, router(origin));
    Ok(tokio::spawn(async move {
        // Runs until aborted; failed connections are ignored.
        let _ = axum::serve(listener, router).await;
    }))
}

fn bind_all(origins: &[Origin], mut port: u16) -> Result<Origins, (SocketAddr, io::Error)> {
    let mut listening = Vec::with_capacity(origins.len());
    for origin in origins {
        let address = SocketAddr::new(origin.address, port);
        let (listener, bound) = listen(address).map_err(|error| (address, error))?;
        port = bound;
        listening.push((listener, origin.clone()));
    }
    let loopback = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let bound = listen(loopback(SWITCH_PORT)).or_else(|_| listen(loopback(0)));
    let (switch, _) = bound.map_err(|error| (loopback(0), error))?;
    Ok(Origins { listening, port, switch })
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
