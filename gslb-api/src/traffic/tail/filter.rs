//! Which answers a watcher wants to see.

use std::sync::Arc;

use gslb_core::dns::name::Name;
use ipnet::IpNet;

use super::answered::Read;

/// A filter of answers; all conditions must hold.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// This service decided, first or through another one.
    pub service: Option<Name>,
    /// The client may be in this network: its known network overlaps.
    pub client: Option<IpNet>,
    /// It names an endpoint of this data center.
    pub data_center: Option<Arc<str>>,
}

impl Filter {
    /// Whether the answer is wanted.
    pub(super) fn lets_through(&self, read: &mut Read<'_>) -> bool {
        // Checks that do not parse the response come first.
        self.service.as_ref().is_none_or(|name| read.is_of_service(name))
            && self.data_center.as_ref().is_none_or(|name| read.names_data_center(name))
            && self.client.is_none_or(|network| overlap(network, read.client_network()))
    }
}

/// Whether an address can be in both: networks hold each other, or have nothing in common.
fn overlap(one: IpNet, other: IpNet) -> bool {
    one.contains(&other) || other.contains(&one)
}
