//! The search for endpoints of a plan that fulfil a demand, which is lowered step by step where nothing does.

use super::plan::PlanId;
use super::trace::Demand;
use super::view::View;
use crate::model::{PoolId, WhenAllDown};

/// How a decision ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Endpoints of the plan were named; the demand says whether they had to be up.
    Answered(Demand),
    /// Everything is down, and endpoints of the pool of last resort were named.
    LastResort(Demand),
    /// The plan is up, and has no endpoint of the kind: that there is nothing is the truth.
    NoSuchKind,
    /// All endpoints of the kind are down, while clients get the plan's other addresses: to name one that is down would
    /// only delay them.
    KindDown,
    /// Everything is down, and no endpoint may be named.
    NoData,
    /// Everything is down, and the service prefers silence to guesses.
    ServFail,
}

/// A search for endpoints that lowers its demands step by step. What a walk makes of a draw is its own affair: a
/// decision follows one branch, [`super::shares`] follow them all.
pub(super) trait Search<'a> {
    /// What is looked at.
    fn view(&self) -> View<'a>;

    /// Takes what fulfils the demand; false where nothing does.
    fn walk(&mut self, plan: PlanId, demand: Demand) -> bool;

    /// Takes endpoints of a pool; false where none fulfils the demand.
    fn take(&mut self, pool: PoolId, demand: Demand) -> bool;

    /// Is told before each walk with less demand.
    fn note_relaxed(&mut self, demand: Demand);

    /// Is told where a plan is up, but for the kind asked for.
    fn note_kind_down(&mut self);

    /// Is told where a service would fall silent because of what nobody has found out yet.
    fn note_not_yet_known(&mut self);

    /// Finds what the clients of `plan` get.
    #[inline]
    fn search(&mut self, plan: PlanId, when_all_down: WhenAllDown) -> Outcome {
        if self.walk(plan, Demand::Up) {
            return Outcome::Answered(Demand::Up);
        }
        self.search_all_down(plan, when_all_down)
    }

    #[cold]
    fn search_all_down(&mut self, plan: PlanId, when_all_down: WhenAllDown) -> Outcome {
        if self.relaxed(plan, Demand::UpWithoutWeight) {
            return Outcome::Answered(Demand::UpWithoutWeight);
        }
        if let Some(outcome) = self.view().lacks_kind(plan) {
            if outcome == Outcome::KindDown {
                self.note_kind_down();
            }
            return outcome;
        }
        let demand = match when_all_down {
            WhenAllDown::ServeAll => Demand::Any,
            WhenAllDown::LastUp => Demand::LastUp,
            // A name is not silenced by what nobody knows.
            WhenAllDown::NoData | WhenAllDown::ServFail if self.view().may_be_up(plan) => {
                self.note_not_yet_known();
                Demand::Any
            }
            WhenAllDown::NoData => return Outcome::NoData,
            WhenAllDown::ServFail => return Outcome::ServFail,
            WhenAllDown::Pool(pool) => {
                let demands = [Demand::Up, Demand::UpWithoutWeight, Demand::UpInAnyPool, Demand::Any];
                let answered = demands.into_iter().find(|&demand| self.take(pool, demand));
                return answered.map_or(Outcome::NoData, Outcome::LastResort);
            }
        };
        match self.relaxed(plan, demand) {
            true => Outcome::Answered(demand),
            false => Outcome::NoData,
        }
    }

    fn relaxed(&mut self, plan: PlanId, demand: Demand) -> bool {
        self.note_relaxed(demand);
        match demand {
            Demand::LastUp => match self.view().last_to_go(plan) {
                Some(pool) => self.take(pool, demand),
                None => self.walk(plan, Demand::Any),
            },
            _ => self.walk(plan, demand),
        }
    }
}
