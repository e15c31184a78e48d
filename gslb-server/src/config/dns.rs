//! The `[dns]` table: DNS listeners, limits and identity.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use gslb_core::notation::{Fields, Item, Problems, Value};
use gslb_core::respond::Settings;

use super::cookies::Cookies;
use super::proxy::DnsProxy;
use super::rrl::Rrl;
use super::tls::DnsTls;
use super::value::{STRING_MOST, address, count, label, table};
use crate::dns::tcp::Limits;

/// The `[dns]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dns {
    /// `listen`: addresses with ports, for UDP and TCP each. Default `127.0.0.1:5353`.
    pub listen: Vec<SocketAddr>,
    /// `workers`: threads per listen address; `"auto"`, the default, is one per core.
    pub workers: NonZeroUsize,
    /// `udp_payload`: largest UDP response in octets, 512 to 1400 (RFC 9715 section 3). Default 1232.
    pub udp_payload: u16,
    /// `nsid`: the name server identifier to return on request (RFC 5001). Default: none.
    pub nsid: Option<String>,
    /// `version`: the answer to `version.bind` in class CH. Default: not answered.
    pub version: Option<String>,
    /// `id_server`: the answer to `id.server` in class CH (RFC 4892). Default: not answered.
    pub id_server: Option<String>,
    /// `tcp_idle`: how long a connection may wait for the next query, or for the client to read. Default `10s`.
    pub tcp_idle: Duration,
    /// `tcp_connections`: most TCP connections in total. Default 1024.
    pub tcp_connections: usize,
    /// `tcp_connections_per_client`: most TCP connections per IPv4 address or IPv6 /64. Default 32.
    pub tcp_connections_per_client: usize,
    /// `[dns.tls]`: DNS over TLS. Default: none.
    pub tls: Option<DnsTls>,
    /// `[dns.proxy]`: listeners for proxies that name their clients. Default: none.
    pub proxy: Option<DnsProxy>,
    /// `[dns.cookies]`: DNS cookies.
    pub cookies: Cookies,
    /// `[dns.rrl]`: response rate limiting.
    pub rrl: Rrl,
}

const KEYS: [&str; 13] = [
    "listen",
    "workers",
    "udp_payload",
    "nsid",
    "version",
    "id_server",
    "tcp_idle",
    "tcp_connections",
    "tcp_connections_per_client",
    "tls",
    "proxy",
    "cookies",
    "rrl",
];

/// Shortest and longest `tcp_idle`. The keepalive option can express up to 6553.5 s (RFC 7828 section 3.1).
const MIN_IDLE: Duration = Duration::from_millis(100);
const MAX_IDLE: Duration = Duration::from_secs(3600);

/// Longest name server identifier, in octets: it must fit a response of 512 octets with any question.
const MAX_NSID_OCTETS: usize = 128;

impl Default for Dns {
    fn default() -> Self {
        Self {
            listen: vec![(Ipv4Addr::LOCALHOST, 5353).into()],
            workers: cores(),
            udp_payload: 1232,
            nsid: None,
            version: None,
            id_server: None,
            tcp_idle: Duration::from_secs(10),
            tcp_connections: 1024,
            tcp_connections_per_client: 32,
            tls: None,
            proxy: None,
            cookies: Cookies::default(),
            rrl: Rrl::default(),
        }
    }
}

impl Dns {
    pub(super) fn take_from(&mut self, root: &Fields<'_, '_>, problems: &mut Problems) {
        let Some(dns) = table(root, "dns", &KEYS, problems) else { return };
        dns.set("listen", &mut self.listen, problems, |item, problems| {
            item.list_of("[\"192.0.2.53:53\"]", problems, address)
        });
        dns.set("workers", &mut self.workers, problems, workers);
        dns.set("udp_payload", &mut self.udp_payload, problems, count("a UDP payload", 512..=1400));
        let mut identity = |key, most| dns.get(key).and_then(|item| label(most)(&item, problems));
        self.nsid = identity("nsid", MAX_NSID_OCTETS);
        self.version = identity("version", STRING_MOST);
        self.id_server = identity("id_server", STRING_MOST);
        dns.set("tcp_idle", &mut self.tcp_idle, problems, |item, problems| {
            item.duration(MIN_IDLE..=MAX_IDLE, problems)
        });
        let connections = || count("a number of connections", 1..=65535);
        dns.set("tcp_connections", &mut self.tcp_connections, problems, connections());
        dns.set("tcp_connections_per_client", &mut self.tcp_connections_per_client, problems, connections());
        self.tls = DnsTls::of(&dns, &self.listen, problems);
        let tls = self.tls.iter().flat_map(|tls| &tls.listen);
        let taken: Vec<SocketAddr> = self.listen.iter().chain(tls).copied().collect();
        self.proxy = DnsProxy::of(&dns, &taken, problems);
        self.cookies.take_from(&dns, problems);
        self.rrl.take_from(&dns, problems);
    }

    /// Settings of the responder.
    pub fn settings(&self) -> Settings {
        let octets = |text: &Option<String>| text.as_ref().map(|text| text.clone().into_bytes());
        Settings {
            udp_payload: self.udp_payload,
            nsid: octets(&self.nsid),
            version: octets(&self.version),
            hostname: octets(&self.id_server),
            tcp_idle: self.tcp_idle,
        }
    }

    /// Number of workers that have counters: one for each UDP thread, and one for each TCP and TLS thread.
    pub fn counting_workers(&self) -> usize {
        let proxy = self.proxy.as_ref().map_or(0, |proxy| proxy.listen.len());
        self.workers.get() * (self.listen.len() + proxy + 1 + usize::from(self.tls.is_some()))
    }

    /// Limits of the TLS server: those of TCP, with a total of its own.
    pub fn tls_limits(&self) -> Limits {
        let limits = self.tcp_limits();
        Limits { connections: self.tls.as_ref().map_or(limits.connections, |tls| tls.connections), ..limits }
    }

    /// Limits of the TCP server.
    pub fn tcp_limits(&self) -> Limits {
        Limits {
            idle: self.tcp_idle,
            connections: self.tcp_connections,
            connections_per_client: self.tcp_connections_per_client,
        }
    }
}

fn workers(item: &Item<'_, '_>, problems: &mut Problems) -> Option<NonZeroUsize> {
    match &item.node.value {
        Value::String(text) if **text == *"auto" => Some(cores()),
        Value::Integer(_) => NonZeroUsize::new(count("a number of workers", 1..=1024)(item, problems)?),
        _ => {
            item.mismatch(problems, "a number of workers", "write \"auto\" or a whole number from 1 to 1024");
            None
        }
    }
}

fn cores() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
