//! Binds all sockets of the server before it answers anything.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;

use tracing::error;

use super::sockets::{Inherited, InheritedSocket, Kind, Sockets};
use crate::config::Config;
use crate::dns::cookies::RandomSecret;
use crate::dns::protection::Protection;
use crate::dns::{tcp, udp};
use crate::tls::{Inside, Tls, TlsError, TlsFiles};

/// Attempts to find a port that is free for both UDP and TCP.
const PORT_ATTEMPTS: usize = 32;

/// Why the server did not start.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// An address could not be bound.
    #[error("cannot listen on {address} ({protocol}): {cause}{}", advice(*.address, .cause))]
    Bind {
        /// The address.
        address: SocketAddr,
        /// `UDP`, `TCP`, `TLS` or `HTTP`.
        protocol: &'static str,
        /// The operating system's error.
        #[source]
        cause: io::Error,
    },
    /// The certificate of DNS over TLS cannot be used.
    #[error("cannot answer DNS over TLS: {0}; repair the file, or remove [dns.tls]")]
    Certificate(#[from] TlsError),
    /// API tokens would cross the network in cleartext.
    #[error(
        "HTTP on {0} is reachable from other hosts, but [api] has no tls: tokens would cross the network in cleartext; add \
         tls = {{ certificate = \"…\", key = \"…\" }}, or listen on 127.0.0.1"
    )]
    Cleartext(SocketAddr),
    /// The service manager passed a socket that the configuration does not name.
    #[error(
        "the service manager passed a socket of {protocol} {address} ({name:?}), but gslb.toml does not listen there: add \
         the address to `listen`, or remove it from the socket unit"
    )]
    NotConfigured {
        /// The address.
        address: SocketAddr,
        /// `UDP` or `TCP`.
        protocol: &'static str,
        /// Its name in LISTEN_FDNAMES.
        name: String,
    },
    /// A thread, an event queue or a signal handler could not be created.
    #[error("cannot start: {0}")]
    Start(#[from] io::Error),
}

/// What to do about a failed bind, if that is known.
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

/// Checks that the addresses in `config` that are not `inherited` are free by binding them over TCP for a moment. UDP
/// sockets share their port, so binding one would take queries from a running server.
///
/// # Errors
/// As [`Bound::bind`].
pub fn check_ports_free(config: &Config, inherited: &Inherited) -> Result<(), ServeError> {
    let tcp = config.dns.listen.iter().map(|address| (*address, Kind::Tcp));
    let tls = config.dns.tls.iter().flat_map(|tls| &tls.listen).map(|address| (*address, Kind::Tls));
    let proxy = config.dns.proxy.iter().flat_map(|proxy| &proxy.listen).map(|address| (*address, Kind::ProxyTcp));
    let all = tcp.chain(tls).chain(proxy).chain([(config.api.listen, Kind::Http)]);
    for (address, kind) in all.filter(|(address, kind)| !inherited.has_tcp(*kind, *address)) {
        tcp::bind(address).map_err(failed(kind, address))?;
    }
    Ok(())
}

/// Checks that the certificate of DNS over TLS can be used.
///
/// # Errors
/// [`ServeError::Certificate`].
pub fn check_certificate(config: &Config) -> Result<(), ServeError> {
    config.dns.tls.as_ref().map(|tls| usable(&tls.files)).transpose()?;
    Ok(())
}

/// Checks that the configuration names the address of every socket that the service manager passed.
///
/// # Errors
/// [`ServeError::NotConfigured`].
pub fn check_inherited(config: &Config, inherited: &Inherited) -> Result<(), ServeError> {
    let plain = config.dns.listen.iter().flat_map(|address| [(Kind::Udp, *address), (Kind::Tcp, *address)]);
    let proxy = config.dns.proxy.iter().flat_map(|proxy| &proxy.listen);
    let proxy = proxy.flat_map(|address| [(Kind::ProxyUdp, *address), (Kind::ProxyTcp, *address)]);
    let tls = config.dns.tls.iter().flat_map(|tls| &tls.listen).map(|address| (Kind::Tls, *address));
    let all: Vec<_> = plain.chain(proxy).chain(tls).chain([(Kind::Http, config.api.listen)]).collect();
    match inherited.unnamed(&all) {
        Some((address, protocol, name)) => Err(ServeError::NotConfigured { address, protocol, name }),
        None => Ok(()),
    }
}

/// All sockets of a server, bound but not yet answering.
pub struct Bound {
    pub(super) sockets: Sockets,
    /// How many more UDP sockets each address gets: bound once they are read, so that no query waits in one.
    missing: Vec<(Kind, SocketAddr, usize)>,
    /// Inherited sockets that the configuration does not need.
    pub(super) surplus: Vec<InheritedSocket>,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) dns_tls: Option<Arc<Tls>>,
    pub(super) protection: Protection,
    dns: Vec<SocketAddr>,
    api: SocketAddr,
}

