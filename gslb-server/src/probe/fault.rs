//! Why a probe fails, with its evidence.

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

/// The result of a probe: evidence of success, or the fault.
pub(super) type Check = Result<String, Fault>;

impl Fault {
    pub(super) fn new(failure: Failure, evidence: impl Into<String>) -> Self {
        Self { failure, evidence: evidence.into() }
    }

    /// Classifies a system error for `address`. "Unreachable" may come from a router, which concerns the endpoint, or
    /// from our own routing table: no route, or one of the types `unreachable`, `prohibit` (EACCES) and `blackhole`
    /// (EINVAL). Several of these errors have other causes too, so the routing table is checked.
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

    /// Of the faults of two addresses of a host, the one that says more: an address that could not be tried says
    /// nothing.
    pub(super) fn more_specific(self, other: Option<Self>) -> Self {
        match other {
            Some(other) if matches!(self.failure, Failure::System | Failure::NoRoute) => other,
            _ => self,
        }
    }

    /// Classifies an I/O error.
    pub(super) fn of_io(error: &io::Error) -> Self {
        if let Some(error) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) {
            return Self::of_tls(error);
        }
        let failure = match (error.kind(), error.raw_os_error()) {
            (_, Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM)) => Failure::System,
            (io::ErrorKind::ConnectionRefused, _) => Failure::Refused,
            (io::ErrorKind::TimedOut, _) => Failure::Timeout,
            // The limits of `Bounded`, and hyper's errors about chunks and trailers; the system returns neither.
            (io::ErrorKind::QuotaExceeded | io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput, None) => {
                Failure::Protocol
            }
            (io::ErrorKind::AddrNotAvailable | io::ErrorKind::PermissionDenied, _) => Failure::System,
            _ => Failure::Unreachable,
        };
        Self::new(failure, error.to_string())
    }

    /// Classifies a TLS error.
    fn of_tls(error: &rustls::Error) -> Self {
        use rustls::CertificateError::{Expired, ExpiredContext};
        let failure = match error {
            rustls::Error::InvalidCertificate(Expired | ExpiredContext { .. }) => Failure::CertificateExpires,
            _ => Failure::Tls,
        };
        Self::new(failure, error.to_string())
    }

    /// A protocol violation.
    pub(super) fn protocol(evidence: impl Into<String>) -> Self {
        Self::new(Failure::Protocol, evidence)
    }
}

/// Whether this host has a route to `address`. Nothing is sent: connecting a datagram socket only looks up the route.
fn has_route(address: IpAddr) -> bool {
    let any: IpAddr = if address.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    // The discard port (RFC 863); any port works.
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
    fn unreachable_is_our_own_fault_only_without_a_route() {
        let error = io::Error::from_raw_os_error(libc::ENETUNREACH);
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        assert_eq!(Fault::from_connect_error(&error, here).failure, Failure::Unreachable, "a router reported it");
        // A datagram socket cannot connect to a broadcast address, whatever the routes.
        let nowhere = IpAddr::V4(Ipv4Addr::BROADCAST);
        for code in [libc::ENETUNREACH, libc::EHOSTUNREACH, libc::EACCES, libc::EINVAL, libc::EADDRNOTAVAIL] {
            let error = io::Error::from_raw_os_error(code);
            assert_eq!(Fault::from_connect_error(&error, nowhere).failure, Failure::NoRoute, "{error}");
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
    fn a_failed_address_counts_even_if_another_could_not_be_tried() {
        let of = |failure| Fault::new(failure, "");
        let after = |failure, before| of(failure).more_specific(Some(of(before))).failure;
        assert_eq!(after(Failure::System, Failure::Timeout), Failure::Timeout);
        assert_eq!(after(Failure::Timeout, Failure::System), Failure::Timeout);
        assert_eq!(of(Failure::System).more_specific(None).failure, Failure::System);
    }
}
