//! Networks of both families as they are handed out: blocks to a holder each, divided into parts of uneven size.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::city::Random;

/// Networks per IPv4 block; blocks are of length 12.
const V4_LONGEST: u8 = 28;
const V4_BLOCK: u8 = 12;
/// Blocks of IPv6 have length 32, sixteen apart, in the space of the five registries.
const V6_LONGEST: u8 = 56;
const V6_BLOCK: u8 = 32;
const V6_PER_BLOCK: u32 = 28;
const V6_REGISTRIES: [u128; 5] = [0x2400, 0x2600, 0x2800, 0x2a00, 0x2c00];

/// Calls `network` with this many IPv4 and IPv6 networks, in address order within a block, and whether each begins the
/// block of another holder.
pub(super) fn each((v4, v6): (u32, u32), random: &mut Random, mut network: impl FnMut(&mut Random, bool, IpAddr, u8)) {
    let blocks: Vec<u32> = (1 << 4..224 << 4).filter(|block| ![10 << 4, 127 << 4].contains(&(block & !0xF))).collect();
    for (at, block) in (0..).zip(&blocks) {
        let count = share(v4, at, blocks.len() as u32);
        let mut first = true;
        divide(u128::from(*block) << 20, V4_BLOCK, count, (32, V4_LONGEST), random, &mut |random, start, length| {
            network(random, std::mem::take(&mut first), Ipv4Addr::from_bits(start as u32).into(), length);
        });
    }
    let blocks = v6.div_ceil(V6_PER_BLOCK);
    for at in 0..blocks {
        let registry = V6_REGISTRIES[at as usize % V6_REGISTRIES.len()];
        let start = registry << 112 | u128::from(at / V6_REGISTRIES.len() as u32) << 100;
        let mut first = true;
        divide(start, V6_BLOCK, share(v6, at, blocks), (128, V6_LONGEST), random, &mut |random, start, length| {
            network(random, std::mem::take(&mut first), Ipv6Addr::from_bits(start).into(), length);
        });
    }
}

/// How many of `all` belong to one of `parts` of nearly equal size.
fn share(all: u32, part: u32, parts: u32) -> u32 {
    all / parts + u32::from(part < all % parts)
}

/// Divides the network of `start` and `length` into `count` parts, none longer than the longest there is.
fn divide(
    start: u128,
    length: u8,
    count: u32,
    (width, longest): (u8, u8),
    random: &mut Random,
    part: &mut impl FnMut(&mut Random, u128, u8),
) {
    if count <= 1 {
        return part(random, start, length);
    }
    let capacity = 1u64 << (longest - length - 1).min(32);
    let low = (f64::from(count) * (0.15 + 0.7 * random.share())) as u64;
    let low = low.clamp(u64::from(count).saturating_sub(capacity).max(1), capacity.min(u64::from(count) - 1)) as u32;
    let high_half = start | 1 << (width - length - 1);
    divide(start, length + 1, low, (width, longest), random, part);
    divide(high_half, length + 1, count - low, (width, longest), random, part);
}
