//! Chance and its opposite: dice for draws that are made anew, and hashes for those that stick to a client.

use std::net::IpAddr;

use super::address::Address;
use crate::model::PrefixLengths;

/// A small generator of random numbers (SplitMix64); fast and even, of no use for secrets.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// Dice that fall the same way for the same seed.
    pub fn new(seed: u64) -> Dice {
        Dice(seed)
    }

    /// The next number, uniform over all 64 bits.
    #[inline]
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        scramble(self.0)
    }
}

/// Makes every bit depend on every bit.
#[inline]
pub fn scramble(mut value: u64) -> u64 {
    value = (value ^ value >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    value = (value ^ value >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ value >> 31
}

/// A number for a name that is the same on every node and in every version.
pub fn identity(name: &str) -> u64 {
    // FNV-1a, scrambled: short names differ in few bits.
    let hash = name
        .bytes()
        .fold(0xCBF2_9CE4_8422_2325, |hash: u64, octet| (hash ^ u64::from(octet)).wrapping_mul(0x0000_0100_0000_01B3));
    scramble(hash)
}

/// The prefix by which hashes know a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HashedPrefix {
    /// A number for it, the same on every node.
    pub key: u64,
    /// Its length, in bits of the address as it was given.
    pub len: u8,
}

impl HashedPrefix {
    /// The prefix of `address` of the length that its family has in `lengths`.
    #[inline]
    pub fn of(address: IpAddr, lengths: PrefixLengths) -> HashedPrefix {
        match address {
            IpAddr::V4(v4) => HashedPrefix { key: key4(v4.to_bits(), lengths.v4), len: lengths.v4 },
            IpAddr::V6(v6) => HashedPrefix::of_v6(v6.to_bits(), lengths),
        }
    }

    fn of_v6(bits: u128, lengths: PrefixLengths) -> HashedPrefix {
        /// First of the IPv4-mapped addresses, `::ffff:0:0/96`.
        const MAPPED: u128 = 0xFFFF_0000_0000;
        let len = match bits.common_bits(MAPPED) {
            96.. => return HashedPrefix { key: key4(bits as u32, lengths.v4), len: lengths.v4 + 96 },
            // A prefix that held the mapped addresses would speak for clients that are hashed as IPv4.
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

/// How a query draws.
#[derive(Debug)]
pub enum Draw<'a> {
    /// Anew.
    Fresh(&'a mut Dice),
    /// By the client's prefix.
    Sticky,
}

/// Index of the member on which a fresh draw falls; `total` is the sum of all weights.
#[inline]
pub fn pick_by_weight(roll: u64, total: u64, weights: impl Iterator<Item = u32>) -> usize {
    let mut left = ((u128::from(roll) * u128::from(total)) >> 64) as u64;
    for (index, weight) in weights.enumerate() {
        match left.checked_sub(u64::from(weight)) {
            Some(rest) => left = rest,
            None => return index,
        }
    }
    0
}

/// A member's time in a race that it wins as often as its weight says: the smallest wins.
///
/// Times are exponential with the weight as rate, so a member that leaves hands its wins to the others in proportion
/// and moves nobody else (weighted rendezvous hashing). Whole numbers only: all nodes must agree.
#[derive(Debug, Clone, Copy)]
pub struct RaceTime {
    negative_log: u64,
    weight: u64,
}

impl RaceTime {
    /// The time of `member` for `key`; weight 0 counts as 1, for races that only such members run.
    #[inline]
    pub fn new(key: u64, member: u64, weight: u32) -> RaceTime {
        let uniform = scramble(key ^ member);
        RaceTime { negative_log: negative_log2(uniform), weight: u64::from(weight.max(1)) }
    }

    /// True where this time is smaller. No overflow: a logarithm has 38 bits, a weight 20.
    #[inline]
    pub fn beats(&self, other: &RaceTime) -> bool {
        self.negative_log * other.weight < other.negative_log * self.weight
    }
}

/// -log2(value / 2^64), in units of 2^-32. Off by less than 3e-6: the table is interpolated linearly.
fn negative_log2(value: u64) -> u64 {
    let value = value | 1;
    let zeros = value.leading_zeros();
    let mantissa = value << zeros << 1;
    let slot = (mantissa >> 56) as usize;
    let (low, high) = match LOG2.get(slot..slot + 2) {
        Some(&[low, high]) => (low, high),
        _ => (0, 0),
    };
    let within = mantissa >> 24 & 0xFFFF_FFFF;
    let log = low + (((high - low) * within) >> 32);
    ((u64::from(zeros) + 1) << 32) - log
}

/// log2(1 + i/256) in units of 2^-32.
const LOG2: [u64; 257] = log2_table();

const fn log2_table() -> [u64; 257] {
    let mut table = [0; 257];
    let mut slot = 0;
    while slot < 256 {
        // Squaring a number between 1 and 2 doubles its logarithm, so each squaring yields one binary digit.
        let mut number: u128 = (256 + slot as u128) << 54;
        let mut digits = 0u64;
        let mut digit = 0;
        while digit < 32 {
            number = (number * number) >> 62;
            digits <<= 1;
            if number >= 1 << 63 {
                digits |= 1;
                number >>= 1;
            }
            digit += 1;
        }
        #[allow(clippy::indexing_slicing, reason = "evaluated by the compiler")]
        {
            table[slot] = digits;
        }
        slot += 1;
    }
    table[256] = 1 << 32;
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_those_of_mathematics() {
        for value in [1u64, 3, 5, 1001, u64::MAX / 3, u64::MAX / 2, u64::MAX - 2] {
            let expected = 64.0 - (value as f64).log2();
            let got = negative_log2(value) as f64 / 2f64.powi(32);
            assert!((expected - got).abs() < 2e-5, "{value}: {expected} {got}");
        }
    }

    #[test]
    fn shares_follow_weights_in_both_kinds_of_draw() {
        let weights = [70, 20, 10, 0];
        let mut dice = Dice::new(7);
        let (mut fresh, mut raced) = ([0f64; 4], [0f64; 4]);
        let rounds = 200_000;
        for _ in 0..rounds {
            fresh[pick_by_weight(dice.roll(), 100, weights.into_iter())] += 1.0;
            let key = dice.roll();
            let time = |index: usize| RaceTime::new(key, identity(&format!("m{index}")), weights[index]);
            let winner = (0..3).reduce(|best, next| if time(next).beats(&time(best)) { next } else { best });
            raced[winner.unwrap()] += 1.0;
        }
        for (index, weight) in weights.into_iter().enumerate() {
            let share = f64::from(weight) / 100.0;
            let sigma = (f64::from(rounds) * share * (1.0 - share)).sqrt();
            for counts in [fresh, raced] {
                assert!((counts[index] - f64::from(rounds) * share).abs() <= 4.0 * sigma, "{counts:?}");
            }
        }
    }

    #[test]
    fn clients_stick_to_what_they_had_on_other_nodes_and_in_older_versions() {
        let of = |address: &str, v4, v6| HashedPrefix::of(address.parse().unwrap(), PrefixLengths { v4, v6 });
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
