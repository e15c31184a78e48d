//! An address of either family as numbers, which are cheaper to copy and compare than an [`IpAddr`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address of either family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NumericAddress {
    /// True for IPv6.
    pub is_ipv6: bool,
    /// The upper 64 bits. An IPv4 address is in the upper half of them.
    pub upper: u64,
    /// The lower 64 bits; 0 for IPv4.
    pub lower: u64,
}

impl NumericAddress {
    /// The bits of an IPv6 address.
    #[inline]
    pub fn bits(self) -> u128 {
        u128::from(self.upper) << 64 | u128::from(self.lower)
    }

    /// The bits of an IPv4 address.
    #[inline]
    pub fn bits_v4(self) -> u32 {
        (self.upper >> 32) as u32
    }
}

impl From<IpAddr> for NumericAddress {
    #[inline]
    fn from(address: IpAddr) -> NumericAddress {
        match address {
            IpAddr::V4(v4) => NumericAddress { is_ipv6: false, upper: u64::from(v4.to_bits()) << 32, lower: 0 },
            IpAddr::V6(v6) => {
                let bits = v6.to_bits();
                NumericAddress { is_ipv6: true, upper: (bits >> 64) as u64, lower: bits as u64 }
            }
        }
    }
}

impl From<NumericAddress> for IpAddr {
    #[inline]
    fn from(address: NumericAddress) -> IpAddr {
        match address.is_ipv6 {
            false => IpAddr::V4(Ipv4Addr::from_bits(address.bits_v4())),
            true => IpAddr::V6(Ipv6Addr::from_bits(address.bits())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_the_same_as_numbers() {
        for text in ["0.0.0.0", "192.0.2.77", "255.255.255.255", "::", "2001:db8:1:2:3:4:5:6", "::ffff:192.0.2.77"] {
            let address: IpAddr = text.parse().unwrap();
            assert_eq!(IpAddr::from(NumericAddress::from(address)), address);
        }
    }
}
