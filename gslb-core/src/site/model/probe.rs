//! How the endpoints of a pool are checked: when, by which protocol, and what counts as good.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::dns::name::Name;

/// How the endpoints of a pool are checked.
#[derive(Debug, Clone)]
pub struct Probe {
    /// Its key in the document.
    pub name: Arc<str>,
    /// Protocol, with all that belongs to it.
    pub kind: ProbeKind,
    /// Time between two probes of one endpoint. Of no meaning for [`ProbeKind::Push`], as the next two.
    pub interval: Duration,
    /// Time after which a probe without result has failed; at most the interval.
    pub timeout: Duration,
    /// How far a probe may be before or after its place in the rhythm of intervals; at most half an interval.
    pub jitter: Duration,
    /// Successes in a row that turn an endpoint up.
    pub rise: u32,
    /// Failures in a row that turn an endpoint down.
    pub fall: u32,
}

/// Protocol of a probe, and what it asks and expects there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum ProbeKind {
    /// HTTP/1.1 request, over TLS for https.
    Http(HttpProbe),
    /// TCP connection.
    Tcp(TcpProbe),
    /// DNS query.
    Dns(DnsProbe),
    /// grpc.health.v1.
    Grpc(GrpcProbe),
    /// Echo request.
    Icmp,
    /// Command with the exit codes of Nagios plugins.
    Exec(ExecProbe),
    /// Verdicts that someone posts.
    Push {
        /// Time without word after which an endpoint counts as failed.
        ttl: Duration,
    },
}

/// An HTTP request and what must come back.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HttpProbe {
    /// Port.
    pub port: u16,
    /// TLS, for https.
    pub tls: Option<TlsProbe>,
    /// Method.
    pub method: Method,
    /// Path and query, beginning with `/`.
    pub path: Arc<str>,
    /// Field `Host`, and the name that the certificate must have; none is the endpoint itself.
    pub host: Option<Arc<str>>,
    /// Further fields: name and value, without control characters.
    pub headers: Vec<(Arc<str>, Arc<str>)>,
    /// Statuses that mean up, each an inclusive range.
    pub expect_status: Vec<(u16, u16)>,
    /// Text that the first [`MAX_PROBE_BODY`] octets of the body must contain.
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

/// What is expected of a server's certificate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TlsProbe {
    /// Name that is asked for (SNI) and that the certificate must have; none is the host of the request.
    pub server_name: Option<Arc<str>>,
    /// Whether a certificate that cannot be trusted fails the probe.
    pub verify: bool,
    /// Days that the certificate must still be good for; none where any time will do.
    pub certificate_days: Option<u32>,
}

/// A TCP connection, and what is said on it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct TcpProbe {
    /// Port.
    pub port: u16,
    /// Octets that are sent first.
    pub send: Option<Arc<str>>,
    /// Octets that must come among the first [`MAX_PROBE_BODY`].
    pub expect: Option<Arc<str>>,
}

/// A DNS query and the response that is expected.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct DnsProbe {
    /// Port.
    pub port: u16,
    /// How the query travels.
    pub transport: Transport,
    /// Name that is asked for.
    pub name: Name,
    /// Type that is asked for.
    pub rtype: u16,
    /// Response code that means up.
    pub expect_rcode: u16,
    /// Rdata, uncompressed, that some record of the answer must have.
    pub expect_answer: Option<Arc<[u8]>>,
}

/// How a query travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Transport {
    /// One datagram, not repeated.
    Udp,
    /// A connection.
    Tcp,
}

/// A call of grpc.health.v1.Health/Check.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct GrpcProbe {
    /// Port.
    pub port: u16,
    /// TLS; without it HTTP/2 is spoken in clear.
    pub tls: Option<TlsProbe>,
    /// Authority of the call, and the name that the certificate must have; none is the endpoint itself.
    pub host: Option<Arc<str>>,
    /// Service that is asked about; the empty one is the server as a whole.
    pub service: Arc<str>,
}

/// A command and its arguments.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ExecProbe {
    /// What `{port}` stands for.
    pub port: Option<u16>,
    /// Absolute path of a program, and its arguments. An argument that is `{address}`, `{port}`, `{endpoint}` or `{pool}`
    /// stands for that of the endpoint.
    pub command: Arc<[Arc<str>]>,
}

/// Most octets of a body, or of what a TCP server says, that a probe reads.
pub const MAX_PROBE_BODY: usize = 5_120;

impl ProbeKind {
    /// The word for it in the document.
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

    /// The port that is probed, where there is one.
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
