//! Summarizes what a policy can lead to, at a cost that does not depend on the number of pools.

use crate::site::document::pools::{v4, v6};
use crate::site::model::{PolicyId, PolicyKind, Pool, PoolId, Target};

/// Summary of the pools below a policy. Each example pool is the first of its kind.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::site::document) struct Reach {
    /// Depth, counting the pool.
    pub(in crate::site::document) depth: usize,
    /// A pool with an endpoint that is a name.
    pub(in crate::site::document) cname: Option<PoolId>,
    pub(in crate::site::document) v4: Families,
    pub(in crate::site::document) v6: Families,
    /// True if no client that gets here can continue to another candidate of an enclosing policy.
    pub(in crate::site::document) never_falls_through: bool,
}

/// Which pools have an address family, and which do not.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::site::document) struct Families {
    /// A pool with endpoints of the family, or with names, which count for both.
    pub(in crate::site::document) with: Option<PoolId>,
    /// A pool without any.
    pub(in crate::site::document) without: Option<PoolId>,
    /// A pool below an `only` in which no pool has the family.
    pub(in crate::site::document) stranded: Option<PoolId>,
}

impl Reach {
    /// The summary of a pool.
    pub(super) fn of_pool(id: PoolId, pool: &Pool) -> Reach {
        let named = pool.endpoints.iter().any(|endpoint| matches!(endpoint.target, Target::Cname(_)));
        let family = |has_family: bool| match has_family || named {
            true => Families { with: Some(id), ..Families::default() },
            false => Families { without: Some(id), ..Families::default() },
        };
        let (v4, v6) = (family(v4(&pool.endpoints) > 0), family(v6(&pool.endpoints) > 0));
        Reach { depth: 1, cname: named.then_some(id), v4, v6, never_falls_through: false }
    }

    /// Adds what another policy can lead to.
    pub(super) fn join(&mut self, other: &Reach) {
        self.depth = self.depth.max(other.depth);
        self.cname = self.cname.or(other.cname);
        for (own, theirs) in [(&mut self.v4, other.v4), (&mut self.v6, other.v6)] {
            own.with = own.with.or(theirs.with);
            own.without = own.without.or(theirs.without);
            own.stranded = own.stranded.or(theirs.stranded);
        }
    }

    /// Converts it to that of an `only`: no other pool can supply a family that is missing below.
    pub(super) fn close(&mut self) {
        for families in [&mut self.v4, &mut self.v6] {
            if families.with.is_none() {
                families.stranded = families.stranded.or(families.without);
            }
        }
    }
}

/// The policies that a policy refers to.
pub(super) fn children(kind: &PolicyKind) -> impl Iterator<Item = PolicyId> {
    let children: Vec<PolicyId> = match kind {
        PolicyKind::Geo { branches, default } => branches.iter().map(|&(_, child)| child).chain([*default]).collect(),
        PolicyKind::Failover(children) => children.clone(),
        PolicyKind::Only(child) => vec![*child],
        PolicyKind::Weighted(children) => children.iter().map(|&(child, _)| child).collect(),
        _ => Vec::new(),
    };
    children.into_iter()
}

/// The pools that a policy lists directly.
pub(super) fn pools(kind: &PolicyKind) -> impl Iterator<Item = PoolId> {
    let pools = match kind {
        PolicyKind::Pool(pool) => std::slice::from_ref(pool),
        PolicyKind::Nearest(pools) | PolicyKind::Latency(pools) | PolicyKind::Hash(pools) | PolicyKind::All(pools) => {
            pools
        }
        _ => &[],
    };
    pools.iter().copied()
}
