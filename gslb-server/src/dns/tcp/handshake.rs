//! A client's TLS handshake: bounded in time, with the reason if it fails.

use std::io;
use std::time::Duration;

use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::unconstrained;
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls;
use tokio_rustls::server::TlsStream;

use super::Stop;
use super::connection::stopped;

/// How long a handshake may go on after the stop.
const STOP_GRACE: Duration = Duration::from_millis(250);

/// Why there is no TLS connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Failure {
    /// It took longer than the idle time.
    Timeout,
    /// The client closed or reset the connection.
    Closed,
    /// What the client sent is not TLS, such as DNS over plain TCP.
    Garbage,
    /// There is no common version, cipher suite or application protocol.
    Incompatible,
    /// The client ended it with an alert: it does not trust the certificate, for example.
    Alert,
    /// The client broke the protocol in another way.
    Protocol,
    /// There is no certificate.
    Certificate,
    /// The server stops.
    Stopped,
}

/// Performs the handshake of `stream` within `time`.
pub(super) async fn accept(
    acceptor: Option<TlsAcceptor>,
    stream: TcpStream,
    time: Duration,
    stop: &mut watch::Receiver<Stop>,
) -> Result<TlsStream<TcpStream>, Failure> {
    let Some(acceptor) = acceptor else { return Err(Failure::Certificate) };
    // In a box, which is freed afterwards: it is larger than all else that a connection keeps.
    let handshake = Box::pin(acceptor.accept(stream));
    let stop_is_over = async {
        stopped(stop).await;
        sleep(STOP_GRACE).await;
    };
    // Unconstrained: a client that sends without a pause must not keep the time from being looked at.
    tokio::select! {
        biased;
        accepted = handshake => accepted.map_err(|error| Failure::from(&error)),
        () = unconstrained(sleep(time)) => Err(Failure::Timeout),
        () = unconstrained(stop_is_over) => Err(Failure::Stopped),
    }
}

impl From<&io::Error> for Failure {
    fn from(error: &io::Error) -> Self {
        match error.get_ref().and_then(|cause| cause.downcast_ref::<rustls::Error>()) {
            None => Self::Closed,
            Some(rustls::Error::InvalidMessage(_)) => Self::Garbage,
            Some(rustls::Error::PeerIncompatible(_) | rustls::Error::NoApplicationProtocol) => Self::Incompatible,
            Some(rustls::Error::AlertReceived(_)) => Self::Alert,
            Some(_) => Self::Protocol,
        }
    }
}
