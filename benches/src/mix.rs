//! The queries of the side-by-side runs, and the expected responses.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use geoip::Continent;

use crate::datagram;
use crate::expected::Expected;
use crate::random::Random;
use crate::world::{Network, World};

/// The zone of all queried names.
pub const ZONE: &str = "example.com";
/// The name that is steered.
pub const STEERED: &str = "www.example.com";
/// Distinct queries of the mix.
pub const QUERIES: usize = 100_000;
/// Names with one address each in the zone of the mix.
pub const NAMES: usize = 1_000;
/// The seed of the queries, so that they are the same in every run.
const SEED: u64 = 7871;

const A: u16 = 1;
const MX: u16 = 15;
const AAAA: u16 = 28;

/// The number of the data center that serves a continent: fra, iad, gru and sin are 1 to 4.
pub fn data_center(continent: Continent) -> u8 {
    match continent {
        Continent::Europe => 1,
        Continent::NorthAmerica => 2,
        Continent::SouthAmerica => 3,
        _ => 4,
    }
}

/// The IPv4 address of a data center.
pub fn data_center_v4(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, number)
}

/// The IPv6 address of a data center.
pub fn data_center_v6(number: u8) -> Ipv6Addr {
    Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, number.into())
}

/// The owner of static name `number`, with its only address.
pub fn static_name(number: usize) -> (String, Ipv4Addr) {
    (format!("h{number}.{ZONE}"), Ipv4Addr::from_bits(0x0A00_0000 + number as u32))
}

/// A zone of `names` names with an address each, as a master file that every server here can read. The steered name
/// is not in it.
pub fn zone_file(names: usize) -> String {
    let mut text = format!(
        "$ORIGIN {ZONE}.\n$TTL 3600\n@ IN SOA ns1 hostmaster 1 7200 900 2419200 300\n@ IN NS ns1\n@ IN MX 10 mail\n\
         ns1 IN A 192.0.2.53\nmail IN A 192.0.2.25\n"
    );
    for number in 0..names {
        let (name, address) = static_name(number);
        text += &format!("{name}. IN A {address}\n");
    }
    text
}

/// Distinct queries from clients all over the world: of 20, 12 for A and 4 for AAAA of the steered name, 2 for static
/// names, 1 for a name that is not there and 1 for MX. All have a client subnet option.
pub fn geo(world: &World) -> Vec<(Vec<u8>, Expected)> {
    let (mut random, mut seen) = (Random(SEED), HashSet::new());
    let mut queries: Vec<(Vec<u8>, Expected)> = (0..QUERIES)
        .map(|number| {
            loop {
                let (query, expected) = one(number % 20, world.draw(&mut random), &mut random);
                if seen.insert(query.clone()) {
                    break (query, expected);
                }
            }
        })
        .collect();
    random.shuffle(&mut queries);
    queries
}

/// The query of this place among 20.
fn one(place: usize, client: Network, random: &mut Random) -> (Vec<u8>, Expected) {
    let center = data_center(client.continent);
    let (name, qtype, expected) = match place {
        0..12 => (STEERED.to_owned(), A, Expected::Address(data_center_v4(center).into())),
        12..16 => (STEERED.to_owned(), AAAA, Expected::Address(data_center_v6(center).into())),
        16..18 => {
            let (name, address) = static_name(random.below(NAMES));
            (name, A, Expected::Address(address.into()))
        }
        18 => (format!("x{:08x}.{ZONE}", random.below(1 << 32)), A, Expected::NxDomain),
        _ => (ZONE.to_owned(), MX, Expected::Answer),
    };
    (datagram(&name, qtype, Some(&option(client))), expected)
}

/// The data of a client subnet option (RFC 7871 section 6): only the octets that the prefix reaches into are sent.
fn option(client: Network) -> Vec<u8> {
    let (family, octets) = match client.address {
        IpAddr::V4(v4) => (1, v4.octets().to_vec()),
        IpAddr::V6(v6) => (2, v6.octets().to_vec()),
    };
    [&[0, family, client.length, 0], &octets[..usize::from(client.length).div_ceil(8)]].concat()
}

/// `count` queries for A of random names among `names`, without client subnet.
pub fn uniform(names: usize, count: usize) -> Vec<(Vec<u8>, Expected)> {
    let mut random = Random(SEED);
    let query = |_| {
        let (name, address) = static_name(random.below(names));
        (datagram(&name, A, None), Expected::Address(address.into()))
    };
    (0..count).map(query).collect()
}
