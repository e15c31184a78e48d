//! The client subnet option of a query, checked as strictly as RFC 7871 says.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Option code (RFC 7871 §6).
pub const CODE: u16 = 8;

/// The network on whose behalf a resolver asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientSubnet<'a> {
    /// Option data as received; the response repeats it with another scope.
    pub octets: &'a [u8],
    /// SOURCE PREFIX-LENGTH in bits, at most 32 or 128.
    pub source: u8,
    /// The address, its bits beyond the source prefix zero.
    pub address: IpAddr,
}

/// An option that RFC 7871 §6 and §7.1.2 do not allow: FORMERR.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

impl<'a> ClientSubnet<'a> {
    /// Reads the data of an option in a query.
    ///
    /// Family 0 is taken where nothing follows it: that is how some clients say that they keep their network to
    /// themselves (`dig +subnet=0`).
    #[inline]
    pub fn parse(octets: &'a [u8]) -> Result<ClientSubnet<'a>, Malformed> {
        let &[family_high, family_low, source, scope, ref address @ ..] = octets else { return Err(Malformed) };
        if scope != 0 || address.len() != usize::from(source).div_ceil(8) || has_trailing_bits(address, source) {
            return Err(Malformed);
        }
        let address = match (u16::from_be_bytes([family_high, family_low]), source) {
            (0, 0) => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            (1, 0..=32) => IpAddr::V4(Ipv4Addr::from(padded::<4>(address))),
            (2, 0..=128) => IpAddr::V6(Ipv6Addr::from(padded::<16>(address))),
            _ => return Err(Malformed),
        };
        Ok(ClientSubnet { octets, source, address })
    }
}

/// True where a bit beyond the prefix is set in the last octet.
fn has_trailing_bits(address: &[u8], source: u8) -> bool {
    match (address.last(), source % 8) {
        (Some(last), used @ 1..) => last << used != 0,
        _ => false,
    }
}

/// The octets given, followed by zeros.
fn padded<const N: usize>(octets: &[u8]) -> [u8; N] {
    let mut all = [0; N];
    if let Some(front) = all.get_mut(..octets.len()) {
        front.copy_from_slice(octets);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_options_are_read() {
        let v4 = ClientSubnet::parse(&[0, 1, 20, 0, 198, 51, 96]).unwrap();
        assert_eq!((v4.source, v4.address), (20, "198.51.96.0".parse().unwrap()));
        let v6 = ClientSubnet::parse(&[0, 2, 32, 0, 0x20, 1, 0xd, 0xb8]).unwrap();
        assert_eq!((v6.source, v6.address), (32, "2001:db8::".parse().unwrap()));
        for family in [0, 1, 2] {
            assert_eq!(ClientSubnet::parse(&[0, family, 0, 0]).unwrap().source, 0);
        }
    }

    #[test]
    fn bad_options_are_malformed() {
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
            ("family 0 with an address", &[0, 0, 8, 0, 1]),
        ];
        for (what, octets) in bad {
            assert_eq!(ClientSubnet::parse(octets), Err(Malformed), "{what}");
        }
    }
}
