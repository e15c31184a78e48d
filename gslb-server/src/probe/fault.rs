//! Why a probe fails, with what was seen of it.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

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

    /// What the system says of a connection or a datagram to `address`. That there is no way may be a router's word, which
    /// is about the endpoint, or that of our own routes: without a route, or with one of the types `unreachable`, `prohibit`
    /// (EACCES) and `blackhole` (EINVAL). Several of these errors have other causes too, so the routes are asked.
    pub(super) fn from_connect_error(error: &io::Error, address: IpAddr) -> Self {
        let mut fault = Self::of_io(error);
        if matches!(
            error.raw_os_error(),
            Some(
                libc::ENETUNREACH
                    | libc::EHOSTUNREACH
                    | libc::ENETDOWN
                    | libc::EACCES
                    | libc::EPERM
                    | libc::EINVAL
                    | libc::EADDRNOTAVAIL
            )
        ) && !has_route(address)
        {
            fault.failure = Failure::NoRoute;
        }
        fault
    }

    /// Of two addresses of a host, the fault that says more of it: what could not be tried says nothing.
    pub(super) fn graver(self, other: Option<Self>) -> Self {
        match other {
            Some(other) if matches!(self.failure, Failure::System | Failure::NoRoute) => other,
            _ => self,
        }
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
            // The limits of `Bounded`, and what hyper says of chunks and trailers; the system says neither.
            (io::ErrorKind::QuotaExceeded | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput, None) => {
                Failure::Protocol
            }
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

/// Whether this host knows a way to `address`. Nothing is sent: to connect a datagram socket asks the routes only.
fn has_route(address: IpAddr) -> bool {
    let any: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    // The discard port (RFC 863), as good as any.
    UdpSocket::bind((any, 0)).is_ok_and(|socket| socket.connect((address, 9)).is_ok())
}

impl From<Forbidden> for Fault {
    fn from(forbidden: Forbidden) -> Self {
        Self::new(Failure::Forbidden, forbidden.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn that_there_is_no_way_is_our_own_fault_only_where_we_have_no_route() {
        let told = io::Error::from_raw_os_error(libc::ENETUNREACH);
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert_eq!(Fault::from_connect_error(&told, here).failure, Failure::Unreachable, "then a router has said so");
        // No datagram socket may be connected to a broadcast address, whatever routes there are.
        let nowhere = IpAddr::V4(Ipv4Addr::BROADCAST);
        for code in [libc::ENETUNREACH, libc::EHOSTUNREACH, libc::EACCES, libc::EINVAL, libc::EADDRNOTAVAIL] {
            let told = io::Error::from_raw_os_error(code);
            assert_eq!(Fault::from_connect_error(&told, nowhere).failure, Failure::NoRoute, "{told}");
        }
        let denied = io::Error::from_raw_os_error(libc::EACCES);
        assert_eq!(
            Fault::from_connect_error(&denied, here).failure,
            Failure::System,
            "there is a route: something else denies it"
        );
        let refused = io::Error::from_raw_os_error(libc::ECONNREFUSED);
        assert_eq!(Fault::from_connect_error(&refused, nowhere).failure, Failure::Refused);
    }

    #[test]
    fn a_host_whose_other_address_could_not_be_tried_has_failed() {
        let of = |failure| Fault::new(failure, "");
        let after = |failure, before| of(failure).graver(Some(of(before))).failure;
        assert_eq!(after(Failure::System, Failure::Timeout), Failure::Timeout);
        assert_eq!(after(Failure::Timeout, Failure::System), Failure::Timeout);
        assert_eq!(of(Failure::System).graver(None).failure, Failure::System);
    }
}
