//! The reservoir sample of one worker: bounded, and uniform over all answers.

use gslb_core::respond::SteeredAnswer;
use gslb_core::steer::draw::Dice;

/// Steered answers, each with the number of answers that it represents.
///
/// Until it is full, all answers are kept. After that, a new one replaces a random one with a probability of capacity ×
/// its weight / total (Chao's weighted reservoir).
#[derive(Debug)]
pub struct Reservoir {
    kept: Vec<(SteeredAnswer, u64)>,
    capacity: usize,
    /// Sum of all weights.
    total: u64,
    added: usize,
    random: Dice,
}

impl Reservoir {
    /// An empty reservoir for `capacity` answers.
    pub fn new(capacity: usize, seed: u64) -> Self {
        Self { kept: Vec::with_capacity(capacity), capacity, total: 0, added: 0, random: Dice::new(seed) }
    }

    /// Adds an answer that represents `weight` answers. It allocates nothing.
    pub fn add(&mut self, answer: SteeredAnswer, weight: u64) {
        self.total += weight;
        self.added += 1;
        if self.kept.len() < self.capacity {
            self.kept.push((answer, weight));
            return;
        }
        // If the roll is below capacity × weight, the answer is kept; the exact value selects which one it replaces.
        let roll = (u128::from(self.random.roll()) * u128::from(self.total)) >> 64;
        if roll < u128::from(weight) * self.capacity as u128 {
            let slot = (roll / u128::from(weight.max(1))) as usize;
            if let Some(kept) = self.kept.get_mut(slot) {
                *kept = (answer, weight);
            }
        }
    }

    /// Takes all answers, whose weights add up to the total, and resets it. `with` is the buffer for the next ones.
    pub fn take(&mut self, with: Vec<(SteeredAnswer, u64)>) -> Vec<(SteeredAnswer, u64)> {
        let mut taken = std::mem::replace(&mut self.kept, with);
        let (total, added) = (std::mem::take(&mut self.total), std::mem::take(&mut self.added));
        if added > taken.len() {
            // Each represents the same share of the total; the remainder goes to the first ones.
            let (each, more) = (total / taken.len().max(1) as u64, total % taken.len().max(1) as u64);
            taken.iter_mut().zip(0..).for_each(|((_, weight), at)| *weight = each + u64::from(at < more));
        }
        taken
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(service: u32) -> SteeredAnswer {
        let client = std::net::IpAddr::from([192, 0, 2, 1]).into();
        SteeredAnswer { topology_id: 1, service, pool: None, client, source: None, fallback: None }
    }

    #[test]
    fn with_capacity_for_all_each_represents_itself() {
        let mut reservoir = Reservoir::new(4, 7);
        (1..4).for_each(|number| reservoir.add(answer(number), u64::from(number)));
        let taken = reservoir.take(Vec::with_capacity(4));
        assert_eq!(taken, [(answer(1), 1), (answer(2), 2), (answer(3), 3)]);
        assert!(reservoir.take(Vec::with_capacity(4)).is_empty());
    }

    #[test]
    fn beyond_its_capacity_the_sample_is_uniform() {
        let mut of_rare = 0;
        for seed in 0..300 {
            let mut reservoir = Reservoir::new(16, seed);
            // One answer in four is of service 1; batches are of 1 to 5.
            (0..1000u32)
                .for_each(|number| reservoir.add(answer(u32::from(number % 4 == 0)), u64::from(1 + number % 5)));
            let taken = reservoir.take(Vec::with_capacity(16));
            assert_eq!(taken.iter().map(|(_, weight)| weight).sum::<u64>(), 3000);
            of_rare += taken.iter().filter(|(answer, _)| answer.service == 1).map(|(_, weight)| weight).sum::<u64>();
        }
        // 750 a time, give or take five standard deviations of 300 times.
        assert!(of_rare.abs_diff(300 * 750) < 300 * 105, "{of_rare}");
    }
}
