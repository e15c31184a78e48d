//! Clients all over the world, and the bundled database as a file that other servers read.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use geoip::fixture::{self, Shape, map};
use geoip::{Continent, Database, Leaf};

use crate::random::Random;

/// The bundled database, with the leaves of which a continent is known.
#[derive(Debug)]
pub struct World {
    database: Database,
    known_v4: Vec<Range>,
    known_v6: Vec<Range>,
}

/// The first and the last address of a leaf, as 128 bits in both families, and its place.
#[derive(Debug, Clone, Copy)]
struct Range {
    first: u128,
    last: u128,
    place: u32,
}

impl Default for World {
    fn default() -> Self {
        let database = geoip::bundled();
        let known_v4 = known(&database, &database.v4, u32::MAX.into());
        let known_v6 = known(&database, &database.v6, u128::MAX);
        Self { database, known_v4, known_v6 }
    }
}

fn known<K: Copy + Into<u128>>(database: &Database, leaves: &[Leaf<K>], end: u128) -> Vec<Range> {
    let lasts = leaves.iter().skip(1).map(|next| next.start.into() - 1).chain([end]);
    let ranges = leaves.iter().zip(lasts);
    let ranges = ranges.map(|(leaf, last)| Range { first: leaf.start.into(), last, place: leaf.place });
    ranges.filter(|range| database.places[range.place as usize].continent.is_some()).collect()
}

/// A client's network in the form of a client subnet option.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    /// Its address; bits outside the prefix are zero.
    pub address: IpAddr,
    /// The source prefix length.
    pub length: u8,
    /// The continent of its first address.
    pub continent: Continent,
}

impl World {
    /// A /24 of IPv4 (four out of five) or a /32 to /56 of IPv6: all known leaves of a family are equally
    /// likely. The first address lies on a known continent, since it is the one that servers look up.
    pub fn draw(&self, random: &mut Random) -> Network {
        loop {
            let (leaves, bits, length) = match random.below(5) {
                0 => (&self.known_v6, 128, 32 + 8 * random.below(4) as u8),
                _ => (&self.known_v4, 32, 24),
            };
            let leaf = leaves[random.below(leaves.len())];
            let within = random.between(leaf.first, leaf.last);
            let first = within >> (bits - length) << (bits - length);
            let address = address(first, bits);
            if let Some(continent) = self.database.place_of(address).continent {
                return Network { address, length, continent };
            }
        }
    }

    /// The database as an MMDB file in MaxMind's form: `continent.code` and `country.iso_code`, both families in one
    /// tree, with the aliases of the IPv4 tree that GeoLite2 has too.
    pub fn mmdb(&self) -> Vec<u8> {
        let mut networks = Vec::new();
        for (ranges, bits) in [(&self.known_v4, 32), (&self.known_v6, 128)] {
            for range in ranges {
                let place = &self.database.places[range.place as usize];
                let mut record = Vec::new();
                record.extend(place.continent.map(|it| ("continent".to_owned(), map([("code", it.code().into())]))));
                record.extend(place.country.map(|it| ("country".to_owned(), map([("iso_code", it.as_str().into())]))));
                let record = fixture::Data::Map(record);
                networks.extend(prefixes(range.first, range.last, bits).map(|prefix| (prefix, record.clone())));
            }
        }
        let networks: Vec<_> = networks.iter().map(|(prefix, record)| (prefix.as_str(), record.clone())).collect();
        let database_type = "GeoLite2-Country".to_owned();
        let build_epoch = self.database.description.build_epoch;
        fixture::write(&Shape { database_type, build_epoch, aliases: true, ..Shape::default() }, &networks)
    }
}

/// An address of `bits` bits.
fn address(number: u128, bits: u8) -> IpAddr {
    if bits == 32 { Ipv4Addr::from_bits(number as u32).into() } else { Ipv6Addr::from_bits(number).into() }
}

/// The prefixes that cover the addresses from `first` to `last` and no others, as `address/length`.
fn prefixes(first: u128, last: u128, bits: u8) -> impl Iterator<Item = String> {
    let mut next = Some(first);
    std::iter::from_fn(move || {
        let first = next?;
        // As large as its first address is aligned for, and no larger than the rest.
        let left = (last - first).checked_add(1).map_or(128, u128::ilog2);
        let free = first.trailing_zeros().min(u32::from(bits)).min(left);
        let end = first + (1u128.checked_shl(free).unwrap_or(0).wrapping_sub(1));
        next = (end < last).then(|| end + 1);
        Some(format!("{}/{}", address(first, bits), u32::from(bits) - free))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_cut_into_prefixes() {
        let cut = |first: [u8; 4], last: [u8; 4]| -> Vec<String> {
            prefixes(u32::from_be_bytes(first).into(), u32::from_be_bytes(last).into(), 32).collect()
        };
        assert_eq!(cut([10, 0, 0, 0], [10, 0, 0, 255]), ["10.0.0.0/24"]);
        assert_eq!(cut([10, 0, 0, 3], [10, 0, 0, 8]), ["10.0.0.3/32", "10.0.0.4/30", "10.0.0.8/32"]);
        assert_eq!(
            prefixes(u128::MAX, u128::MAX, 128).collect::<Vec<_>>(),
            [format!("{}/128", Ipv6Addr::from_bits(u128::MAX))]
        );
        assert_eq!(prefixes(1 << 127, u128::MAX, 128).collect::<Vec<_>>(), ["8000::/1"]);
    }

    #[test]
    fn the_file_equals_the_bundled_database() {
        let world = World::default();
        let file = Database::load(world.mmdb(), "country.mmdb").unwrap();
        let mut random = Random(1);
        for _ in 0..20_000 {
            let network = world.draw(&mut random);
            let (ours, theirs) = (world.database.place_of(network.address), file.place_of(network.address));
            assert_eq!((ours.continent, ours.country), (theirs.continent, theirs.country), "{network:?}");
        }
    }
}
