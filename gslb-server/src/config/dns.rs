//! The `[dns]` table: DNS listeners, limits and identity.

use std::net::{Ipv4Addr, SocketAddr};
use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use gslb_core::respond::Settings;
use toml::de::DeValue;

use super::section::{Checked, Section, integer, invalid};
use super::value::{STRING_MOST, address, label, time};
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
}

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
        }
    }
}

impl Dns {
    pub(super) fn take_from(&mut self, mut dns: Section<'_, '_>) {
        dns.set_list("listen", &mut self.listen, address);
        dns.set("workers", &mut self.workers, workers);
        dns.set("udp_payload", &mut self.udp_payload, |value| integer(value, 512..=1400));
        dns.set("nsid", &mut self.nsid, |value| label(value, MAX_NSID_OCTETS).map(Some));
        dns.set("version", &mut self.version, |value| label(value, STRING_MOST).map(Some));
        dns.set("id_server", &mut self.id_server, |value| label(value, STRING_MOST).map(Some));
        dns.set("tcp_idle", &mut self.tcp_idle, |value| time(value, MIN_IDLE, MAX_IDLE));
        dns.set("tcp_connections", &mut self.tcp_connections, |value| integer(value, 1..=65535));
        let per_client = &mut self.tcp_connections_per_client;
        dns.set("tcp_connections_per_client", per_client, |value| integer(value, 1..=65535));
        dns.finish();
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

    /// Number of workers that have counters: one for each UDP thread, and one for each TCP thread.
    pub fn counting_workers(&self) -> usize {
        self.workers.get() * (self.listen.len() + 1)
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

fn workers(value: &DeValue) -> Checked<NonZeroUsize> {
    match value {
        DeValue::String(text) if text == "auto" => Ok(cores()),
        DeValue::Integer(_) => Ok(NonZeroUsize::new(integer(value, 1..=1024)?).unwrap_or(NonZeroUsize::MIN)),
        _ => invalid("invalid number of workers", "write \"auto\" or a whole number from 1 to 1024"),
    }
}

fn cores() -> NonZeroUsize {
    thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}
