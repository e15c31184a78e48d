//! Inherited sockets that no worker needs: read as long as a predecessor has them too, then emptied and closed.

use std::io;
use std::sync::Arc;

use gslb_core::respond::Settings;
use gslb_core::table::Published;

use super::sockets::{BoundSocket, InheritedSocket, Kind, ListenSocket};
use crate::dns::protection::Protection;
use crate::dns::proxy::Proxies;
use crate::dns::tcp::{self, Front};
use crate::dns::udp;

/// The sockets. Dropping it closes them, and changes nothing for another process that has them.
pub(super) struct Retiring {
    udp: udp::Retiring,
    tcp: Vec<tcp::Listener>,
    server: tcp::Adopter,
}

impl Retiring {
    /// Starts to read the UDP sockets of `surplus`: some share their address with sockets in `used`, and the kernel
    /// gives them part of the queries. Those from proxies cannot be read without `proxies`.
    ///
    /// # Errors
    /// If the system refuses a thread, or a socket cannot be used for answering.
    pub(super) fn start(
        surplus: Vec<InheritedSocket>,
        used: &[ListenSocket],
        proxies: Option<&Arc<Proxies>>,
        server: tcp::Adopter,
        (published, settings, protection): (&Arc<Published>, &Arc<Settings>, &Protection),
    ) -> io::Result<Self> {
        let (mut udp, mut tcp) = (Vec::new(), Vec::new());
        for inherited in surplus {
            let proxies = proxies.cloned();
            match (inherited.purpose(used), inherited.socket) {
                (Some(Kind::Udp), BoundSocket::Udp(socket)) => udp.push((socket, None)),
                (Some(Kind::ProxyUdp), BoundSocket::Udp(socket)) if proxies.is_some() => udp.push((socket, proxies)),
                (Some(Kind::Tcp), BoundSocket::Tcp(listener)) => tcp.push((listener, Front::Tcp)),
                (Some(Kind::ProxyTcp), BoundSocket::Tcp(listener)) => {
                    tcp.extend(proxies.map(|proxies| (listener, Front::Proxy(proxies))));
                }
                // What came to the others cannot be read without what the configuration no longer has.
                _ => {}
            }
        }
        udp.iter().try_for_each(|(socket, _)| udp::adopt(socket))?;
        tcp.iter().try_for_each(|(listener, _)| listener.set_nonblocking(true))?;
        let udp = udp::Retiring::start(udp, published, settings, protection)?;
        Ok(Self { udp, tcp, server })
    }

    /// Answers what the sockets have received, and closes them. Call it once no other process reads them: from now on
    /// they receive nothing, in all processes.
    pub(super) fn finish(self) {
        self.udp.finish();
        self.server.retire(self.tcp);
    }
}
