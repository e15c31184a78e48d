//! A database as a plain value: places, and leaves in address order that point at them.

use std::net::IpAddr;

use crate::Place;

/// A database, loaded and checked.
///
/// Invariants of every database that this crate loads:
/// * `places[0]` is `Place::default()`, of which nothing is known; all places are distinct;
/// * `v4` and `v6` each cover their whole address space: the first leaf starts at 0, starts ascend strictly, and
///   each leaf extends to the start of the next one, the last to the end of the space;
/// * neighboring leaves have different places; every leaf's place is an index into `places`.
#[derive(Clone, Debug, PartialEq)]
pub struct Database {
    /// The file's metadata.
    pub description: Description,
    /// The places, each once.
    pub places: Vec<Place>,
    /// The IPv4 address space.
    pub v4: Vec<Leaf<u32>>,
    /// The IPv6 address space. Networks that represent IPv4 (`::/96`, `::ffff:0:0/96`, `2001::/32`, `2002::/16`) are
    /// unknown here if the file has its IPv4 tree or an alias there: look such clients up by their IPv4 address.
    pub v6: Vec<Leaf<u128>>,
    /// Records with impossible fields, which were dropped.
    pub odd: OddRecords,
}

/// Records of a file with an impossible field, which was dropped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OddRecords {
    /// Number of distinct records.
    pub count: usize,
    /// The first one: its network and the error; empty if there is none.
    pub first: String,
}

/// The metadata of a database file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Description {
    /// The kind of database, such as `GeoLite2-City`.
    pub database_type: String,
    /// When it was built, in seconds since 1970-01-01 UTC.
    pub build_epoch: u64,
    /// 4 for a database of IPv4 only, 6 for one of both families.
    pub ip_version: u16,
    /// Number of nodes in its search tree.
    pub node_count: u32,
}

/// A range of addresses with the same place; it extends to the start of the next leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leaf<K> {
    /// The first address.
    pub start: K,
    /// Index into [`Database::places`]; 0 is "nothing known".
    pub place: u32,
}

impl Database {
    /// The place of an address. IPv4 addresses that are written as IPv6 (`::ffff:0:0/96`) are looked up as IPv4.
    pub fn place_of(&self, address: IpAddr) -> &Place {
        let place = match address.to_canonical() {
            IpAddr::V4(v4) => place_at(&self.v4, v4.to_bits()),
            IpAddr::V6(v6) => place_at(&self.v6, v6.to_bits()),
        };
        &self.places[place as usize]
    }
}

fn place_at<K: Ord + Copy>(leaves: &[Leaf<K>], address: K) -> u32 {
    let after = leaves.partition_point(|leaf| leaf.start <= address);
    leaves[after - 1].place
}
