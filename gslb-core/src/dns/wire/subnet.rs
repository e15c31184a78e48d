//! The client subnet option of a query, validated as strictly as RFC 7871 requires.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::locate::numeric::NumericAddress;

/// Option code (RFC 7871 §6).
pub const CODE: u16 = 8;
/// Octets before the address: family, source and scope prefix length.
const FIELDS: usize = 4;

/// The client's network, as sent by a resolver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientSubnet {
    /// FAMILY; [`Family::Other`] is 0, for a client that does not reveal its network.
    family: Family,
    /// SOURCE PREFIX-LENGTH in bits, at most 32 or 128.
    pub source: u8,
    /// The upper half of the address as in the option; all bits after the source prefix are zero.
    upper: u64,
    /// The lower half.
    lower: u64,
}

/// Address family of a client subnet, with its number in the option (IANA "Address Family Numbers").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Family {
    /// No family, or an unknown one.
    Other = 0,
    /// IPv4.
    V4 = 1,
    /// IPv6.
    V6 = 2,
}

impl Family {
    /// All families, in the order of their numbers.
    pub const ALL: [Family; 3] = [Family::Other, Family::V4, Family::V6];

    /// The family with this number in the option.
    #[inline]
    pub fn of(number: u8) -> Family {
        match number {
            1 => Family::V4,
            2 => Family::V6,
            _ => Family::Other,
        }
    }

    /// Its name in metrics and logs.
    pub fn as_str(self) -> &'static str {
        match self {
            Family::V4 => "ipv4",
            Family::V6 => "ipv6",
            Family::Other => "other",
        }
    }
}

/// An option that violates RFC 7871 §6 or §7.1.2: FORMERR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl ClientSubnet {
    /// Octets that [`ClientSubnet::parse_from`] reads: the longest option.
    pub(super) const LONGEST: usize = FIELDS + 16;

    /// Parses the data of an option in a query: the first `len` of `octets`; anything may follow.
    pub fn parse(octets: &[u8], len: usize) -> Result<ClientSubnet, Malformed> {
        let mut data = [0; ClientSubnet::LONGEST];
        let octets = octets.get(..len).ok_or(Malformed)?;
        data.get_mut(..len).ok_or(Malformed)?.copy_from_slice(octets);
        ClientSubnet::parse_from(&data, len)
    }

    /// The same for data that is followed by other octets.
    ///
    /// Family 0 is accepted without an address: some clients send it to keep their network private (`dig +subnet=0`).
    #[inline(always)]
    pub(super) fn parse_from(data: &[u8; ClientSubnet::LONGEST], len: usize) -> Result<ClientSubnet, Malformed> {
        let (&[0, family, source, 0], address) = data.split_first_chunk::<FIELDS>().ok_or(Malformed)? else {
            return Err(Malformed);
        };
        /// Families by their numbers, and the lengths of their addresses in bits.
        const FAMILIES: [(Family, u8); 3] = [(Family::Other, 0), (Family::V4, 32), (Family::V6, 128)];
        let &(family, bits) = FAMILIES.get(usize::from(family)).ok_or(Malformed)?;
        if source > bits || len != FIELDS + usize::from(source).div_ceil(8) {
            return Err(Malformed);
        }
        let all = u128::from_be_bytes(*address.first_chunk().ok_or(Malformed)?);
        let (upper, lower) = ((all >> 64) as u64, all as u64);
        let (upper, lower, beyond) = match source {
            0..64 => (upper & leading(source), 0, upper << source),
            64..128 => (upper, lower & leading(source - 64), lower << (source - 64)),
            _ => (upper, lower, 0),
        };
        // No bit of the last octet may be set beyond the prefix.
        let spare = u32::from(source.wrapping_neg() % 8);
        if beyond >> 1 >> (63 - spare) != 0 {
            return Err(Malformed);
        }
        Ok(ClientSubnet { family, source, upper, lower })
    }

    /// The address; bits beyond the source prefix are zero.
    #[inline]
    pub fn address(&self) -> IpAddr {
        match self.is_ipv6() {
            false => IpAddr::V4(Ipv4Addr::from_bits((self.upper >> 32) as u32)),
            true => IpAddr::V6(Ipv6Addr::from_bits(u128::from(self.upper) << 64 | u128::from(self.lower))),
        }
    }

    /// The same as numbers.
    #[inline]
    pub fn numeric(&self) -> NumericAddress {
        NumericAddress { is_ipv6: self.is_ipv6(), upper: self.upper, lower: self.lower }
    }

    /// The family of the network.
    #[inline]
    pub fn family(&self) -> Family {
        self.family
    }

    /// True for an IPv6 network.
    #[inline]
    pub fn is_ipv6(&self) -> bool {
        self.family == Family::V6
    }

    /// Length of the option's data.
    #[inline]
    pub fn option_len(&self) -> usize {
        FIELDS + usize::from(self.source).div_ceil(8)
    }

    /// The option's data as received, with `scope` set; only the first [`ClientSubnet::option_len`] octets count.
    #[inline]
    pub(super) fn answered(&self, scope: u8) -> ([u8; FIELDS], [u8; 16]) {
        let address = u128::from(self.upper) << 64 | u128::from(self.lower);
        ([0, self.family as u8, self.source, scope], address.to_be_bytes())
    }
}

