//! PROXY protocol version 2: the header in which a proxy names the client of a query.
//!
//! The protocol is described in `proxy-protocol.txt` of HAProxy, section 2.2.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// The first octets of every header.
const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";
/// Octets of the signature, version, command, family and length.
const FIXED: usize = 16;
/// Most octets after the fixed part, which every receiver must take (section 2).
const MAX_REST: usize = 216;
/// Octets of the addresses and ports of two IPv4 ends.
const V4: usize = 12;
/// Octets of the addresses and ports of two IPv6 ends.
const V6: usize = 36;

/// Octets of the longest header.
pub const MAX_HEADER: usize = FIXED + MAX_REST;

/// A complete header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// Its length in octets; the query follows.
    pub octets: usize,
    /// Who the query is from.
    pub origin: Origin,
}

/// Who a query is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The proxy itself, such as a health check (command LOCAL).
    Proxy,
    /// A client of the proxy (command PROXY).
    Client {
        /// The client. An IPv4-mapped address is given as IPv4.
        source: SocketAddr,
        /// The address at which the client reached the proxy.
        destination: SocketAddr,
        /// How it did.
        carrier: Carrier,
    },
}

/// How a client reached the proxy. The proxy may use the other one to reach us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// By a datagram, whose source may be forged.
    Datagram,
    /// By a connection.
    Stream,
}

/// Why octets do not begin with a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// What is there could begin a header, but is not all of it.
    Incomplete,
    /// They do not begin with the signature.
    Signature,
    /// The version is not 2.
    Version,
    /// The command is neither LOCAL nor PROXY.
    Command,
    /// The family is neither IPv4 nor IPv6, or the carrier neither a datagram nor a stream.
    Family,
    /// The header is too short for its addresses, or longer than [`MAX_HEADER`].
    Length,
}

impl Fault {
    /// All faults, in the order of [`Fault::index`].
    pub const ALL: [Self; 6] =
        [Self::Incomplete, Self::Signature, Self::Version, Self::Command, Self::Family, Self::Length];

    /// Its place in [`Fault::ALL`].
    pub fn index(self) -> usize {
        self as usize
    }

    /// Its label in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Incomplete => "incomplete",
            Self::Signature => "signature",
            Self::Version => "version",
            Self::Command => "command",
            Self::Family => "family",
            Self::Length => "length",
        }
    }
}

/// What the family octet of a header says.
struct Family {
    addresses: Addresses,
    carrier: Carrier,
}

enum Addresses {
    V4,
    V6,
}

/// How long the header at the start of `octets` is, in octets, as far as they say so. [`read`] needs no more.
pub fn octets_needed(octets: &[u8]) -> usize {
    let rest = octets.get(14..FIXED).and_then(|rest| rest.try_into().ok()).map_or(0, u16::from_be_bytes);
    FIXED + usize::from(rest)
}

/// Reads the header at the start of `octets`. Any fault is reported as soon as the octets show it.
///
/// # Errors
/// [`Fault`].
pub fn read(octets: &[u8]) -> Result<Header, Fault> {
    let signature = octets.get(..SIGNATURE.len()).unwrap_or(octets);
    if !SIGNATURE.starts_with(signature) {
        return Err(Fault::Signature);
    }
    let command = octets.get(12).ok_or(Fault::Incomplete)?;
    let is_local = match (command >> 4, command & 0x0F) {
        (2, 0) => true,
        (2, 1) => false,
        (2, _) => return Err(Fault::Command),
        _ => return Err(Fault::Version),
    };
    let family = *octets.get(13).ok_or(Fault::Incomplete)?;
    // With LOCAL, the family and the addresses mean nothing (section 2.2).
    let family = if is_local { None } else { Some(Family::read(family).ok_or(Fault::Family)?) };
    let rest: [u8; 2] = octets.get(14..FIXED).and_then(|rest| rest.try_into().ok()).ok_or(Fault::Incomplete)?;
    let rest = usize::from(u16::from_be_bytes(rest));
    let addresses = family.as_ref().map_or(0, |family| family.addresses.octets());
    if rest < addresses || rest > MAX_REST {
        return Err(Fault::Length);
    }
    let body = octets.get(FIXED..FIXED + rest).ok_or(Fault::Incomplete)?;
    let origin = match family {
        None => Origin::Proxy,
        Some(Family { addresses, carrier }) => {
            // There are enough octets. What follows the addresses (type-length-value fields) is not needed.
            let (source, destination) = addresses.read(body).ok_or(Fault::Length)?;
            Origin::Client { source, destination, carrier }
        }
    };
    Ok(Header { octets: FIXED + rest, origin })
}

