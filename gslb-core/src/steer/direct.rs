//! The usual decisions without a walk: a shortcut leads to one pool, or to one draw among such pools.
//!
//! The rules are those of [`super::decide`], which answers everything that is not found here.

use super::draw::{Draw, first_in_race, pick_by_weight};
use super::plan::{Branch, Plan, PlanId};
use super::shortcut::Shortcut;
use super::view::View;
use crate::hash::scramble;
use crate::live::demand::Demand;
use crate::live::pool::{NO_TTL_LIMIT, PoolLiveness, Ready};
use crate::site::model::PoolId;

/// The pool whose endpoints are answered.
#[derive(Debug, Clone, Copy)]
pub struct Direct<'a> {
    /// Its ID.
    pub id: PoolId,
    /// Its state.
    pub pool: &'a PoolLiveness,
    /// What its endpoints fulfill.
    pub demand: Demand,
    /// The endpoints that fulfill it; at least one.
    pub ready: Ready<'a>,
    /// Maximum TTL in seconds that the pools allow that were checked.
    pub ttl_limit: u32,
    /// Key of the client's prefix, for a sticky draw among the endpoints.
    pub client_key: u64,
}

/// The winner of a draw among pools.
struct Winner {
    id: PoolId,
    ttl_limit: u32,
}

/// The pool that the clients of `plan` get; `None` if the rules must be asked. `shortcut` returns the shortcut of a
/// plan. Nothing is drawn if the result is `None`.
#[inline(always)]
pub fn direct<'a>(
    view: View<'a>,
    shortcut: impl Fn(PlanId) -> Shortcut,
    plan: PlanId,
    draw: &mut Draw<'_>,
    client_key: u64,
) -> Option<Direct<'a>> {
    match shortcut(plan) {
        Shortcut::Pool(id, demand) => Direct::to(view, id, demand, NO_TTL_LIMIT, client_key),
        Shortcut::Part(part, Demand::Up) => {
            let Winner { id, ttl_limit } = drawn(view, shortcut, part, draw, client_key)?;
            // As in the rules: a draw inside a draw uses another key.
            Direct::to(view, id, Demand::Up, ttl_limit, scramble(client_key))
        }
        Shortcut::Part(..) | Shortcut::NoSuchKind | Shortcut::None => None,
    }
}

impl<'a> Direct<'a> {
    #[inline(always)]
    fn to(view: View<'a>, id: PoolId, demand: Demand, ttl_limit: u32, client_key: u64) -> Option<Direct<'a>> {
        let pool = view.pool(id)?;
        let ready = pool.ready(demand, view.kind);
        let ttl_limit = ttl_limit.min(pool.ttl_limit);
        (!ready.is_empty()).then_some(Direct { id, pool, demand, ready, ttl_limit, client_key })
    }
}

/// Draws among branches of which each has a shortcut to a pool that is up.
#[inline(never)]
fn drawn(
    view: View<'_>,
    shortcut: impl Fn(PlanId) -> Shortcut,
    part: PlanId,
    draw: &mut Draw<'_>,
    client_key: u64,
) -> Option<Winner> {
    let pool_of = |branch: &Branch| match shortcut(branch.plan) {
        Shortcut::Pool(id, Demand::Up) => Some(id),
        _ => None,
    };
    let plan = view.plans.get(part)?;
    let (Plan::Weighted(branches) | Plan::Hash(branches)) = plan else { return None };
    let (mut total, mut ttl_limit) = (0, NO_TTL_LIMIT);
    for branch in branches {
        // Together, all pools decide the draw, so each of them limits the TTL, even one without weight.
        ttl_limit = ttl_limit.min(view.pool(pool_of(branch)?)?.ttl_limit);
        total += u64::from(branch.weight);
    }
    if total == 0 {
        return None;
    }
    let winner = match (plan, draw) {
        (Plan::Weighted(_), Draw::Fresh(dice)) => {
            branches.get(pick_by_weight(dice.roll(), total, branches.iter().map(|branch| branch.weight)))
        }
        _ => {
            let members = branches.iter().filter(|branch| branch.weight > 0);
            first_in_race(client_key, members.map(|branch| (branch.identity, branch.weight, branch)))
        }
    };
    Some(Winner { id: pool_of(winner?)?, ttl_limit })
}
