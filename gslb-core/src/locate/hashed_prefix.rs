//! The client prefix that sticky draws hash.

use super::address::Address;
use super::numeric::NumericAddress;
use crate::hash::scramble;
use crate::site::model::PrefixLengths;

/// The prefix that identifies a client in hashes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashedPrefix {
    /// Its hash, the same on every node.
    pub key: u64,
    /// Its length in bits, relative to the address as given.
    pub len: u8,
}

impl HashedPrefix {
    /// The prefix of `address`, with the length configured for its family in `lengths`.
    #[inline]
    pub fn of(address: impl Into<NumericAddress>, lengths: PrefixLengths) -> HashedPrefix {
        let address = address.into();
        match address.is_ipv6 {
            false => HashedPrefix { key: key4(address.bits_v4(), lengths.v4), len: lengths.v4 },
            true => HashedPrefix::of_v6(address.bits(), lengths),
        }
    }

    fn of_v6(bits: u128, lengths: PrefixLengths) -> HashedPrefix {
        /// First of the IPv4-mapped addresses, `::ffff:0:0/96`.
        const MAPPED: u128 = 0xFFFF_0000_0000;
        let len = match bits.common_bits(MAPPED) {
            96.. => return HashedPrefix { key: key4(bits as u32, lengths.v4), len: lengths.v4 + 96 },
            // A shorter prefix would also cover mapped addresses, which are hashed as IPv4.
            common => u32::from(lengths.v6).max(if common >= u32::from(lengths.v6) { common + 1 } else { 0 }),
        };
        let prefix = bits.masked(len);
        let key = scramble(scramble((prefix >> 64) as u64 ^ 6).wrapping_add(prefix as u64));
        HashedPrefix { key, len: len as u8 }
    }
}

#[inline]
fn key4(bits: u32, len: u8) -> u64 {
    scramble(u64::from(bits.masked(u32::from(len))) | 4 << 32)
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;
    use crate::hash::identity;

    #[test]
    fn hashes_are_the_same_on_all_nodes_and_in_all_versions() {
        let parsed = |address: &str| address.parse::<IpAddr>().unwrap();
        let of = |address: &str, v4, v6| HashedPrefix::of(parsed(address), PrefixLengths { v4, v6 });
        assert_eq!(identity("fra"), 0xF8D0_93F1_78EF_FC78);
        assert_eq!(identity("iad-1"), 0x2F74_BA0F_86C4_13AD);
        for (prefix, key, len) in [
            (of("192.0.2.77", 24, 56), 0x09FD_625D_8A1D_EEE1, 24),
            (of("::ffff:192.0.2.77", 24, 56), 0x09FD_625D_8A1D_EEE1, 120),
            (of("2001:db8:1:2ff:3::4", 24, 56), 0x1851_643B_702F_0778, 56),
            (of("2001:db8:1:2ff:3::4", 24, 72), 0x7487_729E_60B2_AAF6, 72),
        ] {
            assert_eq!(prefix, HashedPrefix { key, len });
        }
        assert_eq!(of("192.0.2.200", 24, 56), of("192.0.2.77", 24, 56));
        assert_ne!(of("192.0.3.77", 24, 56), of("192.0.2.77", 24, 56));
    }
}
