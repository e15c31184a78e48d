//! The shortcuts of all plans of a table, made when it is published.

use crate::live::chunked::Chunked;
use crate::live::demand::Demand;
use crate::live::pool::Kind;
use crate::live::pools::Pools;
use crate::site::model::PoolId;
use crate::steer::plan::{PlanId, Plans};
use crate::steer::shortcut::Shortcut;
use crate::steer::view::View;

/// Plans per chunk: a table in which a pool changes copies the chunks of the plans whose outcome changes.
const CHUNK: usize = 512;

/// The kinds of answers that have shortcuts. Other kinds are only for services whose endpoints are names, and are rare.
const KINDS: [Kind; 2] = [Kind::A, Kind::Aaaa];

/// The shortcuts of all plans.
#[derive(Debug, Clone)]
pub(super) struct Shortcuts(Chunked<[Packed; 2], CHUNK>);

impl Shortcuts {
    /// Finds the shortcuts of all plans.
    pub(super) fn new(plans: &Plans, pools: &Pools) -> Shortcuts {
        Shortcuts((0..plans.len() as u32).map(|plan| found(PlanId(plan), plans, pools)).collect())
    }

    /// The shortcuts after these pools have changed, which are in order. Only plans that lead to them are looked at.
    pub(super) fn after(&self, changed: &[PoolId], plans: &Plans, pools: &Pools) -> Shortcuts {
        let differing = |id: PlanId| {
            let before = self.0.get(id.0 as usize)?;
            let survives = |(packed, kind): (&Packed, Kind)| {
                packed.unpack().survives(changed, View { plans, pools, kind, steers_both: true }, id)
            };
            if before.iter().zip(KINDS).all(survives) {
                return None;
            }
            let now = found(id, plans, pools);
            (*before != now).then_some((id.0 as usize, now))
        };
        Shortcuts(self.0.with(plans.leading_to(changed).filter_map(differing).collect()))
    }

    /// The shortcut of a plan to answers of a kind.
    #[inline]
    pub(super) fn get(&self, PlanId(plan): PlanId, kind: Kind) -> Shortcut {
        let Some([a, aaaa]) = self.0.get(plan as usize) else { return Shortcut::None };
        match kind {
            Kind::A => a.unpack(),
            Kind::Aaaa => aaaa.unpack(),
            Kind::Cname => Shortcut::None,
        }
    }

    /// Memory in octets.
    pub(super) fn memory(&self) -> usize {
        self.0.len() * size_of::<[Packed; 2]>()
    }
}

fn found(plan: PlanId, plans: &Plans, pools: &Pools) -> [Packed; 2] {
    KINDS.map(|kind| Packed::of(Shortcut::of(View { plans, pools, kind, steers_both: true }, plan)))
}

/// A shortcut in four octets, since there may be one for each client location of each service: its number in the upper
/// bits, and its kind in the lower ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Packed(u32);

impl Packed {
    const NONE: u32 = 0;
    const NO_SUCH_KIND: u32 = 1;
    const POOL: u32 = 2;
    const PART: u32 = 3;
    /// Added to the two above if weights do not matter.
    const WITHOUT_WEIGHT: u32 = 4;
    /// Bits of all these.
    const BITS: u32 = 3;

    fn of(shortcut: Shortcut) -> Packed {
        let (number, what, demand) = match shortcut {
            Shortcut::Pool(PoolId(pool), demand) => (pool, Packed::POOL, demand),
            Shortcut::Part(PlanId(plan), demand) => (plan, Packed::PART, demand),
            Shortcut::NoSuchKind => return Packed(Packed::NO_SUCH_KIND),
            Shortcut::None => return Packed(Packed::NONE),
        };
        let weight = match demand {
            Demand::Up => 0,
            Demand::UpWithoutWeight => Packed::WITHOUT_WEIGHT,
            Demand::UpInAnyPool | Demand::LastUp | Demand::Any => return Packed(Packed::NONE),
        };
        match number.leading_zeros() < Packed::BITS {
            true => Packed(Packed::NONE),
            false => Packed(number << Packed::BITS | weight | what),
        }
    }

    #[inline]
    fn unpack(self) -> Shortcut {
        const POOL_WITHOUT_WEIGHT: u32 = Packed::POOL | Packed::WITHOUT_WEIGHT;
        const PART_WITHOUT_WEIGHT: u32 = Packed::PART | Packed::WITHOUT_WEIGHT;
        let number = self.0 >> Packed::BITS;
        match self.0 & ((1 << Packed::BITS) - 1) {
            Packed::POOL => Shortcut::Pool(PoolId(number), Demand::Up),
            Packed::PART => Shortcut::Part(PlanId(number), Demand::Up),
            POOL_WITHOUT_WEIGHT => Shortcut::Pool(PoolId(number), Demand::UpWithoutWeight),
            PART_WITHOUT_WEIGHT => Shortcut::Part(PlanId(number), Demand::UpWithoutWeight),
            Packed::NO_SUCH_KIND => Shortcut::NoSuchKind,
            _ => Shortcut::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shortcut_is_the_same_after_it_was_packed() {
        for demand in [Demand::Up, Demand::UpWithoutWeight] {
            for number in [0, 1, 77, (1 << 29) - 1] {
                for shortcut in [Shortcut::Pool(PoolId(number), demand), Shortcut::Part(PlanId(number), demand)] {
                    assert_eq!(Packed::of(shortcut).unpack(), shortcut);
                }
            }
        }
        for shortcut in [Shortcut::NoSuchKind, Shortcut::None] {
            assert_eq!(Packed::of(shortcut).unpack(), shortcut);
        }
        let large = Shortcut::Pool(PoolId(1 << 29), Demand::Up);
        assert_eq!(Packed::of(large).unpack(), Shortcut::None, "its number has no room");
    }
}
