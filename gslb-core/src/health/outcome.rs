//! What came of one probe: good or not, how long it took, and what was seen.

use std::fmt;
use std::time::Duration;

/// What came of one probe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Whether the endpoint did as it should.
    pub result: Result<(), Failure>,
    /// Time from the probe's start to its result.
    pub took: Duration,
    /// How long the way there and back takes: the time of its connect, or of one question and its answer; none where it
    /// is not known.
    pub latency: Option<Duration>,
    /// What was seen, such as `status 503`: at most [`MAX_EVIDENCE`] characters on one line, nothing of a body.
    pub evidence: Box<str>,
    /// When the server's certificate ends, in seconds since 1970-01-01 00:00 UTC, where there was one.
    pub certificate_expires: Option<u64>,
}

/// Why a probe failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Failure {
    /// There was no result in time.
    Timeout,
    /// The connection was refused.
    Refused,
    /// There is no way to the endpoint, or the connection broke.
    Unreachable,
    /// The endpoint's name has no address.
    Resolve,
    /// No TLS with whom was expected.
    Tls,
    /// The certificate has ended or ends too soon.
    CertificateExpires,
    /// An HTTP status that was not expected.
    Status(u16),
    /// What was expected is not in the body, the answer or what the server said.
    Body,
    /// The server does not speak the protocol.
    Protocol,
    /// A DNS response code that was not expected.
    Rcode(u16),
    /// The gRPC service says that it is not serving.
    NotServing,
    /// The command ended with this code; one that a signal ended has none.
    Exit(Option<i32>),
    /// The server's configuration does not let probes go there.
    Forbidden,
    /// Nobody sent word in time.
    Expired,
    /// Somebody posted that it is down.
    Reported,
    /// This system did not let the probe run.
    System,
    /// This host has no route to the endpoint. A failure of the endpoint where others answer.
    NoRoute,
    /// Our resolver does not answer for the endpoint's name. A failure of the name where other names are resolved.
    Resolver,
}

/// Most characters of evidence.
pub const MAX_EVIDENCE: usize = 200;

impl Outcome {
    /// An outcome with `evidence` on one line, cut at [`MAX_EVIDENCE`] characters.
    pub fn new(result: Result<(), Failure>, took: Duration, evidence: &str) -> Outcome {
        let clean = evidence.trim().chars().map(|it| if it.is_control() { ' ' } else { it });
        let evidence = clean.take(MAX_EVIDENCE).collect::<String>().into();
        Outcome { result, took, latency: None, evidence, certificate_expires: None }
    }

    /// True where the endpoint did as it should.
    pub fn passed(&self) -> bool {
        self.result.is_ok()
    }

    /// True where the probe could not be made, for reasons of this host: that says nothing of the endpoint.
    pub fn is_unable(&self) -> bool {
        matches!(self.result, Err(Failure::Forbidden | Failure::System | Failure::NoRoute | Failure::Resolver))
    }

    /// The same outcome as a failure of the endpoint, where it turned out that this host is not to blame.
    pub(super) fn blamed(&self) -> Outcome {
        let failure = match self.result {
            Err(Failure::NoRoute) => Failure::Unreachable,
            Err(Failure::Resolver) => Failure::Resolve,
            _ => return self.clone(),
        };
        Outcome { result: Err(failure), ..self.clone() }
    }

    /// True where something answered, well or not, so that the way there and back works.
    pub fn is_answer(&self) -> bool {
        self.result.err().is_none_or(Failure::is_answer)
    }
}

impl Failure {
    /// True where somebody there said so.
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
            // A program may fail for whatever reason, and who says that a name has no address is not the endpoint.
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

    /// One word for it, for data: `timeout`, `refused`, `status` and so on.
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
            Failure::Unreachable => out.write_str("cannot be reached"),
            Failure::Resolve => out.write_str("its name has no address"),
            Failure::Tls => out.write_str("TLS failed"),
            Failure::CertificateExpires => out.write_str("the certificate ends too soon"),
            Failure::Status(status) => write!(out, "status {status}"),
            Failure::Body => out.write_str("not what was expected"),
            Failure::Protocol => out.write_str("does not speak the protocol"),
            Failure::Rcode(rcode) => write!(out, "rcode {rcode}"),
            Failure::NotServing => out.write_str("not serving"),
            Failure::Exit(Some(code)) => write!(out, "exit code {code}"),
            Failure::Exit(None) => out.write_str("ended by a signal"),
            Failure::Forbidden => out.write_str("probes may not go there"),
            Failure::Expired => out.write_str("no word in time"),
            Failure::Reported => out.write_str("reported down"),
            Failure::System => out.write_str("the probe could not run"),
            Failure::NoRoute => out.write_str("this host has no route to it"),
            Failure::Resolver => out.write_str("the resolver of this host does not answer for its name"),
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
