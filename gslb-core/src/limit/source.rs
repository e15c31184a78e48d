//! An address as the table sees it: the line of its network, and its tag within.

use std::net::IpAddr;

/// Where the bucket of an address is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Source {
    /// A hash of its network.
    pub(super) network: u64,
    /// What tells the addresses of a network apart. Those of an IPv4 network have different ones.
    pub(super) tag: u8,
}

impl Source {
    /// Where `address` is, by hashes that no client can compute.
    #[inline]
    pub(super) fn of(address: IpAddr, [first, second]: [u64; 2]) -> Source {
        match address {
            IpAddr::V4(v4) => {
                let bits = v4.to_bits();
                let network = mix(u64::from(bits >> 8) ^ first, second);
                // Different in each network that shares the line.
                Source { network, tag: bits as u8 ^ (network >> 56) as u8 }
            }
            IpAddr::V6(v6) => {
                let bits = v6.to_bits();
                let (upper, lower) = ((bits >> 64) as u64, bits as u64);
                let network = mix((upper >> 8) ^ second, first);
                let host = mix(lower ^ first, upper ^ network);
                Source { network, tag: (host >> 56) as u8 }
            }
        }
    }
}

/// Both halves of a product.
#[inline]
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b | 1);
    product as u64 ^ (product >> 64) as u64
}
