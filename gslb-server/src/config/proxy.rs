//! The `[dns.proxy]` table: listeners for proxies that name their clients (PROXY protocol version 2).

use std::net::SocketAddr;

use gslb_core::notation::{Fields, Item, Problems};
use ipnet::IpNet;

use super::value::{network, other_address, table};

/// The `[dns.proxy]` table; without it no listener accepts the headers of proxies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DnsProxy {
    /// `listen`: addresses with ports, for UDP and TCP each.
    pub listen: Vec<SocketAddr>,
    /// `from`: networks of the proxies.
    pub from: Vec<IpNet>,
}

const LISTEN: &str = "[\"192.0.2.53:5300\"]";
const FROM: &str = "[\"192.0.2.10\"]";

impl DnsProxy {
    /// Reads the table; `None` if it is absent or incomplete, which is reported as a problem. `taken` are the addresses
    /// of other listeners.
    pub(super) fn of(dns: &Fields<'_, '_>, taken: &[SocketAddr], problems: &mut Problems) -> Option<Self> {
        let proxy = table(dns, "proxy", &["listen", "from"], problems)?;
        let listen = proxy.require("listen", LISTEN, problems);
        let listen = listen.and_then(|item| item.list_of(LISTEN, problems, other_address(taken)));
        let from = proxy.require("from", FROM, problems);
        let from = from.and_then(|item| item.list_of(FROM, problems, proxies));
        Some(Self { listen: listen?, from: from? })
    }
}

/// The network of some proxies.
fn proxies(item: &Item<'_, '_>, problems: &mut Problems) -> Option<IpNet> {
    let net = network(item, problems)?;
    if net.prefix_len() == 0 {
        let help = format!("list the addresses of the proxies, such as {FROM}");
        item.error(problems, format!("with {net}, any host could pretend to be any client"), help);
        return None;
    }
    Some(net)
}