impl Bound {
    /// Binds the addresses in `config`. Port 0 picks a free port, the same for UDP and TCP.
    ///
    /// # Errors
    /// [`ServeError::Cleartext`], [`ServeError::Certificate`], and [`ServeError::Bind`] for the first address that
    /// cannot be bound. A certificate of the API that cannot be used is logged.
    pub fn bind(config: &Config) -> Result<Self, ServeError> {
        Self::with(config, Inherited::default())
    }

    /// The same, but uses the `inherited` sockets.
    ///
    /// # Errors
    /// As [`Bound::bind`].
    pub fn with(config: &Config, mut inherited: Inherited) -> Result<Self, ServeError> {
        let tls = config.api.tls.clone().map(|files| Tls::start(files, Inside::Http));
        if let Some((_, Some(error))) = &tls {
            error!("the API and the metrics are off until the certificate can be used; DNS is answered: {error}");
        }
        let tls = tls.map(|(tls, _)| Arc::new(tls));
        if tls.is_none() && !config.api.listen.ip().is_loopback() {
            return Err(ServeError::Cleartext(config.api.listen));
        }
        let dns_tls = config.dns.tls.as_ref().map(|tls| usable(&tls.files)).transpose()?;
        let mut bound = Self {
            sockets: Sockets::default(),
            missing: Vec::new(),
            surplus: Vec::new(),
            tls,
            dns_tls,
            protection: Protection::start(&config.dns),
            dns: Vec::new(),
            api: config.api.listen,
        };
        for address in &config.dns.listen {
            let address = bound.add_both([Kind::Udp, Kind::Tcp], *address, config, &mut inherited)?;
            bound.dns.push(address);
        }
        for address in config.dns.proxy.iter().flat_map(|proxy| &proxy.listen) {
            bound.add_both([Kind::ProxyUdp, Kind::ProxyTcp], *address, config, &mut inherited)?;
        }
        for address in config.dns.tls.iter().flat_map(|tls| &tls.listen) {
            bound.add_tcp(Kind::Tls, *address, &mut inherited)?;
        }
        bound.api = bound.add_tcp(Kind::Http, config.api.listen, &mut inherited)?;
        bound.surplus = inherited.into_iter().collect();
        Ok(bound)
    }

    /// Continues the random cookie secret of a predecessor.
    pub fn continue_cookies(&self, random: RandomSecret) {
        if let Some(cookies) = &self.protection.cookies {
            cookies.continue_random(random);
        }
    }

    /// Adds a listener and as many UDP sockets as there are workers, inherited ones first. Returns their address.
    fn add_both(
        &mut self,
        kinds: [Kind; 2],
        address: SocketAddr,
        config: &Config,
        inherited: &mut Inherited,
    ) -> Result<SocketAddr, ServeError> {
        let ([udp_kind, tcp_kind], workers) = (kinds, config.dns.workers.get());
        let mut claim_udp = |address| {
            let claimed = inherited.claim_udp(udp_kind, address, workers);
            claimed.iter().try_for_each(udp::adopt).map_err(failed(udp_kind, address))?;
            Ok::<_, ServeError>(claimed)
        };
        let udp = claim_udp(address)?;
        // With port 0, the listener has the port of the inherited sockets.
        let wanted = udp.first().map_or(Ok(address), UdpSocket::local_addr)?;
        let mut is_inherited = [!udp.is_empty(), false];
        let (listener, udp, bound) = match inherited.claim_tcp(tcp_kind, wanted) {
            Some((listener, bound)) => {
                tcp::adopt(&listener).map_err(failed(tcp_kind, bound))?;
                is_inherited[1] = true;
                (listener, udp, bound)
            }
            None if udp.is_empty() => bind_both(kinds, address, config)?,
            None => (tcp::bind(wanted).map_err(failed(tcp_kind, wanted))?, udp, wanted),
        };
        if udp.len() < workers {
            self.missing.push((udp_kind, bound, workers - udp.len()));
        }
        if is_inherited[1] {
            self.sockets.add_inherited(tcp_kind, bound, listener);
        } else {
            self.sockets.add(tcp_kind, bound, listener);
        }
        for socket in udp {
            if is_inherited[0] {
                self.sockets.add_inherited(udp_kind, bound, socket);
            } else {
                self.sockets.add(udp_kind, bound, socket);
            }
        }
        Ok(bound)
    }

