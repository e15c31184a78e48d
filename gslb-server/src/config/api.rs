//! The `[api]` table: where HTTP is served, and to how many.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use toml::de::DeValue;

use super::section::{Checked, Section, boolean, integer, string, wrong};
use super::value::{address, path, time};
use crate::http::Limits;
use crate::http::tls::TlsFiles;

/// The `[api]` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Api {
    /// `listen`: address and port of HTTP. Default `127.0.0.1:8053`. Any but a loopback address needs `tls`.
    pub listen: SocketAddr,
    /// `tls.certificate` and `tls.key`: PEM files, beside the file unless absolute. Default: no TLS.
    pub tls: Option<TlsFiles>,
    /// `loopback_without_token`: whether requests from a loopback address may do everything. Default false.
    pub loopback_without_token: bool,
    /// `hosts`: names that requests may be for, besides `localhost` and addresses. Default: none.
    pub hosts: Vec<String>,
    /// `connections`: HTTP connections in all. Default 256.
    pub connections: usize,
    /// `connections_per_client`: HTTP connections per IPv4 address or IPv6 /64. Default 64.
    pub connections_per_client: usize,
    /// `header_timeout`: time for the header of a request to come. Default `10s`.
    pub header_timeout: Duration,
}

/// Shortest and longest `header_timeout`.
const HEADER_LEAST: Duration = Duration::from_millis(100);
const HEADER_MOST: Duration = Duration::from_secs(600);

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
    pub(super) fn take_from(&mut self, mut api: Section<'_, '_>) {
        api.set("listen", &mut self.listen, address);
        self.tls = tls_files(&mut api);
        api.set("loopback_without_token", &mut self.loopback_without_token, boolean);
        api.set_list("hosts", &mut self.hosts, host);
        api.set("connections", &mut self.connections, |value| integer(value, 1..=65535));
        api.set("connections_per_client", &mut self.connections_per_client, |value| integer(value, 1..=65535));
        api.set("header_timeout", &mut self.header_timeout, |value| time(value, HEADER_LEAST, HEADER_MOST));
        api.finish();
    }

    /// What HTTP clients may take.
    pub fn limits(&self) -> Limits {
        Limits {
            connections: self.connections,
            connections_per_client: self.connections_per_client,
            header: self.header_timeout,
        }
    }
}

/// The table `tls`, which is whole or not there.
fn tls_files(api: &mut Section<'_, '_>) -> Option<TlsFiles> {
    let mut tls = api.section_if("tls")?;
    let (mut certificate, mut key) = (None, None);
    tls.require("certificate", &mut certificate, |value| path(value).map(Some));
    tls.require("key", &mut key, |value| path(value).map(Some));
    tls.finish();
    Some(TlsFiles { certificate: certificate?, key: key? })
}

/// A name that stands in a `Host` field, without a port.
fn host(value: &DeValue) -> Checked<String> {
    let wanted = "a host name without a port, like \"gslb.example.com\"";
    let text = string(value, wanted)?;
    let ours = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
    if (1..=HOST_MOST).contains(&text.len()) && text.bytes().all(ours) {
        Ok(text.to_ascii_lowercase())
    } else {
        wrong(format_args!("\"{}\" is no host name", text.escape_debug()), format!("write {wanted}"))
    }
}

/// Longest host name, in octets (RFC 1035 section 2.3.4, as text).
const HOST_MOST: usize = 253;
