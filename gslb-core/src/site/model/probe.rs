//! How the endpoints of a pool are checked: schedule, protocol, and what counts as success.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::dns::name::Name;

/// How the endpoints of a pool are checked.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Its key in the document.
    pub name: Arc<str>,
    /// Protocol, with its settings.
    pub kind: ProbeKind,
    /// Time between two probes of one endpoint. Unused for [`ProbeKind::Push`], as are the next two.
    pub interval: Duration,
    /// Time after which a probe without a result fails; at most the interval.
    pub timeout: Duration,
    /// Random deviation from the regular schedule, early or late; at most half an interval.
    pub jitter: Duration,
    /// Consecutive successes that bring an endpoint up.
    pub rise: u32,
    /// Consecutive failures that bring an endpoint down.
    pub fall: u32,
}

/// Protocol of a probe, with its request and the expected response.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ProbeKind {
    /// HTTP/1.1 request, over TLS for https.
    Http(HttpProbe),
    /// TCP connection, with an optional exchange.
    Tcp(TcpProbe),
    /// DNS query.
    Dns(DnsProbe),
    /// grpc.health.v1.
    Grpc(GrpcProbe),
    /// ICMP echo request.
    Icmp,
    /// Command with Nagios plugin exit codes.
    Exec(ExecProbe),
    /// Results posted by an external checker.
    Push {
        /// Time without a result after which an endpoint counts as failed.
        ttl: Duration,
    },
}

/// An HTTP request and the expected response.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HttpProbe {
    /// Port.
    pub port: u16,
    /// TLS, for https.
    pub tls: Option<TlsProbe>,
    /// Method.
    pub method: Method,
    /// Path and query, starting with `/`.
    pub path: Arc<str>,
    /// `Host` header, and the name that the certificate must have; by default the endpoint itself.
    pub host: Option<Arc<str>>,
    /// Additional headers: name and value, without control characters.
    pub headers: Vec<(Arc<str>, Arc<str>)>,
    /// Status codes that mean success, as inclusive ranges.
    pub expect_status: Vec<(u16, u16)>,
    /// Text that must appear in the first [`MAX_PROBE_BODY`] octets of the body.
    pub expect_body: Option<Arc<str>>,
}

/// Method of an HTTP probe.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Method {
    /// GET.
    Get,
    /// HEAD, whose response has no body.
    Head,
}

/// Requirements for a server's certificate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TlsProbe {
    /// Server name for SNI and the certificate; by default the host of the request.
    pub server_name: Option<Arc<str>>,
    /// Whether an untrusted certificate fails the probe.
    pub verify: bool,
    /// Minimum remaining validity of the certificate in days; `None` turns that check off.
    pub certificate_days: Option<u32>,
}

/// A TCP connection, and the exchange on it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TcpProbe {
    /// Port.
    pub port: u16,
    /// Octets to send first.
    pub send: Option<Arc<str>>,
    /// Octets that must appear in the first [`MAX_PROBE_BODY`] octets received.
    pub expect: Option<Arc<str>>,
}

/// A DNS query and the expected response.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DnsProbe {
    /// Port.
    pub port: u16,
    /// Transport of the query.
    pub transport: Transport,
    /// Query name.
    pub name: Name,
    /// Query type.
    pub rtype: u16,
    /// Response code that means success.
    pub expect_rcode: u16,
    /// Uncompressed rdata that some answer record must have.
    pub expect_answer: Option<Arc<[u8]>>,
}

/// Transport of a DNS query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// One datagram, without retransmission.
    Udp,
    /// A TCP connection.
    Tcp,
}

/// A call of grpc.health.v1.Health/Check.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GrpcProbe {
    /// Port.
    pub port: u16,
    /// TLS; without it, plaintext HTTP/2.
    pub tls: Option<TlsProbe>,
    /// `:authority` of the call, and the name that the certificate must have; by default the endpoint itself.
    pub host: Option<Arc<str>>,
    /// Service to check; empty for the whole server.
    pub service: Arc<str>,
}

/// A command and its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExecProbe {
    /// The value of `{port}`.
    pub port: Option<u16>,
    /// Absolute path of a program, and its arguments. The arguments `{address}`, `{port}`, `{endpoint}` and `{pool}`
    /// are replaced by the endpoint's values.
    pub command: Arc<[Arc<str>]>,
}

/// Maximum octets of a body or TCP response that a probe reads.
pub const MAX_PROBE_BODY: usize = 5_120;

impl ProbeKind {
    /// The kind, as written in the document.
    pub fn word(&self) -> &'static str {
        match self {
            ProbeKind::Http(HttpProbe { tls: None, .. }) => "http",
            ProbeKind::Http(_) => "https",
            ProbeKind::Tcp(_) => "tcp",
            ProbeKind::Dns(_) => "dns",
            ProbeKind::Grpc(_) => "grpc",
            ProbeKind::Icmp => "icmp",
            ProbeKind::Exec(_) => "exec",
            ProbeKind::Push { .. } => "push",
        }
    }

    /// The port to probe, if the kind has one.
    pub fn port(&self) -> Option<u16> {
        match self {
            ProbeKind::Http(http) => Some(http.port),
            ProbeKind::Tcp(tcp) => Some(tcp.port),
            ProbeKind::Dns(dns) => Some(dns.port),
            ProbeKind::Grpc(grpc) => Some(grpc.port),
            ProbeKind::Exec(exec) => exec.port,
            ProbeKind::Icmp | ProbeKind::Push { .. } => None,
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
        })
    }
}
