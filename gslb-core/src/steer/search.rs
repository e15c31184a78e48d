//! The search for endpoints of a plan that fulfil a demand, which is lowered step by step where nothing does.

use super::outcome::Outcome;
use super::plan::PlanId;
use super::view::View;
use crate::live::demand::Demand;
use crate::site::model::{PoolId, WhenAllDown};

/// What a walk came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Walked {
    /// Endpoints were taken that fulfil the demand.
    Taken,
    /// Nothing fulfils the demand; the next candidate may.
    Nothing,
    /// An `only` was down and has decided: there is no next candidate.
    Ended(Outcome),
}

impl Walked {
    /// What came of a walk that ends at a pool.
    #[inline]
    pub(super) fn of(taken: bool) -> Walked {
        if taken { Walked::Taken } else { Walked::Nothing }
    }
}

/// A search for endpoints that lowers its demands step by step. What a walk makes of a draw is its own affair: a
/// decision follows one branch, [`super::shares`] follow them all.
pub(super) trait Search<'a> {
    /// What is looked at.
    fn view(&self) -> View<'a>;

    /// What the service answers when everything is down.
    fn when_all_down(&self) -> WhenAllDown;

    /// Takes what fulfils the demand.
    fn walk(&mut self, plan: PlanId, demand: Demand) -> Walked;

    /// Takes endpoints of a pool; false where none fulfils the demand.
    fn take(&mut self, pool: PoolId, demand: Demand) -> bool;

    /// Is told before each walk with less demand.
    fn note_relaxed(&mut self, demand: Demand);

    /// Is told where a plan is up, but for the kind asked for.
    fn note_kind_down(&mut self);

    /// Is told where a service would fall silent because of what nobody has found out yet.
    fn note_not_yet_known(&mut self);

    /// Is told before an `only` is walked: no pool outside of `plan` will be taken.
    fn note_only(&mut self, plan: PlanId);

    /// Finds what the clients of `plan` get.
    #[inline]
    fn search(&mut self, plan: PlanId) -> Outcome {
        match self.walk(plan, Demand::Up) {
            Walked::Taken => Outcome::Answered(Demand::Up),
            Walked::Nothing => self.search_all_down(plan),
            Walked::Ended(outcome) => outcome,
        }
    }

    /// Walks a plan that never falls through: where nothing of it fulfils the demand, all that the service does when
    /// everything is down is done with this plan alone.
    #[inline(never)]
    fn walk_only(&mut self, plan: PlanId, demand: Demand) -> Walked {
        self.note_only(plan);
        match self.walk(plan, demand) {
            Walked::Nothing => Walked::Ended(self.search_all_down(plan)),
            decided => decided,
        }
    }

    /// A plan that an `only` is part of comes at most to the first demand below: there, at the latest, the `only` takes
    /// part, and decides. So no pool is looked for beside it here.
    #[cold]
    fn search_all_down(&mut self, plan: PlanId) -> Outcome {
        match self.relaxed(plan, Demand::UpWithoutWeight) {
            Walked::Taken => return Outcome::Answered(Demand::UpWithoutWeight),
            Walked::Ended(outcome) => return outcome,
            Walked::Nothing => {}
        }
        if let Some(outcome) = self.view().lacks_kind(plan) {
            if outcome == Outcome::KindDown {
                self.note_kind_down();
            }
            return outcome;
        }
        let demand = match self.when_all_down() {
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
            Walked::Taken => Outcome::Answered(demand),
            Walked::Nothing => Outcome::NoData,
            Walked::Ended(outcome) => outcome,
        }
    }

    fn relaxed(&mut self, plan: PlanId, demand: Demand) -> Walked {
        self.note_relaxed(demand);
        match demand {
            Demand::LastUp => match self.view().last_to_go(plan) {
                Some(pool) if self.take(pool, demand) => Walked::Taken,
                Some(_) => Walked::Nothing,
                None => self.walk(plan, Demand::Any),
            },
            _ => self.walk(plan, demand),
        }
    }
}
