//! The sample of one worker, until somebody takes it: bounded, and fair to every answer however many come.

use gslb_core::respond::SteeredAnswer;
use gslb_core::steer::draw::Dice;

/// Steered answers, each with the number of those that it stands for.
///
/// While there is room all that come are kept. After that, one that comes takes the place of any other, as likely as
/// its part of all is of the room (Chao's weighted reservoir).
#[derive(Debug)]
pub struct Reservoir {
    kept: Vec<(SteeredAnswer, u64)>,
    room: usize,
    /// What all that came stand for.
    total: u64,
    came: usize,
    dice: Dice,
}

impl Reservoir {
    /// An empty one for `room` answers.
    pub fn new(room: usize, seed: u64) -> Self {
        Self { kept: Vec::with_capacity(room), room, total: 0, came: 0, dice: Dice::new(seed) }
    }

    /// Adds an answer that stands for `weight` of them. It allocates nothing.
    pub fn add(&mut self, answer: SteeredAnswer, weight: u64) {
        self.total += weight;
        self.came += 1;
        if self.kept.len() < self.room {
            self.kept.push((answer, weight));
            return;
        }
        // Below room × weight of total, the answer stays; where exactly says whom it replaces.
        let roll = (u128::from(self.dice.roll()) * u128::from(self.total)) >> 64;
        if roll < u128::from(weight) * self.room as u128 {
            let place = (roll / u128::from(weight.max(1))) as usize;
            if let Some(kept) = self.kept.get_mut(place) {
                *kept = (answer, weight);
            }
        }
    }

    /// Takes all, which stand for as many answers as came; then it is empty. `with` has the room for the next ones.
    pub fn take(&mut self, with: Vec<(SteeredAnswer, u64)>) -> Vec<(SteeredAnswer, u64)> {
        let mut taken = std::mem::replace(&mut self.kept, with);
        let (total, came) = (std::mem::take(&mut self.total), std::mem::take(&mut self.came));
        if came > taken.len() {
            // Each stands for the same part of the whole; what does not divide goes to the first ones.
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
        let client = [192, 0, 2, 1].into();
        SteeredAnswer { topology_id: 1, service, pool: None, client, source: None, fallback: None }
    }

    #[test]
    fn with_room_for_all_each_stands_for_itself() {
        let mut reservoir = Reservoir::new(4, 7);
        (1..4).for_each(|number| reservoir.add(answer(number), u64::from(number)));
        let taken = reservoir.take(Vec::with_capacity(4));
        assert_eq!(taken, [(answer(1), 1), (answer(2), 2), (answer(3), 3)]);
        assert!(reservoir.take(Vec::with_capacity(4)).is_empty());
    }

    #[test]
    fn beyond_its_room_everybody_has_their_share() {
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
