//! All sockets of a server, taken before anything is answered, and why one could not be had.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;

use tracing::error;

use crate::config::Config;
use crate::dns::{tcp, udp};
use crate::http::tls::Tls;

/// How often a free port is looked for that both UDP and TCP can have.
const PORT_ATTEMPTS: usize = 32;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address could not be had.
    #[error("cannot listen on {address} ({protocol}): {cause}{}", advice(*.address, .cause))]
    Bind {
        /// The address.
        address: SocketAddr,
        /// `UDP`, `TCP` or `HTTP`.
        protocol: &'static str,
        /// What the system says.
        #[source]
        cause: io::Error,
    },
    /// Tokens would go over a network that anybody may read.
    #[error(
        "HTTP on {0} can be reached from other hosts, and [api] has no tls: tokens would be readable on the way; add \
         tls = {{ certificate = \"…\", key = \"…\" }}, or listen on 127.0.0.1"
    )]
    Readable(SocketAddr),
    /// A thread, an event queue or a signal handler could not be had.
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
}

/// What to do about a failed bind, where that is known.
fn advice(address: SocketAddr, cause: &io::Error) -> String {
    match cause.kind() {
        io::ErrorKind::AddrInUse => {
            format!("; another process has port {}, or another `listen` entry covers this one", address.port())
        }
        io::ErrorKind::PermissionDenied => "; ports below 1024 need CAP_NET_BIND_SERVICE".to_owned(),
        io::ErrorKind::AddrNotAvailable => "; this host does not have the address".to_owned(),
        _ => String::new(),
    }
}

/// Sees whether the addresses of `config` can be had, by taking them over TCP for a moment. UDP sockets share an address, so
/// they would take queries from another server's.
///
/// # Errors
/// As [`Bound::bind`].
pub fn see_free(config: &Config) -> Result<(), ServeError> {
    let all = config.dns.listen.iter().map(|address| (*address, "TCP")).chain([(config.api.listen, "HTTP")]);
    for (address, protocol) in all {
        tcp::bind(address).map_err(|cause| ServeError::Bind { address, protocol, cause })?;
    }
    Ok(())
}

/// All sockets of a server, bound. Nothing is answered yet.
pub struct Bound {
    pub(super) udp: Vec<UdpSocket>,
    pub(super) tcp: Vec<TcpListener>,
    pub(super) http: TcpListener,
    pub(super) tls: Option<Arc<Tls>>,
    dns: Vec<SocketAddr>,
    api: SocketAddr,
}

impl Bound {
    /// Binds what `config` names; a port of 0 takes one that is free, the same for UDP and TCP.
    ///
    /// # Errors
    /// [`ServeError::Readable`], and [`ServeError::Bind`] for the first address that cannot be had. A certificate that
    /// cannot be used is told in the log.
    pub fn bind(config: &Config) -> Result<Self, ServeError> {
        let tls = config.api.tls.clone().map(Tls::start);
        if let Some((_, Some(error))) = &tls {
            error!("the API and the metrics are off until the certificate can be used, DNS is answered: {error}");
        }
        let tls = tls.map(|(tls, _)| Arc::new(tls));
        if tls.is_none() && !config.api.listen.ip().is_loopback() {
            return Err(ServeError::Readable(config.api.listen));
        }
        let (mut udp, mut tcp, mut dns) = (Vec::new(), Vec::new(), Vec::new());
        for address in &config.dns.listen {
            let (listener, sockets, bound) = bind_both(*address, config.dns.workers.get())?;
            tcp.push(listener);
            udp.extend(sockets);
            dns.push(bound);
        }
        let failed = |cause| ServeError::Bind { address: config.api.listen, protocol: "HTTP", cause };
        let http = tcp::bind(config.api.listen).map_err(failed)?;
        let api = http.local_addr()?;
        Ok(Self { udp, tcp, http, tls, dns, api })
    }

    /// Where DNS is answered, over UDP and TCP each, in the order of the configuration.
    pub fn dns(&self) -> &[SocketAddr] {
        &self.dns
    }

    /// Where HTTP is answered.
    pub fn api(&self) -> SocketAddr {
        self.api
    }

    /// The same as the beginning of a URL.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.tls.is_some() { "https" } else { "http" }, self.api)
    }

    /// Why HTTP is not answered, where the certificate cannot be used.
    pub fn tls_refused(&self) -> Option<String> {
        self.tls.as_ref()?.refused()
    }

    /// Where what is answered, as lines of the log.
    pub(super) fn answered(&self) -> Vec<String> {
        let dns = self.dns.iter().map(|address| format!("answering DNS on {address}, UDP and TCP"));
        let http_is_ready = self.tls.as_ref().is_none_or(|tls| tls.is_ready());
        dns.chain(http_is_ready.then(|| format!("answering HTTP on {}", self.url()))).collect()
    }
}

/// Binds TCP, which tells whether the address is another process's, then UDP on the same port.
fn bind_both(address: SocketAddr, workers: usize) -> Result<(TcpListener, Vec<UdpSocket>, SocketAddr), ServeError> {
    let mut attempts = if address.port() == 0 { PORT_ATTEMPTS } else { 1 };
    loop {
        attempts -= 1;
        let failed = |protocol| move |cause| ServeError::Bind { address, protocol, cause };
        let listener = tcp::bind(address).map_err(failed("TCP"))?;
        let bound = listener.local_addr()?;
        match udp::bind(bound, workers) {
            Ok(sockets) => return Ok((listener, sockets, bound)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && attempts > 0 => {}
            Err(error) => return Err(failed("UDP")(error)),
        }
    }
}
