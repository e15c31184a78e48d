//! Why a probe fails, with what was seen of it.

use std::io;

use gslb_core::health::Failure;
use tokio_rustls::rustls;

use super::guard::Forbidden;

/// A failure and its evidence.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) failure: Failure,
    pub(super) evidence: String,
}

/// What came of a probe: what was seen of an endpoint that does as it should, or else why it does not.
pub(super) type Check = Result<String, Fault>;

impl Fault {
    pub(super) fn new(failure: Failure, evidence: impl Into<String>) -> Self {
        Self { failure, evidence: evidence.into() }
    }

    /// What the system says of a connection or a datagram.
    pub(super) fn of_io(error: &io::Error) -> Self {
        if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Self::of_tls(error);
        }
        let failure = match (error.kind(), error.raw_os_error()) {
            (_, Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)) => Failure::System,
            (io::ErrorKind::ConnectionRefused, _) => Failure::Refused,
            (io::ErrorKind::TimedOut, _) => Failure::Timeout,
            (io::ErrorKind::AddrNotAvailable | io::ErrorKind::PermissionDenied, _) => Failure::System,
            _ => Failure::Unreachable,
        };
        Self::new(failure, error.to_string())
    }

    /// What TLS says of a server.
    fn of_tls(error: &rustls::Error) -> Self {
        use rustls::CertificateError::{Expired, ExpiredContext};
        let failure = match error {
            rustls::Error::InvalidCertificate(Expired | ExpiredContext { .. }) => Failure::CertificateExpires,
            _ => Failure::Tls,
        };
        Self::new(failure, error.to_string())
    }

    /// What was said is not of the protocol.
    pub(super) fn protocol(evidence: impl Into<String>) -> Self {
        Self::new(Failure::Protocol, evidence)
    }
}

impl From<Forbidden> for Fault {
    fn from(forbidden: Forbidden) -> Self {
        Self::new(Failure::Forbidden, forbidden.to_string())
    }
}
