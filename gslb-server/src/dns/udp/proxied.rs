//! The clients of a batch of datagrams from proxies.

use std::sync::Arc;

use gslb_core::dns::wire::proxy;

use super::mmsg::{Batch, SLOTS};
use crate::dns::proxy::{Proxies, ProxyClient, Refusal};

/// What a worker on a socket for proxies knows about its batch.
pub(super) struct Proxied {
    proxies: Arc<Proxies>,
    clients: [Option<ProxyClient>; SLOTS],
}

impl Proxied {
    pub(super) fn new(proxies: Arc<Proxies>) -> Self {
        Self { proxies, clients: [None; SLOTS] }
    }

    /// Reads the header of datagram `index`, and removes it, so that the query is at the start of its buffer. Returns
    /// whether there is a query; the others are counted.
    pub(super) fn open(&mut self, index: usize, batch: &mut Batch) -> bool {
        // In case the rest panics.
        self.clients[index] = None;
        let Some(proxy) = batch.peer(index) else { return false };
        if !self.proxies.has(proxy.ip()) {
            self.proxies.refuse(Refusal::Source);
            return false;
        }
        let (buffer, len) = batch.octets(index);
        match proxy::read(&buffer[..len]) {
            Ok(header) => {
                batch.strip(index, header.octets);
                self.clients[index] = Some(ProxyClient::new(header.origin, proxy));
                true
            }
            Err(fault) => {
                self.proxies.refuse(Refusal::Header(fault));
                false
            }
        }
    }

    /// The client of datagram `index` of the batch; `None` if the datagram was refused.
    pub(super) fn client(&self, index: usize) -> Option<ProxyClient> {
        self.clients[index]
    }
}
