//! The outcome of one probe: whether it passed, how long it took, and what it saw.

use std::fmt;
use std::time::Duration;

/// The outcome of one probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Whether the probe passed.
    pub result: Result<(), Failure>,
    /// Time from the probe's start to its result.
    pub took: Duration,
    /// Round-trip time: the time to connect, or from one request to its response; `None` if not measured.
    pub latency: Option<Duration>,
    /// What the probe saw, such as `status 503`: at most [`MAX_EVIDENCE`] characters on one line, never body content.
    pub evidence: Box<str>,
    /// When the server's certificate expires, in seconds since 1970-01-01 00:00 UTC, if it sent one.
    pub certificate_expires: Option<u64>,
}

/// Why a probe failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// There was no result in time.
    Timeout,
    /// The connection was refused.
    Refused,
    /// The endpoint is unreachable, or the connection broke.
    Unreachable,
    /// The endpoint's name has no address.
    Resolve,
    /// The TLS handshake failed, or the certificate is not the expected one.
    Tls,
    /// The certificate has expired or expires too soon.
    CertificateExpires,
    /// An unexpected HTTP status.
    Status(u16),
    /// The body, answer or banner does not contain the expected text.
    Body,
    /// The server does not speak the protocol.
    Protocol,
    /// An unexpected DNS response code.
    Rcode(u16),
    /// The gRPC service reports that it is not serving.
    NotServing,
    /// The command exited with this code; `None` if a signal killed it.
    Exit(Option<i32>),
    /// The server's configuration does not allow probes of this address.
    Forbidden,
    /// No push report arrived in time.
    Expired,
    /// A push report says that it is down.
    Reported,
    /// The probe could not run on this host.
    System,
    /// This host has no route to the endpoint. Counts as the endpoint's failure if others answer.
    NoRoute,
    /// Our resolver does not answer for the endpoint's name. Counts as the endpoint's failure if other names resolve.
    Resolver,
}

/// Maximum length of evidence, in characters.
pub const MAX_EVIDENCE: usize = 200;

impl Outcome {
    /// An outcome with `evidence` as one line, truncated to [`MAX_EVIDENCE`] characters.
    pub fn new(result: Result<(), Failure>, took: Duration, evidence: &str) -> Outcome {
        let clean = evidence.trim().chars().map(|it| if it.is_control() { ' ' } else { it });
        let evidence = clean.take(MAX_EVIDENCE).collect::<String>().into();
        Outcome { result, took, latency: None, evidence, certificate_expires: None }
    }

    /// True if the probe passed.
    pub fn passed(&self) -> bool {
        self.result.is_ok()
    }

    /// True if this host could not run the probe, which says nothing about the endpoint.
    pub fn is_unable(&self) -> bool {
        matches!(self.result, Err(Failure::Forbidden | Failure::System | Failure::NoRoute | Failure::Resolver))
    }

    /// The same outcome as a failure of the endpoint, once it is clear that this host works.
    pub(super) fn as_endpoint_failure(&self) -> Outcome {
        let failure = match self.result {
            Err(Failure::NoRoute) => Failure::Unreachable,
            Err(Failure::Resolver) => Failure::Resolve,
            _ => return self.clone(),
        };
        Outcome { result: Err(failure), ..self.clone() }
    }

    /// True if something answered, healthy or not, so the network path works.
    pub fn is_answer(&self) -> bool {
        self.result.err().is_none_or(Failure::is_answer)
    }
}

impl Failure {
    /// True if the failure itself is an answer from the far end.
    fn is_answer(self) -> bool {
        match self {
            Failure::Refused
            | Failure::Tls
            | Failure::CertificateExpires
            | Failure::Status(_)
            | Failure::Body
            | Failure::Protocol
            | Failure::Rcode(_)
            | Failure::NotServing
            | Failure::Reported => true,
            // A command can fail for any reason, and it is a resolver, not the endpoint, that reports a name without
            // address.
            Failure::Timeout
            | Failure::Unreachable
            | Failure::Resolve
            | Failure::Exit(_)
            | Failure::Forbidden
            | Failure::Expired
            | Failure::System
            | Failure::NoRoute
            | Failure::Resolver => false,
        }
    }

    /// Its short name in the API and in metrics: `timeout`, `refused`, `status` and so on.
    pub fn word(self) -> &'static str {
        match self {
            Failure::Timeout => "timeout",
            Failure::Refused => "refused",
            Failure::Unreachable => "unreachable",
            Failure::Resolve => "resolve",
            Failure::Tls => "tls",
            Failure::CertificateExpires => "certificate",
            Failure::Status(_) => "status",
            Failure::Body => "body",
            Failure::Protocol => "protocol",
            Failure::Rcode(_) => "rcode",
            Failure::NotServing => "not-serving",
            Failure::Exit(_) => "exit",
            Failure::Forbidden => "forbidden",
            Failure::Expired => "expired",
            Failure::Reported => "reported",
            Failure::System => "system",
            Failure::NoRoute => "no-route",
            Failure::Resolver => "resolver",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::Timeout => out.write_str("no result in time"),
            Failure::Refused => out.write_str("connection refused"),
            Failure::Unreachable => out.write_str("unreachable"),
            Failure::Resolve => out.write_str("its name has no address"),
            Failure::Tls => out.write_str("TLS failed"),
            Failure::CertificateExpires => out.write_str("the certificate expires too soon"),
            Failure::Status(status) => write!(out, "status {status}"),
            Failure::Body => out.write_str("unexpected content"),
            Failure::Protocol => out.write_str("protocol error"),
            Failure::Rcode(rcode) => write!(out, "rcode {rcode}"),
            Failure::NotServing => out.write_str("not serving"),
            Failure::Exit(Some(code)) => write!(out, "exit code {code}"),
            Failure::Exit(None) => out.write_str("killed by a signal"),
            Failure::Forbidden => out.write_str("probes of this address are not allowed"),
            Failure::Expired => out.write_str("no report in time"),
            Failure::Reported => out.write_str("reported down"),
            Failure::System => out.write_str("the probe could not run"),
            Failure::NoRoute => out.write_str("this host has no route to it"),
            Failure::Resolver => out.write_str("this host's resolver does not answer for its name"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_one_line_of_bounded_length() {
        let long = format!("status 503\r\n\u{1b}[31m{}", "ü".repeat(500));
        let outcome = Outcome::new(Err(Failure::Status(503)), Duration::ZERO, &long);
        assert!(outcome.evidence.starts_with("status 503   [31mü"));
        assert_eq!(outcome.evidence.chars().count(), MAX_EVIDENCE);
        assert!(!outcome.evidence.contains(char::is_control) && !outcome.passed());
    }
}
