//! Which plans lead to a pool: those that are looked at again when it changes.

use super::{PlanId, Plans};
use crate::budget::Budget;
use crate::site::model::PoolId;

/// Neighboring plans in a group. Most neighbors belong to one policy and lead to the same pools, so groups take less
/// memory than plans, and looking at all plans of a group takes little more time than at some of them.
const GROUP: u32 = 16;

/// For every pool, the groups of plans that lead to it.
#[derive(Debug, Clone, Default)]
pub(super) struct Dependents {
    /// For every pool, the index of its first group in `groups`; then the number of groups.
    starts: Box<[u32]>,
    groups: Box<[u32]>,
}

impl Dependents {
    /// Lists the groups of plans of each pool; nothing if the budget does not allow for it.
    pub(super) fn of(plans: &Plans, budget: &mut Budget) -> Dependents {
        let mut counts: Vec<u32> = Vec::new();
        each_once(plans, |_, pool| {
            if pool >= counts.len() {
                counts.resize(pool + 1, 0);
            }
            if let Some(count) = counts.get_mut(pool) {
                *count += 1;
            }
        });
        let mut starts = Vec::with_capacity(counts.len() + 1);
        let mut total = 0;
        for count in counts {
            starts.push(total);
            total += count;
        }
        starts.push(total);
        if budget.charge((starts.len() + total as usize) * size_of::<u32>()).is_err() {
            return Dependents::default();
        }
        let (mut ends, mut groups) = (starts.clone(), vec![0; total as usize]);
        each_once(plans, |group, pool| {
            if let Some(end) = ends.get_mut(pool)
                && let Some(slot) = groups.get_mut(*end as usize)
            {
                (*slot, *end) = (group, *end + 1);
            }
        });
        Dependents { starts: starts.into(), groups: groups.into() }
    }

    /// All plans of the groups of these pools, in order and once each. `plans` is the number of all plans.
    pub(super) fn of_pools(&self, pools: &[PoolId], plans: u32) -> impl Iterator<Item = PlanId> {
        let mut groups: Vec<u32> = pools.iter().flat_map(|&pool| self.groups(pool)).copied().collect();
        groups.sort_unstable();
        groups.dedup();
        groups.into_iter().flat_map(move |group| members(group, plans))
    }

    fn groups(&self, PoolId(pool): PoolId) -> &[u32] {
        match self.starts.get(pool as usize..).unwrap_or_default() {
            &[start, end, ..] => self.groups.get(start as usize..end as usize).unwrap_or_default(),
            _ => &[],
        }
    }

    /// Memory in octets.
    pub(super) fn memory(&self) -> usize {
        size_of_val(&*self.starts) + size_of_val(&*self.groups)
    }
}

/// Calls `visit` with every group and the index of every pool that its plans lead to, once each, in order of groups.
fn each_once(plans: &Plans, mut visit: impl FnMut(u32, usize)) {
    let count = plans.len() as u32;
    // The last group that was visited with a pool.
    let mut last: Vec<u32> = Vec::new();
    for group in 0..count.div_ceil(GROUP) {
        let mut once = |PoolId(pool): PoolId| {
            let pool = pool as usize;
            if pool >= last.len() {
                last.resize(pool + 1, u32::MAX);
            }
            if last.get_mut(pool).is_some_and(|last| std::mem::replace(last, group) != group) {
                visit(group, pool);
            }
        };
        members(group, count).for_each(|plan| plans.each_pool(plan, &mut once));
    }
}

/// The plans of a group.
fn members(group: u32, plans: u32) -> impl Iterator<Item = PlanId> {
    (group * GROUP..(group * GROUP).saturating_add(GROUP).min(plans)).map(PlanId)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::steer::plan::Plan;

    #[test]
    fn every_plan_that_leads_to_a_pool_is_found_and_few_others() {
        let mut plans = Plans::default();
        for number in 0..1_000 {
            let pools = [number % 7, 10 + number / 100, 10 + number / 100, 300 + number].map(PoolId);
            let list = pools.map(|pool| plans.id(Plan::Pool(pool)));
            plans.failover(&list);
        }
        plans.seal(&mut { Budget::UNLIMITED });
        for pool in [0, 3, 9, 10, 299, 300, 1_299].map(PoolId) {
            let found: Vec<PlanId> = plans.leading_to(&[pool]).collect();
            assert!(found.is_sorted_by(|a, b| a < b));
            let leads = |plan: &PlanId| {
                let mut leads = false;
                plans.each_pool(*plan, &mut |it| {
                    if it == pool {
                        leads = true;
                    }
                });
                leads
            };
            let all: Vec<PlanId> = (0..plans.len() as u32).map(PlanId).filter(leads).collect();
            assert!(all.iter().all(|plan| found.contains(plan)), "{pool:?}");
            assert!(found.len() <= all.len() * GROUP as usize, "{pool:?}");
        }
        assert_eq!(plans.leading_to(&[PoolId(2_000)]).count(), 0);
    }
}