    /// Adds a listener, an inherited one if there is one. Returns its address.
    fn add_tcp(
        &mut self,
        kind: Kind,
        address: SocketAddr,
        inherited: &mut Inherited,
    ) -> Result<SocketAddr, ServeError> {
        if let Some((listener, bound)) = inherited.claim_tcp(kind, address) {
            tcp::adopt(&listener).map_err(failed(kind, bound))?;
            self.sockets.add_inherited(kind, bound, listener);
            return Ok(bound);
        }
        let listener = tcp::bind(address).map_err(failed(kind, address))?;
        let bound = listener.local_addr()?;
        self.sockets.add(kind, bound, listener);
        Ok(bound)
    }

    /// Binds the UDP sockets that are still missing. A worker without a socket of its own shares one: other sockets on
    /// the address may belong to another user, such as the service manager.
    pub(super) fn complete(&mut self) -> Result<(), ServeError> {
        for (kind, address, count) in std::mem::take(&mut self.missing) {
            for _ in 0..count {
                match udp::bind(address, 1) {
                    Ok(bound) => bound.into_iter().for_each(|socket| self.sockets.add(kind, address, socket)),
                    Err(cause) => {
                        self.sockets.share(kind, address).ok_or(cause).flatten().map_err(failed(kind, address))?;
                    }
                }
            }
        }
        Ok(())
    }

    /// The inherited sockets that the configuration does not name.
    pub fn surplus(&self) -> &[InheritedSocket] {
        &self.surplus
    }

    /// The DNS addresses, each for UDP and TCP, in the order of the configuration.
    pub fn dns(&self) -> &[SocketAddr] {
        &self.dns
    }

    /// The addresses of DNS over TLS, in the order of the configuration.
    pub fn dns_over_tls(&self) -> Vec<SocketAddr> {
        self.addresses(Kind::Tls).collect()
    }

    /// The addresses for proxies, each for UDP and TCP, in the order of the configuration.
    pub fn proxy(&self) -> Vec<SocketAddr> {
        self.addresses(Kind::ProxyTcp).collect()
    }

    /// The addresses of the sockets of a kind.
    fn addresses(&self, kind: Kind) -> impl Iterator<Item = SocketAddr> {
        self.sockets.iter().filter(move |socket| socket.kind == kind).map(|socket| socket.address)
    }

    /// The HTTP address.
    pub fn api(&self) -> SocketAddr {
        self.api
    }

    /// The base URL of the HTTP server.
    pub fn url(&self) -> String {
        format!("{}://{}", if self.tls.is_some() { "https" } else { "http" }, self.api)
    }

    /// Why the certificate cannot be used, if HTTPS is off.
    pub fn tls_refused(&self) -> Option<String> {
        self.tls.as_ref()?.refused()
    }

    /// Why the secrets of DNS cookies cannot be used, if they are in a file that cannot.
    pub fn cookies_refused(&self) -> Option<String> {
        self.protection.cookies.as_ref()?.refused()
    }

    /// Log lines that name the addresses in use.
    pub(super) fn listening_lines(&self) -> Vec<String> {
        let dns = self.dns.iter().map(|address| format!("answering DNS on {address}, UDP and TCP"));
        let tls = self.addresses(Kind::Tls).map(|address| format!("answering DNS on {address}, TLS"));
        let proxy = self.addresses(Kind::ProxyTcp);
        let proxy = proxy.map(|address| format!("answering DNS on {address}, UDP and TCP with the PROXY protocol"));
        let http_is_ready = self.tls.as_ref().is_none_or(|tls| tls.is_ready());
        dns.chain(tls).chain(proxy).chain(http_is_ready.then(|| format!("answering HTTP on {}", self.url()))).collect()
    }
}

/// The certificate of DNS over TLS.
fn usable(files: &TlsFiles) -> Result<Arc<Tls>, TlsError> {
    match Tls::start(files.clone(), Inside::Dns) {
        (tls, None) => Ok(Arc::new(tls)),
        (_, Some(error)) => Err(error),
    }
}

/// Binds TCP, which fails if another process uses the address, then UDP on the same port.
fn bind_both(
    [udp_kind, tcp_kind]: [Kind; 2],
    address: SocketAddr,
    config: &Config,
) -> Result<(TcpListener, Vec<UdpSocket>, SocketAddr), ServeError> {
    let mut attempts = if address.port() == 0 { PORT_ATTEMPTS } else { 1 };
    loop {
        attempts -= 1;
        let listener = tcp::bind(address).map_err(failed(tcp_kind, address))?;
        let bound = listener.local_addr()?;
        match udp::bind(bound, config.dns.workers.get()) {
            Ok(sockets) => return Ok((listener, sockets, bound)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse && attempts > 0 => {}
            Err(error) => return Err(failed(udp_kind, address)(error)),
        }
    }
}

/// The error of a socket that cannot be bound.
fn failed(kind: Kind, address: SocketAddr) -> impl FnOnce(io::Error) -> ServeError {
    move |cause| ServeError::Bind { address, protocol: kind.label(), cause }
}
