//! Samples one steered answer per batch.
//!
//! Recording an answer is a store into the worker's own ring. One random draw per batch, when the sample is taken,
//! picks an answer uniformly; it represents the whole batch.

use super::MAX_BATCH;
use crate::live::fallback::Fallback;
use crate::locate::numeric::NumericAddress;
use crate::site::model::PoolId;
use crate::steer::draw::Dice;

/// A steered answer. Indices refer to the table's site.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SteeredAnswer {
    /// Identifies the topology: see [`Counts::topology_id`](crate::table::counts::Counts::topology_id).
    pub topology_id: u64,
    /// Index of the service.
    pub service: u32,
    /// The first pool that was answered; `None` if the answer named no endpoint.
    pub pool: Option<PoolId>,
    /// The client address that was used.
    pub client: NumericAddress,
    /// Length of the client subnet in bits; `None` if it is the resolver's own address.
    pub source: Option<u8>,
    /// Why it deviates from the policy's normal result.
    pub fallback: Option<Fallback>,
}

/// The steered answers since the last sample.
#[derive(Debug)]
pub(super) struct Sampling {
    /// A ring of the most recent answers; answer n is at index n modulo the length.
    kept: Box<[Option<SteeredAnswer>; MAX_BATCH]>,
    pub(super) seen: u64,
    dice: Dice,
}

impl Sampling {
    pub(super) fn new(seed: u64) -> Sampling {
        Sampling { kept: Box::new([None; MAX_BATCH]), seen: 0, dice: Dice::new(seed) }
    }

    #[inline]
    pub(super) fn note(&mut self, answer: SteeredAnswer) {
        if let Some(place) = self.kept.get_mut(self.seen as usize % MAX_BATCH) {
            *place = Some(answer);
        }
        self.seen += 1;
    }

    /// Picks one of the recorded answers, returns it with their number, and starts over. `None` if there are none.
    #[inline]
    pub(super) fn take(&mut self) -> Option<(SteeredAnswer, u64)> {
        let seen = std::mem::take(&mut self.seen);
        if seen == 0 {
            return None;
        }
        let at = match seen {
            1 => 0,
            _ => ((u128::from(self.dice.roll()) * u128::from(seen.min(MAX_BATCH as u64))) >> 64) as usize,
        };
        let answer = self.kept.get(at).copied().flatten()?;
        Some((answer, seen))
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn answer(service: u32) -> SteeredAnswer {
        let client = IpAddr::from([192, 0, 2, 1]).into();
        SteeredAnswer { topology_id: 1, service, pool: None, client, source: None, fallback: None }
    }

    #[test]
    fn every_answer_of_a_batch_is_equally_likely() {
        let (mut sampling, mut taken) = (Sampling::new(7), [0u32; 5]);
        for _ in 0..50_000 {
            (0..5).for_each(|service| sampling.note(answer(service)));
            let (answer, weight) = sampling.take().unwrap();
            assert_eq!(weight, 5);
            taken[answer.service as usize] += 1;
        }
        // Five standard deviations of 10,000 out of 50,000.
        assert!(taken.iter().all(|count| count.abs_diff(10_000) < 450), "{taken:?}");
        assert_eq!(sampling.take(), None);
    }

    #[test]
    fn memory_stays_constant_if_samples_are_never_taken() {
        let mut sampling = Sampling::new(7);
        (0..1000).for_each(|service| sampling.note(answer(service)));
        let (answer, weight) = sampling.take().unwrap();
        assert!(answer.service >= 1000 - MAX_BATCH as u32);
        assert_eq!(weight, 1000);
    }
}
