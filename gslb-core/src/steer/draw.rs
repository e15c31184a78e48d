//! Draws: random ones from a generator, sticky ones from a hash of the client.

use crate::hash::scramble;

/// A small pseudorandom generator (SplitMix64): fast and uniform, not for secrets.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// The same seed gives the same numbers.
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

/// How a query draws.
#[derive(Debug)]
pub enum Draw<'a> {
    /// Randomly, again for every query.
    Fresh(&'a mut Dice),
    /// By the client's prefix.
    Sticky,
}

impl Draw<'_> {
    /// How a service draws.
    #[inline]
    pub fn of(is_sticky: bool, dice: &mut Dice) -> Draw<'_> {
        if is_sticky { Draw::Sticky } else { Draw::Fresh(dice) }
    }
}

/// Index of the member that a random draw selects; `total` is the sum of all weights.
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

/// A member's time in a race. The smallest time wins, and each member wins in proportion to its weight.
///
/// Times are exponential with the weight as rate, so when a member leaves, its wins go to the others in proportion, and
/// no other client moves (weighted rendezvous hashing). Integers only: all nodes must compute the same result.
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

    /// True if this time is smaller. Cannot overflow: a logarithm has 38 bits, a weight 20.
    #[inline]
    pub fn beats(&self, other: &RaceTime) -> bool {
        self.negative_log * other.weight < other.negative_log * self.weight
    }
}

/// The member that is first in the race for `key`, of members with identity and weight.
#[inline(always)]
pub fn first_in_race<M: Copy>(key: u64, members: impl Iterator<Item = (u64, u32, M)>) -> Option<M> {
    let mut best: Option<(RaceTime, M)> = None;
    for (identity, weight, member) in members {
        let time = RaceTime::new(key, identity, weight);
        if best.is_none_or(|(leader, _)| time.beats(&leader)) {
            best = Some((time, member));
        }
    }
    best.map(|(_, member)| member)
}

/// -log2(value / 2^64), in units of 2^-32. The error is below 3e-6: the table is interpolated linearly.
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
    use crate::hash::identity;

    #[test]
    fn logarithms_match_floating_point() {
        for value in [1u64, 3, 5, 1001, u64::MAX / 3, u64::MAX / 2, u64::MAX - 2] {
            let expected = 64.0 - (value as f64).log2();
            let got = negative_log2(value) as f64 / 2f64.powi(32);
            assert!((expected - got).abs() < 2e-5, "{value}: {expected} {got}");
        }
    }

    #[test]
    fn random_and_sticky_draws_follow_the_weights() {
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
}
