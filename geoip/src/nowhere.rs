//! Networks that are in no country: private use, documentation, benchmarks (IANA's special-purpose registries).
//!
//! Registries name a country for some of them: without this list, a client on a local network would be in
//! Australia.

use std::ops::RangeInclusive;

use crate::{Database, Leaf};

/// First and last address; RFC 1918, 5737, 2544, 6598, 1122 and 3927.
const V4: [RangeInclusive<u32>; 10] = [
    0x0a00_0000..=0x0aff_ffff, // 10.0.0.0/8
    0x6440_0000..=0x647f_ffff, // 100.64.0.0/10
    0x7f00_0000..=0x7fff_ffff, // 127.0.0.0/8
    0xa9fe_0000..=0xa9fe_ffff, // 169.254.0.0/16
    0xac10_0000..=0xac1f_ffff, // 172.16.0.0/12
    0xc000_0200..=0xc000_02ff, // 192.0.2.0/24
    0xc0a8_0000..=0xc0a8_ffff, // 192.168.0.0/16
    0xc612_0000..=0xc613_ffff, // 198.18.0.0/15
    0xc633_6400..=0xc633_64ff, // 198.51.100.0/24
    0xcb00_7100..=0xcb00_71ff, // 203.0.113.0/24
];

/// First and last address; RFC 5180, 3849, 9637, 4193 and 4291.
const V6: [RangeInclusive<u128>; 5] = [
    (0x2001_0002 << 96)..=(0x2001_0002_0000 << 80 | u128::MAX >> 48), // 2001:2::/48
    (0x2001_0db8 << 96)..=(0x2001_0db8 << 96 | u128::MAX >> 32),      // 2001:db8::/32
    (0x3fff << 112)..=(0x3fff << 112 | u128::MAX >> 20),              // 3fff::/20
    (0xfc00 << 112)..=(0xfc00 << 112 | u128::MAX >> 7),               // fc00::/7
    (0xfe80 << 112)..=(0xfe80 << 112 | u128::MAX >> 10),              // fe80::/10
];

/// Makes these networks unknown in `database`.
pub(crate) fn blank(database: &mut Database) {
    for range in V4 {
        cut(&mut database.v4, *range.start(), range.end() + 1);
    }
    for range in V6 {
        cut(&mut database.v6, *range.start(), range.end() + 1);
    }
    database.v4.dedup_by_key(|leaf| leaf.place);
    database.v6.dedup_by_key(|leaf| leaf.place);
}

/// Makes the addresses from `first` up to, but not including, `after` unknown. May leave equal neighbors.
fn cut<K: Ord + Copy>(leaves: &mut Vec<Leaf<K>>, first: K, after: K) {
    let from = leaves.partition_point(|leaf| leaf.start < first);
    let to = leaves.partition_point(|leaf| leaf.start <= after);
    let resumed = leaves[to - 1].place;
    leaves.splice(from..to, [Leaf { start: first, place: 0 }, Leaf { start: after, place: resumed }]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leaves(pairs: &[(u32, u32)]) -> Vec<Leaf<u32>> {
        pairs.iter().map(|&(start, place)| Leaf { start, place }).collect()
    }

    #[test]
    fn a_cut_keeps_the_rest_unchanged() {
        for (before, after) in [
            (vec![(0, 1)], vec![(0, 1), (10, 0), (20, 1)]),
            (vec![(0, 1), (10, 2), (20, 3)], vec![(0, 1), (10, 0), (20, 3)]),
            (vec![(0, 1), (5, 2), (12, 3), (15, 4), (25, 5)], vec![(0, 1), (5, 2), (10, 0), (20, 4), (25, 5)]),
            (vec![(0, 0), (15, 1)], vec![(0, 0), (20, 1)]),
        ] {
            let mut cut_leaves = leaves(&before);
            cut(&mut cut_leaves, 10, 20);
            cut_leaves.dedup_by_key(|leaf| leaf.place);
            assert_eq!(cut_leaves, leaves(&after));
        }
    }
}
