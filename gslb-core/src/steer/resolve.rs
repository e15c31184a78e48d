//! Resolves a policy for a client's locus into a plan: finds regions and orders pools; draws and liveness stay open.

use std::collections::HashMap;

use super::latency_sources::{LatencySources, Rank};
use super::plan::{Branch, Plan, PlanId, Plans};
use super::trace::{OrderedBy, OrderedPool, Step, Trace};
use crate::hash::identity;
use crate::latency::Latencies;
use crate::locate::direction::{Direction, kilometres};
use crate::locate::index::LocationIndex;
use crate::locate::region::Chooser;
use crate::site::model::{PolicyId, PolicyKind, PoolId, RegionId, Site};

/// Resolves policies of one site against one location index.
pub struct Resolver<'a> {
    site: &'a Site,
    index: &'a LocationIndex,
    choosers: HashMap<PolicyId, Chooser>,
    /// Direction of each pool's data center from the center of the Earth.
    pools: Vec<Option<Direction>>,
    /// Direction of each place of the index.
    places: Vec<Option<Direction>>,
    latency_sources: LatencySources,
}

/// A pool to be ordered.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    pool: PoolId,
    /// Square of the chord between client and data center.
    chord: Option<f64>,
    rank: Option<Rank>,
}

impl<'a> Resolver<'a> {
    /// Prepares to resolve `roots` and all policies below them.
    pub fn new(
        site: &'a Site,
        index: &'a LocationIndex,
        latencies: &Latencies,
        roots: impl IntoIterator<Item = PolicyId>,
    ) -> Resolver<'a> {
        let data_center = |pool: &crate::site::model::Pool| site.data_centers.get(pool.data_center?.0 as usize);
        let pools = site.pools.iter().map(|pool| data_center(pool)?.coordinate.map(Direction::of)).collect();
        let places = index.places.iter().map(|place| place.coordinate.map(Direction::of)).collect();
        let latency_sources = LatencySources::of(site, index, latencies);
        let mut resolver = Resolver { site, index, choosers: HashMap::new(), pools, places, latency_sources };
        for root in roots {
            resolver.prepare(root);
        }
        resolver
    }

    fn prepare(&mut self, id: PolicyId) {
        match self.kind(id) {
            Some(PolicyKind::Geo { branches, default }) => {
                if self.choosers.contains_key(&id) {
                    return;
                }
                let regions: Vec<RegionId> = branches.iter().map(|(region, _)| *region).collect();
                self.choosers.insert(id, Chooser::new(&self.site.regions, &regions, self.index));
                branches.iter().for_each(|(_, branch)| self.prepare(*branch));
                self.prepare(*default);
            }
            Some(PolicyKind::Failover(list)) => list.iter().for_each(|policy| self.prepare(*policy)),
            Some(PolicyKind::Only(policy)) => self.prepare(*policy),
            Some(PolicyKind::Weighted(list)) => list.iter().for_each(|(policy, _)| self.prepare(*policy)),
            _ => {}
        }
    }

    fn kind(&self, id: PolicyId) -> Option<&'a PolicyKind> {
        self.site.policies.get(id.0 as usize).map(|policy| &policy.kind)
    }

    /// True if clients in different locations can get different plans.
    pub fn depends_on_place(&self, id: PolicyId) -> bool {
        match self.kind(id) {
            Some(PolicyKind::Geo { .. } | PolicyKind::Nearest(_) | PolicyKind::Latency(_)) => true,
            Some(PolicyKind::Failover(list)) => list.iter().any(|policy| self.depends_on_place(*policy)),
            Some(PolicyKind::Only(policy)) => self.depends_on_place(*policy),
            Some(PolicyKind::Weighted(list)) => list.iter().any(|(policy, _)| self.depends_on_place(*policy)),
            _ => false,
        }
    }

    /// Appends what `id` depends on for a locus: the branches it takes and the order of its pools. Loci with equal
    /// views have the same plan.
    pub fn look(&self, id: PolicyId, locus: u32, view: &mut Vec<u32>) {
        match self.kind(id) {
            Some(PolicyKind::Geo { branches, default }) => {
                let branch = self.choosers.get(&id).and_then(|chooser| chooser.branch(locus, self.index));
                view.push(branch.map_or(u32::MAX, |branch| branch as u32));
                if let Some((_, policy)) = branch.and_then(|branch| branches.get(branch)) {
                    self.look(*policy, locus, view);
                }
                self.look(*default, locus, view);
            }
            Some(PolicyKind::Failover(list)) => list.iter().for_each(|policy| self.look(*policy, locus, view)),
            Some(PolicyKind::Only(policy)) => self.look(*policy, locus, view),
            Some(PolicyKind::Weighted(list)) => list.iter().for_each(|(policy, _)| self.look(*policy, locus, view)),
            Some(kind @ (PolicyKind::Nearest(pools) | PolicyKind::Latency(pools))) => {
                view.extend(self.ordered(kind, pools, locus).1.into_iter().map(|candidate| candidate.pool.0));
            }
            _ => {}
        }
    }

    /// The plan of `id` for clients of `locus`.
    pub fn resolve(&self, id: PolicyId, locus: u32, plans: &mut Plans, trace: &mut impl Trace) -> PlanId {
        match self.kind(id) {
            None => plans.failover(&[]),
            Some(PolicyKind::Pool(pool)) => plans.id(Plan::Pool(*pool)),
            Some(PolicyKind::Geo { branches, default }) => {
                let chosen = self.region(id, branches, locus, trace);
                let branch = chosen.map(|branch| self.resolve(branch, locus, plans, trace));
                if let Some(branch) = branch.filter(|&branch| plans.never_falls_through(branch)) {
                    return branch;
                }
                let default = self.resolve(*default, locus, plans, trace);
                match branch {
                    Some(branch) => plans.failover(&[branch, default]),
                    None => default,
                }
            }
            Some(PolicyKind::Failover(list)) => {
                let mut inner: Vec<PlanId> = Vec::with_capacity(list.len());
                for &policy in list {
                    let plan = self.resolve(policy, locus, plans, trace);
                    inner.push(plan);
                    if plans.never_falls_through(plan) {
                        break;
                    }
                }
                plans.failover(&inner)
            }
            Some(PolicyKind::Only(policy)) => {
                let inner = self.resolve(*policy, locus, plans, trace);
                plans.only(inner)
            }
            Some(PolicyKind::Weighted(list)) => {
                let branches = list.iter().map(|&(policy, weight)| Branch {
                    plan: self.resolve(policy, locus, plans, trace),
                    weight,
                    identity: self.identity_of(policy),
                });
                let branches = branches.collect();
                plans.draw(branches, Plan::Weighted)
            }
            Some(kind @ (PolicyKind::Nearest(pools) | PolicyKind::Latency(pools))) => {
                let (by, ordered) = self.ordered(kind, pools, locus);
                trace.note(|| Step::Ordered {
                    policy: id,
                    by,
                    pools: ordered.iter().map(Candidate::ordered_pool).collect(),
                });
                let ordered: Vec<PlanId> = ordered.iter().map(|it| plans.id(Plan::Pool(it.pool))).collect();
                plans.failover(&ordered)
            }
            Some(PolicyKind::Hash(pools)) => {
                let branches = pools.iter().map(|&pool| Branch {
                    plan: plans.id(Plan::Pool(pool)),
                    weight: 1,
                    identity: self.pool_identity(pool),
                });
                let branches = branches.collect();
                plans.draw(branches, Plan::Hash)
            }
            Some(PolicyKind::All(pools)) => {
                let inner: Box<[PlanId]> = pools.iter().map(|&pool| plans.id(Plan::Pool(pool))).collect();
                if let [alone] = *inner { alone } else { plans.id(Plan::All(inner)) }
            }
        }
    }

    /// The branch of the client's region.
    fn region(
        &self,
        id: PolicyId,
        branches: &[(RegionId, PolicyId)],
        locus: u32,
        trace: &mut impl Trace,
    ) -> Option<PolicyId> {
        let chosen = self.choosers.get(&id).and_then(|chooser| chooser.choose(locus, self.index));
        let branch = chosen.as_ref().and_then(|(branch, _)| branches.get(*branch));
        trace.note(|| Step::Branch {
            policy: id,
            matched: branch.zip(chosen.clone()).map(|((region, _), (_, matcher))| (*region, matcher)),
        });
        branch.map(|(_, policy)| *policy)
    }

    /// Orders pools for a locus. Pools with a latency come first, if the policy uses latency and a source covers the
    /// client; the others follow by distance. If the client's location is unknown, and among equals, the written order
    /// applies.
    fn ordered(&self, kind: &PolicyKind, pools: &[PoolId], locus: u32) -> (OrderedBy, Vec<Candidate>) {
        let client = self.index.loci.get(locus as usize).and_then(|locus| *self.places.get(locus.place as usize)?);
        let chord = |pool: PoolId| Some(client?.distance((*self.pools.get(pool.0 as usize)?)?));
        let by_latency = matches!(kind, PolicyKind::Latency(_));
        let source =
            by_latency.then(|| self.latency_sources.about(pools, locus, client, self.site, self.index)).flatten();
        let rank = |pool| source.as_ref().and_then(|(_, ranks)| ranks.get(pool, self.site));
        let mut ordered: Vec<Candidate> =
            pools.iter().map(|&pool| Candidate { pool, chord: chord(pool), rank: rank(pool) }).collect();
        let place = |candidate: &Candidate| candidate.rank.map_or(u32::MAX, |(place, _)| place);
        let chord = |candidate: &Candidate| candidate.chord.unwrap_or(f64::MAX);
        ordered.sort_by(|a, b| place(a).cmp(&place(b)).then(chord(a).total_cmp(&chord(b))));
        (source.map_or(OrderedBy::Distance, |(by, _)| by), ordered)
    }

    /// A pool used directly as a policy is identified by the pool's name, any other policy by its label.
    fn identity_of(&self, id: PolicyId) -> u64 {
        self.site.policies.get(id.0 as usize).map_or(0, |policy| identity(&policy.label()))
    }

    fn pool_identity(&self, id: PoolId) -> u64 {
        self.site.pools.get(id.0 as usize).map_or(0, |pool| identity(&pool.name))
    }
}

impl Candidate {
    fn ordered_pool(&self) -> OrderedPool {
        let milliseconds = self.rank.map(|(_, milliseconds)| milliseconds);
        OrderedPool { pool: self.pool, kilometres: self.chord.map(kilometres), milliseconds }
    }
}
