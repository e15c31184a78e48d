//! Local HTTP servers that stand for a site's endpoints, so that a demo has something to steer to; those of a data center
//! can be stopped, so that there is something to see.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use tokio::task::JoinHandle;

/// Where the origins are stopped and started, unless the port is taken: printed commands can then be written down.
const SWITCH_PORT: u16 = 8054;

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
    switch: TcpListener,
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

    /// Where the origins of a data center are stopped and started: `POST /stop/NAME` and `POST /start/NAME`.
    ///
    /// # Errors
    /// When the system does not tell.
    pub fn switch(&self) -> io::Result<SocketAddr> {
        self.switch.local_addr()
    }

    /// Answers for ever: `/healthz` with `ok`, any other path with who answers. Ends when dropped.
    ///
    /// # Errors
    /// When the runtime cannot take a listener over.
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

/// An origin, and the task that answers for it; none while it is stopped.
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
        self.data_centers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stops the origins of a data center: connections to them are refused, as if its hosts had no server any more.
async fn stop(State(switched): State<Switched>, Path(name): Path<String>) -> (StatusCode, String) {
    let mut tasks = Vec::new();
    match switched.lock().get_mut(&name) {
        Some(running) => tasks.extend(running.iter_mut().filter_map(|it| it.task.take())),
        None => return unknown(&name),
    }
    for task in tasks {
        task.abort();
        // Its listener is closed when it has ended.
        let _ = task.await;
    }
    (StatusCode::OK, format!("the origins of {name} have stopped\n"))
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
    (StatusCode::OK, format!("the origins of {name} answer\n"))
}

fn unknown(name: &str) -> (StatusCode, String) {
    (StatusCode::NOT_FOUND, format!("there is no data center {name:?}\n"))
}

fn answer(listener: TcpListener, origin: &Origin) -> io::Result<JoinHandle<()>> {
    let (listener, router) = (tokio::net::TcpListener::from_std(listener)?, router(origin));
    Ok(tokio::spawn(async move {
        // It ends when it is aborted; a connection that fails is told to nobody.
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
