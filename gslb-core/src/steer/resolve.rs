//! From a policy and a client's locus to a plan: regions are found, distances are measured, the rest stays open.

use std::collections::HashMap;

use geoip::Coordinate;

use super::draw::identity;
use super::index::LocationIndex;
use super::plan::{Branch, Plan, PlanId, Plans};
use super::region::Chooser;
use super::trace::{Step, Trace};
use crate::model::{PolicyId, PolicyKind, PoolId, RegionId, Site};

/// Resolves policies of one site against one location index.
pub struct Resolver<'a> {
    site: &'a Site,
    index: &'a LocationIndex,
    choosers: HashMap<PolicyId, Chooser>,
    /// Direction of each pool's data center from the centre of Earth.
    pools: Vec<Option<Direction>>,
    /// Direction of each place of the index.
    places: Vec<Option<Direction>>,
}

impl<'a> Resolver<'a> {
    /// Prepares to resolve `roots` and all policies below them.
    pub fn new(site: &'a Site, index: &'a LocationIndex, roots: impl IntoIterator<Item = PolicyId>) -> Resolver<'a> {
        let data_center = |pool: &crate::model::Pool| site.data_centers.get(pool.data_center?.0 as usize);
        let pools = site.pools.iter().map(|pool| data_center(pool)?.coordinate.map(Direction::of)).collect();
        let places = index.places.iter().map(|place| place.coordinate.map(Direction::of)).collect();
        let mut resolver = Resolver { site, index, choosers: HashMap::new(), pools, places };
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
            Some(PolicyKind::Weighted(list)) => list.iter().for_each(|(policy, _)| self.prepare(*policy)),
            _ => {}
        }
    }

    fn kind(&self, id: PolicyId) -> Option<&'a PolicyKind> {
        self.site.policies.get(id.0 as usize).map(|policy| &policy.kind)
    }

    /// True where clients of different places can get different plans.
    pub fn depends_on_place(&self, id: PolicyId) -> bool {
        match self.kind(id) {
            Some(PolicyKind::Geo { .. } | PolicyKind::Nearest(_) | PolicyKind::Latency(_)) => true,
            Some(PolicyKind::Failover(list)) => list.iter().any(|policy| self.depends_on_place(*policy)),
            Some(PolicyKind::Weighted(list)) => list.iter().any(|(policy, _)| self.depends_on_place(*policy)),
            _ => false,
        }
    }

    /// Appends what `id` sees of a locus: which branches it takes and in which order its pools are. Loci that it sees
    /// alike have the same plan.
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
            Some(PolicyKind::Weighted(list)) => list.iter().for_each(|(policy, _)| self.look(*policy, locus, view)),
            Some(PolicyKind::Nearest(pools) | PolicyKind::Latency(pools)) => {
                view.extend(self.distances(pools, locus).into_iter().map(|(pool, _)| pool.0));
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
                let default = self.resolve(*default, locus, plans, trace);
                match branch {
                    Some(branch) => plans.failover(&[branch, default]),
                    None => default,
                }
            }
            Some(PolicyKind::Failover(list)) => {
                let inner: Vec<PlanId> = list.iter().map(|policy| self.resolve(*policy, locus, plans, trace)).collect();
                plans.failover(&inner)
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
            // Latencies are not measured yet: until then distance is the best guess at them.
            Some(PolicyKind::Nearest(pools) | PolicyKind::Latency(pools)) => {
                let ordered = self.by_distance(id, pools, locus, trace);
                let ordered: Vec<PlanId> = ordered.into_iter().map(|pool| plans.id(Plan::Pool(pool))).collect();
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
                if let [only] = *inner { only } else { plans.id(Plan::All(inner)) }
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
        trace.note(|| Step::Region {
            policy: id,
            matched: branch.zip(chosen.clone()).map(|((region, _), (_, matcher))| (*region, matcher)),
        });
        branch.map(|(_, policy)| *policy)
    }

    /// Pools, nearest first; in the order written where the client's place is unknown, and among equals.
    fn by_distance(&self, id: PolicyId, pools: &[PoolId], locus: u32, trace: &mut impl Trace) -> Vec<PoolId> {
        let ordered = self.distances(pools, locus);
        trace.note(|| Step::Ordered {
            policy: id,
            pools: ordered.iter().map(|&(pool, chord)| (pool, chord.map(kilometres))).collect(),
        });
        ordered.into_iter().map(|(pool, _)| pool).collect()
    }

    /// Pools in their order for a locus, each with the square of the chord between.
    fn distances(&self, pools: &[PoolId], locus: u32) -> Vec<(PoolId, Option<f64>)> {
        let client = self.index.loci.get(locus as usize).and_then(|locus| *self.places.get(locus.place as usize)?);
        let distance = |pool: PoolId| Some(client?.distance((*self.pools.get(pool.0 as usize)?)?));
        let mut ordered: Vec<(PoolId, Option<f64>)> = pools.iter().map(|&pool| (pool, distance(pool))).collect();
        ordered.sort_by(|a, b| a.1.unwrap_or(f64::MAX).total_cmp(&b.1.unwrap_or(f64::MAX)));
        ordered
    }

    /// A pool written in place of a policy is known by the pool's name, any other policy by its label.
    fn identity_of(&self, id: PolicyId) -> u64 {
        self.site.policies.get(id.0 as usize).map_or(0, |policy| identity(&policy.label))
    }

    fn pool_identity(&self, id: PoolId) -> u64 {
        self.site.pools.get(id.0 as usize).map_or(0, |pool| identity(&pool.name))
    }
}

/// A point on the unit sphere.
#[derive(Debug, Clone, Copy)]
struct Direction([f64; 3]);

impl Direction {
    fn of(coordinate: Coordinate) -> Direction {
        let (latitude, longitude) = (coordinate.latitude().to_radians(), coordinate.longitude().to_radians());
        Direction([latitude.cos() * longitude.cos(), latitude.cos() * longitude.sin(), latitude.sin()])
    }

    /// Square of the straight line between two points; it grows with the great-circle distance.
    fn distance(self, other: Direction) -> f64 {
        self.0.iter().zip(other.0).map(|(a, b)| (a - b) * (a - b)).sum()
    }
}

/// Great-circle distance on Earth for the square of a chord of the unit sphere.
fn kilometres(chord_squared: f64) -> u32 {
    const EARTH_RADIUS_KM: f64 = 6371.0;
    (2.0 * (chord_squared.sqrt() / 2.0).min(1.0).asin() * EARTH_RADIUS_KM).round() as u32
}