impl Family {
    fn read(octet: u8) -> Option<Self> {
        let addresses = match octet >> 4 {
            1 => Addresses::V4,
            2 => Addresses::V6,
            _ => return None,
        };
        let carrier = match octet & 0x0F {
            1 => Carrier::Stream,
            2 => Carrier::Datagram,
            _ => return None,
        };
        Some(Self { addresses, carrier })
    }
}

impl Addresses {
    fn octets(&self) -> usize {
        match self {
            Self::V4 => V4,
            Self::V6 => V6,
        }
    }

    /// Source and destination.
    fn read(&self, octets: &[u8]) -> Option<(SocketAddr, SocketAddr)> {
        let mut rest = octets;
        let [source, destination] = match self {
            Self::V4 => [(); 2].map(|()| take::<4>(&mut rest).map(|octets| IpAddr::V4(Ipv4Addr::from(octets)))),
            Self::V6 => [(); 2].map(|()| take::<16>(&mut rest).map(|octets| Ipv6Addr::from(octets).to_canonical())),
        };
        let mut port = || take(&mut rest).map(u16::from_be_bytes);
        let (source_port, destination_port) = (port()?, port()?);
        Some((SocketAddr::new(source?, source_port), SocketAddr::new(destination?, destination_port)))
    }
}

