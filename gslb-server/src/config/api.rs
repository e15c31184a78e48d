//! The `[api]` table: the HTTP listener and its limits.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use gslb_core::notation::{Fields, Item, Problems, shortened};

use super::value::{address, count, table};
use crate::http::Limits;
use crate::tls::TlsFiles;

/// The `[api]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// `listen`: address and port of HTTP. Default `127.0.0.1:8053`. Any but a loopback address needs `tls`.
    pub listen: SocketAddr,
    /// `tls.certificate` and `tls.key`: PEM files, beside the file unless absolute. Default: no TLS.
    pub tls: Option<TlsFiles>,
    /// `loopback_without_token`: whether requests from a loopback address have full access without a token. Default
    /// false.
    pub loopback_without_token: bool,
    /// `hosts`: host names accepted in requests, besides `localhost` and addresses. Default: none.
    pub hosts: Vec<String>,
    /// `connections`: most HTTP connections in total. Default 256.
    pub connections: usize,
    /// `connections_per_client`: most HTTP connections per IPv4 address or IPv6 /64. Default 64.
    pub connections_per_client: usize,
    /// `header_timeout`: time to receive the header of a request. Default `10s`.
    pub header_timeout: Duration,
}

const KEYS: [&str; 7] =
    ["listen", "tls", "loopback_without_token", "hosts", "connections", "connections_per_client", "header_timeout"];

/// Shortest and longest `header_timeout`.
const MIN_HEADER_TIMEOUT: Duration = Duration::from_millis(100);
const MAX_HEADER_TIMEOUT: Duration = Duration::from_secs(600);

impl Default for Api {
    fn default() -> Self {
        Self {
            listen: (Ipv4Addr::LOCALHOST, 8053).into(),
            tls: None,
            loopback_without_token: false,
            hosts: Vec::new(),
            connections: 256,
            connections_per_client: 64,
            header_timeout: Duration::from_secs(10),
        }
    }
}

impl Api {
    pub(super) fn take_from(&mut self, root: &Fields<'_, '_>, problems: &mut Problems) {
        let Some(api) = table(root, "api", &KEYS, problems) else { return };
        api.set("listen", &mut self.listen, problems, address);
        self.tls = tls_files(&api, problems);
        api.set("loopback_without_token", &mut self.loopback_without_token, problems, |item, problems| {
            item.boolean(problems)
        });
        api.set("hosts", &mut self.hosts, problems, |item, problems| {
            item.list_of("[\"gslb.example.com\"]", problems, host)
        });
        let connections = || count("a number of connections", 1..=65535);
        api.set("connections", &mut self.connections, problems, connections());
        api.set("connections_per_client", &mut self.connections_per_client, problems, connections());
        api.set("header_timeout", &mut self.header_timeout, problems, |item, problems| {
            item.duration(MIN_HEADER_TIMEOUT..=MAX_HEADER_TIMEOUT, problems)
        });
    }

    /// Limits of the HTTP server.
    pub fn limits(&self) -> Limits {
        Limits {
            connections: self.connections,
            connections_per_client: self.connections_per_client,
            header: self.header_timeout,
        }
    }
}

/// The optional table `tls`, which needs both files.
fn tls_files(api: &Fields<'_, '_>, problems: &mut Problems) -> Option<TlsFiles> {
    let tls = table(api, "tls", &["certificate", "key"], problems)?;
    super::tls::files(&tls, ["\"api.pem\"", "\"api.key\""], problems)
}

/// A host name as in a `Host` field, without a port.
fn host(item: &Item<'_, '_>, problems: &mut Problems) -> Option<String> {
    let text = item.string("\"gslb.example.com\"", problems)?;
    let is_valid = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
    if (1..=MAX_HOST_OCTETS).contains(&text.len()) && text.bytes().all(is_valid) {
        return Some(text.to_ascii_lowercase());
    }
    let help = "write a host name without a port, such as \"gslb.example.com\"";
    item.error(problems, format!("{} is not a host name", shortened(text)), help);
    None
}

/// Longest host name, in octets (RFC 1035 section 2.3.4, as text).
const MAX_HOST_OCTETS: usize = 253;