/// A number whose first `bits` bits are set; fewer than 64.
#[inline]
fn leading(bits: u8) -> u64 {
    !(u64::MAX >> (bits % 64))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses an option at the end of a buffer, and again with other octets after it.
    fn parse(data: &[u8]) -> Result<ClientSubnet, Malformed> {
        let alone = ClientSubnet::parse(data, data.len());
        for stale in [0, 0xFF] {
            let longer = [data, &[stale; ClientSubnet::LONGEST]].concat();
            assert_eq!(ClientSubnet::parse(&longer, data.len()), alone);
            assert_eq!(ClientSubnet::parse_from(longer.first_chunk().unwrap(), data.len()), alone);
        }
        alone
    }

    #[test]
    fn valid_options_are_parsed() {
        let v4 = parse(&[0, 1, 20, 0, 198, 51, 96]).unwrap();
        assert_eq!((v4.source, v4.address()), (20, "198.51.96.0".parse().unwrap()));
        let v6 = parse(&[0, 2, 32, 0, 0x20, 1, 0xd, 0xb8]).unwrap();
        assert_eq!((v6.source, v6.address()), (32, "2001:db8::".parse().unwrap()));
        let whole = parse(&[0, 2, 128, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7]).unwrap();
        assert_eq!(whole.address(), "2001:db8::7".parse::<IpAddr>().unwrap());
        for family in [0, 1, 2] {
            let none = parse(&[0, family, 0, 0]).unwrap();
            assert_eq!((none.source, none.option_len(), none.is_ipv6()), (0, 4, family == 2));
        }
    }

    #[test]
    fn an_option_is_returned_as_received() {
        for data in [&[0, 0, 0, 0][..], &[0, 1, 20, 0, 198, 51, 96], &[0, 2, 17, 0, 0x20, 1, 0x80]] {
            let subnet = parse(data).unwrap();
            let (fields, address) = subnet.answered(0);
            assert_eq!([&fields[..], &address].concat()[..subnet.option_len()], *data);
        }
    }

    #[test]
    fn invalid_options_are_malformed() {
        let bad: &[(&str, &[u8])] = &[
            ("empty", &[]),
            ("short", &[0, 1, 24]),
            ("scope in a query", &[0, 1, 24, 24, 192, 0, 2]),
            ("too few octets", &[0, 1, 24, 0, 192, 0]),
            ("too many octets", &[0, 1, 24, 0, 192, 0, 2, 0]),
            ("bits beyond the prefix", &[0, 1, 20, 0, 198, 51, 100]),
            ("longer than IPv4", &[0, 1, 33, 0, 192, 0, 2, 1, 0]),
            ("longer than IPv6", &[0, 2, 129, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 0]),
            ("family 3", &[0, 3, 8, 0, 1]),
            ("family 257", &[1, 1, 8, 0, 1]),
            ("family 0 with an address", &[0, 0, 8, 0, 1]),
        ];
        for (what, octets) in bad {
            assert_eq!(parse(octets), Err(Malformed), "{what}");
        }
    }
}