/// Takes the first `N` octets.
fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (first, others) = rest.split_first_chunk()?;
    *rest = others;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A header with this version and command, family, and rest, then a query.
    fn header(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
        [&SIGNATURE[..], &[command, family], &(rest.len() as u16).to_be_bytes(), rest].concat()
    }

    fn v4() -> Vec<u8> {
        [&[192, 0, 2, 1, 198, 51, 100, 7][..], &4000_u16.to_be_bytes(), &53_u16.to_be_bytes()].concat()
    }

    fn v6(source: &str) -> Vec<u8> {
        let [source, destination] = [source, "2001:db8::53"].map(|text| text.parse::<Ipv6Addr>().unwrap().octets());
        [&source[..], &destination, &4000_u16.to_be_bytes(), &53_u16.to_be_bytes()].concat()
    }

    #[test]
    fn clients_of_both_families_and_carriers_are_read() {
        for (carrier, low) in [(Carrier::Stream, 1), (Carrier::Datagram, 2)] {
            let (source, destination) = ("192.0.2.1:4000".parse().unwrap(), "198.51.100.7:53".parse().unwrap());
            let origin = Origin::Client { source, destination, carrier };
            assert_eq!(read(&header(0x21, 0x10 | low, &v4())), Ok(Header { octets: 28, origin }));
            for (text, source) in [("2001:db8::1", "[2001:db8::1]:4000"), ("::ffff:192.0.2.9", "192.0.2.9:4000")] {
                let (source, destination) = (source.parse().unwrap(), "[2001:db8::53]:53".parse().unwrap());
                let origin = Origin::Client { source, destination, carrier };
                assert_eq!(read(&header(0x21, 0x20 | low, &v6(text))), Ok(Header { octets: 52, origin }));
            }
        }
    }

    #[test]
    fn further_fields_and_the_query_are_passed_over() {
        let fields = [v4(), vec![0xEE; MAX_REST - V4]].concat();
        let octets = [header(0x21, 0x12, &fields), b"query".to_vec()].concat();
        assert_eq!(read(&octets).map(|header| header.octets), Ok(MAX_HEADER));
        assert_eq!(read(&header(0x21, 0x12, &[fields, vec![0]].concat())), Err(Fault::Length));
    }

    #[test]
    fn what_follows_local_is_ignored() {
        for family in 0..=255 {
            for rest in [0, 1, 12, 216] {
                let octets = [header(0x20, family, &vec![0xAB; rest]), b"query".to_vec()].concat();
                assert_eq!(read(&octets), Ok(Header { octets: FIXED + rest, origin: Origin::Proxy }));
            }
        }
        assert_eq!(read(&header(0x20, 0, &[0; 217])), Err(Fault::Length));
    }

    #[test]
    fn every_command_and_family_is_read_or_refused() {
        for octet in 0..=255_u8 {
            let expected = match octet {
                0x20 | 0x21 => Ok(()),
                0x22..=0x2F => Err(Fault::Command),
                _ => Err(Fault::Version),
            };
            assert_eq!(read(&header(octet, 0x11, &v4())).map(drop), expected, "command {octet:#x}");
            let expected = if [0x11, 0x12, 0x21, 0x22].contains(&octet) { Ok(()) } else { Err(Fault::Family) };
            assert_eq!(read(&header(0x21, octet, &v6("2001:db8::1"))).map(drop), expected, "family {octet:#x}");
        }
    }

    #[test]
    fn every_length_is_too_short_too_long_or_complete() {
        for (family, addresses) in [(0x11, V4), (0x12, V4), (0x21, V6), (0x22, V6)] {
            for length in 0..=300 {
                let octets = header(0x21, family, &vec![1; length]);
                let expected = (addresses..=MAX_REST).contains(&length);
                assert_eq!(read(&octets).is_ok(), expected, "family {family:#x}, length {length}");
                assert_eq!(read(&octets).is_err_and(|fault| fault == Fault::Length), !expected);
            }
        }
    }

    #[test]
    fn the_beginning_of_a_header_is_incomplete_and_anything_else_is_known_at_once() {
        let whole = header(0x21, 0x21, &v6("2001:db8::1"));
        for length in 0..whole.len() {
            assert_eq!(read(&whole[..length]), Err(Fault::Incomplete), "{length} octets");
            assert_eq!(octets_needed(&whole[..length]), if length < FIXED { FIXED } else { whole.len() });
        }
        for at in 0..SIGNATURE.len() {
            let mut wrong = whole[..=at].to_vec();
            wrong[at] ^= 1;
            assert_eq!(read(&wrong), Err(Fault::Signature), "octet {at}");
        }
        assert_eq!(read(b"PROXY TCP4 192.0.2.1 198.51.100.7 4000 53\r\n"), Err(Fault::Signature), "version 1");
    }

    #[test]
    fn faults_are_in_the_order_of_their_list() {
        assert!(Fault::ALL.iter().enumerate().all(|(at, fault)| fault.index() == at));
    }

    proptest! {
        #[test]
        fn no_octets_panic_and_a_header_is_within_them(
            octets in proptest::collection::vec(any::<u8>(), 0..300),
            is_signed in any::<bool>(),
        ) {
            let octets = if is_signed { [&SIGNATURE[..], &octets].concat() } else { octets };
            if let Ok(header) = read(&octets) {
                prop_assert!((FIXED..=MAX_HEADER.min(octets.len())).contains(&header.octets));
                // No octet after the header matters, and all of it does.
                prop_assert_eq!(read(&octets[..header.octets]), Ok(header));
                prop_assert_eq!(read(&octets[..header.octets - 1]), Err(Fault::Incomplete));
            }
        }
    }
}
