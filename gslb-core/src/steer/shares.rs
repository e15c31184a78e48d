//! Computes the share of clients that a plan gives to each pool: the search of a decision, following every branch of a
//! draw.

use super::outcome::Outcome;
use super::plan::{Branch, Plan, PlanId};
use super::search::{Search, Walked};
use super::view::View;
use crate::live::demand::Demand;
use crate::live::pool::{PoolLiveness, Ready};
use crate::site::model::{Choose, PoolId, WhenAllDown};

/// What a share of the clients gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Given {
    /// Endpoints of a pool that fulfill the demand.
    Pool(PoolId, Demand),
    /// No endpoint.
    Nothing(Outcome),
}

/// Computes the shares of the clients of `plan`, and calls `emit` with what each share gets. Shares sum to 1. An answer
/// with several addresses is split evenly among them.
///
/// Sticky draws have the same shares as random ones: over many clients they are equal.
pub fn shares(view: View<'_>, plan: PlanId, when_all_down: WhenAllDown, emit: &mut impl FnMut(Given, f64)) {
    let mut shares = Shares { view, when_all_down, share: 1.0, emitted: 0, emit };
    let outcome = shares.search(plan);
    if shares.emitted == 0 {
        shares.emit_share(Given::Nothing(outcome));
    }
}

/// The share of each entry of `ready` in the answers of its pool, in order; they sum to 1.
pub fn within_pool(pool: &PoolLiveness, ready: Ready<'_>) -> Vec<f64> {
    let entries = ready.entries;
    let answers = pool.answers as usize;
    let all_named = pool.choose == Choose::All || entries.len() <= answers;
    if all_named || ready.total == 0 {
        return vec![1.0 / entries.len() as f64; entries.len()];
    }
    let weights: Vec<f64> = entries.iter().map(|entry| f64::from(entry.weight) / ready.total as f64).collect();
    if answers == 1 { weights } else { leaders(&weights, answers) }
}

/// The probability of each member to be among the first `answers` of a weighted race. Every time is exponential, so a
/// member has arrived by some moment with probability `1 - exp(-weight * moment)`. The moment at which `answers`
/// arrivals are expected approximates the moment of the last accepted arrival. The error is a few hundredths in small
/// pools, and zero for equal weights.
fn leaders(weights: &[f64], answers: usize) -> Vec<f64> {
    const STEPS: usize = 64;
    let arrived = |moment: f64| weights.iter().map(move |weight| -(-weight * moment).exp_m1());
    let (mut early, mut late) = (0.0, 1.0);
    while arrived(late).sum::<f64>() < answers as f64 && late < 1e12 {
        late *= 2.0;
    }
    for _ in 0..STEPS {
        let middle = (early + late) / 2.0;
        if arrived(middle).sum::<f64>() < answers as f64 { early = middle } else { late = middle }
    }
    let total: f64 = arrived(late).sum();
    arrived(late).map(|share| share / total).collect()
}

struct Shares<'a, 'e, E> {
    view: View<'a>,
    when_all_down: WhenAllDown,
    /// The share of the clients on this branch.
    share: f64,
    /// How often `emit` was called.
    emitted: usize,
    emit: &'e mut E,
}

impl<E: FnMut(Given, f64)> Shares<'_, '_, E> {
    fn walk_with(&mut self, part: f64, plan: PlanId, demand: Demand) -> Walked {
        let whole = self.share;
        self.share *= part;
        let walked = self.walk(plan, demand);
        self.share = whole;
        walked
    }

    fn emit_share(&mut self, given: Given) {
        self.emitted += 1;
        (self.emit)(given, self.share);
    }

    fn walk_draw(&mut self, branches: &[Branch], demand: Demand) -> Walked {
        let weighted = self.view.needs_weight(branches, demand);
        let weights: Vec<u32> = branches.iter().map(|branch| self.view.weight_of(branch, weighted, demand)).collect();
        let total: f64 = weights.iter().map(|&weight| f64::from(weight)).sum();
        let mut walked = Walked::Nothing;
        for (branch, weight) in branches.iter().zip(weights).filter(|&(_, weight)| weight > 0) {
            match self.walk_with(f64::from(weight) / total, branch.plan, demand) {
                Walked::Nothing => {}
                // Each branch has emitted its own result.
                decided => walked = decided,
            }
        }
        walked
    }

    /// All in one answer: each gets a share in proportion to its number of endpoints.
    fn walk_all(&mut self, plans: &[PlanId], demand: Demand) -> Walked {
        let alive: Vec<(PlanId, f64)> = plans
            .iter()
            .filter(|plan| self.view.is_alive(**plan, demand))
            .map(|&plan| (plan, self.named(plan, demand)))
            .collect();
        let total: f64 = alive.iter().map(|(_, named)| named).sum();
        let mut taken = false;
        for (plan, named) in alive {
            if self.walk_with(named / total, plan, demand) == Walked::Taken {
                taken = true;
            }
        }
        Walked::of(taken)
    }

    /// Number of endpoints that an answer contains from a plan that is alive.
    fn named(&self, plan: PlanId, demand: Demand) -> f64 {
        let Some(Plan::Pool(id)) = self.view.plans.get(plan) else { return 1.0 };
        match (self.view.pool(*id), self.view.ready(*id, demand)) {
            (Some(pool), Some(ready)) if pool.choose == Choose::All => ready.entries.len() as f64,
            (Some(pool), Some(ready)) => ready.entries.len().min(pool.answers as usize) as f64,
            _ => 1.0,
        }
    }
}

impl<'a, E: FnMut(Given, f64)> Search<'a> for Shares<'a, '_, E> {
    fn view(&self) -> View<'a> {
        self.view
    }

    fn when_all_down(&self) -> WhenAllDown {
        self.when_all_down
    }

    fn walk(&mut self, plan: PlanId, demand: Demand) -> Walked {
        match self.view.plans.get(plan) {
            None => Walked::Nothing,
            Some(Plan::Pool(pool)) => Walked::of(self.take(*pool, demand)),
            Some(Plan::Failover(list)) => self.walk_first(list, demand),
            Some(Plan::Only(plan)) => {
                let emitted = self.emitted;
                let walked = self.walk_only(*plan, demand);
                // Branches that ended inside it have already emitted their share.
                if let (Walked::Ended(outcome), true) = (walked, self.emitted == emitted) {
                    self.emit_share(Given::Nothing(outcome));
                }
                walked
            }
            Some(Plan::All(list)) => self.walk_all(list, demand),
            Some(Plan::Weighted(branches) | Plan::Hash(branches)) => self.walk_draw(branches, demand),
        }
    }

    fn take(&mut self, pool: PoolId, demand: Demand) -> bool {
        let taken = self.view.ready(pool, demand).is_some();
        if taken {
            self.emit_share(Given::Pool(pool, demand));
        }
        taken
    }

    fn note_relaxed(&mut self, _: Demand) {}

    fn note_kind_down(&mut self) {}

    fn note_not_yet_known(&mut self) {}

    fn note_only(&mut self, _: PlanId) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leaders_of_equal_weight_share_evenly_and_heavier_ones_have_more() {
        for share in leaders(&[0.25; 4], 2) {
            assert!((share - 0.25).abs() < 1e-9);
        }
        let shares = leaders(&[0.7, 0.2, 0.1], 2);
        assert!((shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        assert!(shares.is_sorted_by(|a, b| a > b) && shares[0] < 0.5, "{shares:?}");
    }
}
