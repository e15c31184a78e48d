//! Searches a plan for endpoints that fulfill a demand, which is lowered step by step until something does.

use super::outcome::Outcome;
use super::plan::PlanId;
use super::view::View;
use crate::live::demand::Demand;
use crate::site::model::{PoolId, WhenAllDown};

/// The result of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Walked {
    /// Endpoints were taken that fulfill the demand.
    Taken,
    /// Nothing fulfills the demand; try the next candidate.
    Nothing,
    /// An `only` was down and decided: there is no next candidate.
    Ended(Outcome),
}

impl Walked {
    /// The result of a walk that ends at a pool.
    #[inline]
    pub(super) fn of(taken: bool) -> Walked {
        if taken { Walked::Taken } else { Walked::Nothing }
    }
}

/// A search for endpoints that lowers its demands step by step. Implementations differ in draws: a decision follows one
/// branch, [`super::shares`] follows all.
pub(super) trait Search<'a> {
    /// The parts of the table to search.
    fn view(&self) -> View<'a>;

    /// The service's answer when everything is down.
    fn when_all_down(&self) -> WhenAllDown;

    /// Takes endpoints that fulfill the demand.
    fn walk(&mut self, plan: PlanId, demand: Demand) -> Walked;

    /// Takes endpoints of a pool; false if none fulfills the demand.
    fn take(&mut self, pool: PoolId, demand: Demand) -> bool;

    /// Called before each walk with a lower demand.
    fn note_relaxed(&mut self, demand: Demand);

    /// Called if a plan is up, but not for the requested kind.
    fn note_kind_down(&mut self);

    /// Called if a service would answer nothing, but some endpoints have not been probed yet.
    fn note_not_yet_known(&mut self);

    /// Called before an `only` is walked: no pool outside of `plan` will be taken.
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

    /// Walks these plans until one takes something or decides.
    fn walk_first(&mut self, list: &[PlanId], demand: Demand) -> Walked {
        let mut walked = list.iter().map(|&next| self.walk(next, demand));
        walked.find(|walked| *walked != Walked::Nothing).unwrap_or(Walked::Nothing)
    }

    /// Walks a plan that never falls through: if nothing in it fulfills the demand, `when_all_down` applies to this
    /// plan alone.
    #[inline(never)]
    fn walk_only(&mut self, plan: PlanId, demand: Demand) -> Walked {
        self.note_only(plan);
        match self.walk(plan, demand) {
            Walked::Nothing => Walked::Ended(self.search_all_down(plan)),
            decided => decided,
        }
    }

    /// A plan that contains an `only` reaches at most the first demand below: the `only` takes part there at the
    /// latest, and decides. So the search never needs a pool beside it here.
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
            // Do not silence a name while the state of an endpoint is unknown.
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
