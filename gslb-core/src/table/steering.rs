//! How the policies of a site divide the clients: columns and plans, kept while all that they are made of stays the same.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Topology;
use super::coverage::Coverage;
use crate::latency::Latencies;
use crate::model::{PolicyId, PolicyKind, Pool, Site, Vantage};
use crate::problem::Problem;
use crate::steer::classes::Classes;
use crate::steer::column::Column;
use crate::steer::index::LocationIndex;
use crate::steer::plan::{PlanId, Plans};
use crate::steer::resolve::Resolver;

/// How each policy that a service names divides the clients.
#[derive(Debug, Default)]
pub(crate) struct Divisions {
    /// For every policy the first one that means the same.
    canonical: Vec<PolicyId>,
    /// One for each canonical policy that a service names, which are `roots`.
    of: HashMap<PolicyId, Division>,
    /// In the order in which services name them.
    roots: Vec<PolicyId>,
    /// The regions that clients come to.
    coverage: Coverage,
}

/// How a policy divides the clients.
#[derive(Debug, Clone)]
pub(super) struct Division {
    /// Index of the column that says which class an address belongs to.
    pub(super) column: u32,
    /// One per class.
    pub(super) plans: Arc<[PlanId]>,
}

/// What comes of it, to be kept in a [`Topology`].
pub(super) struct Divided {
    pub(super) divisions: Arc<Divisions>,
    pub(super) columns: Arc<[Column]>,
    pub(super) plans: Arc<Plans>,
}

impl Divisions {
    /// The first policy that means the same as `policy`, and how it divides the clients; none where no service names it.
    pub(super) fn get(&self, policy: PolicyId) -> Option<(PolicyId, &Division)> {
        let canonical = *self.canonical.get(policy.0 as usize)?;
        Some((canonical, self.of.get(&canonical)?))
    }
}

/// The divisions of `site`, and the branches of its policies that no client comes to. The divisions are those of `before`
/// where everything that they depend on is the same.
pub(super) fn after(
    before: Option<&Topology>,
    site: &Site,
    index: &Arc<LocationIndex>,
    latencies: &Arc<Latencies>,
) -> (Divided, Vec<Problem>) {
    let canonical = canonical(site);
    let roots = roots(site, &canonical);
    let same = before.filter(|before| {
        Arc::ptr_eq(&before.index, index)
            && before.latencies == *latencies
            && before.divisions.roots == roots
            && is_alike(&before.site, site)
    });
    match same {
        Some(Topology { divisions, columns, plans, .. }) => {
            let (divisions, columns, plans) = (Arc::clone(divisions), Arc::clone(columns), Arc::clone(plans));
            // Told again, at the places where the policies stand by now.
            let unreached = divisions.coverage.problems(site, index);
            (Divided { divisions, columns, plans }, unreached)
        }
        None => Dividing::new(site, index, latencies, canonical, roots).divide(),
    }
}

/// True where policies of both sites lead the same clients to the same plans. What is named here is all that a
/// [`Resolver`] looks at, besides the index and the latencies.
fn is_alike(old: &Site, new: &Site) -> bool {
    let place = |site: &Site, pool: &Pool| {
        let data_center = site.data_centers.get(pool.data_center?.0 as usize)?;
        Some((Arc::clone(&data_center.name), data_center.coordinate))
    };
    let vantage = |it: &Vantage| (Arc::clone(&it.name), it.coordinate, it.reach_km);
    old.policies.len() == new.policies.len()
        && old.policies.iter().zip(&new.policies).all(|(old, new)| (&old.label, &old.kind) == (&new.label, &new.kind))
        && old.regions.len() == new.regions.len()
        && old
            .regions
            .iter()
            .zip(&new.regions)
            .all(|(old, new)| (&old.name, &old.matchers) == (&new.name, &new.matchers))
        && old.vantages.iter().map(vantage).eq(new.vantages.iter().map(vantage))
        && old.pools.len() == new.pools.len()
        && old
            .pools
            .iter()
            .zip(&new.pools)
            .all(|(before, after)| before.name == after.name && place(old, before) == place(new, after))
}

/// Policies on their way to columns and plans.
struct Dividing<'a> {
    site: &'a Site,
    index: &'a LocationIndex,
    resolver: Resolver<'a>,
    plans: Plans,
    columns: Vec<Column>,
    /// Column of a partition of the loci into classes.
    partitions: HashMap<Vec<u32>, u32>,
    divisions: Divisions,
}

impl<'a> Dividing<'a> {
    fn new(
        site: &'a Site,
        index: &'a LocationIndex,
        latencies: &Latencies,
        canonical: Vec<PolicyId>,
        roots: Vec<PolicyId>,
    ) -> Dividing<'a> {
        Dividing {
            site,
            index,
            resolver: Resolver::new(site, index, latencies, roots.iter().copied()),
            plans: Plans::default(),
            columns: Vec::new(),
            partitions: HashMap::new(),
            divisions: Divisions {
                canonical,
                of: HashMap::with_capacity(roots.len()),
                roots,
                coverage: Coverage::default(),
            },
        }
    }

    fn divide(mut self) -> (Divided, Vec<Problem>) {
        for at in 0..self.divisions.roots.len() {
            if let Some(&root) = self.divisions.roots.get(at) {
                let division = self.division(root);
                self.divisions.of.insert(root, division);
            }
        }
        self.plans.seal();
        let unreached = self.divisions.coverage.problems(self.site, self.index);
        let (divisions, plans) = (Arc::new(self.divisions), Arc::new(self.plans));
        (Divided { divisions, columns: self.columns.into(), plans }, unreached)
    }

    /// Finds the classes of a policy; policies that divide the loci in the same way share a column.
    fn division(&mut self, policy: PolicyId) -> Division {
        let classes = Classes::of(policy, &self.resolver, self.index, &mut self.plans, &mut self.divisions.coverage);
        let (index, columns) = (self.index, &mut self.columns);
        let column = *self.partitions.entry(classes.of_locus).or_insert_with_key(|classes| {
            columns.push(Column::build(index, classes));
            columns.len() as u32 - 1
        });
        Division { column, plans: classes.plans.into() }
    }
}

/// The canonical policies that services name, in the order in which they first do.
fn roots(site: &Site, canonical: &[PolicyId]) -> Vec<PolicyId> {
    let mut met = HashSet::new();
    let named = site.services.iter().filter_map(|service| canonical.get(service.policy.0 as usize).copied());
    named.filter(|policy| met.insert(*policy)).collect()
}

/// For every policy the first one that means the same, so that services with equal policies share what is compiled.
fn canonical(site: &Site) -> Vec<PolicyId> {
    // Draws know their branches by label, so branches that are called differently are different.
    let mut first: HashMap<(PolicyKind, Vec<&str>), PolicyId> = HashMap::new();
    let mut same: Vec<PolicyId> = Vec::with_capacity(site.policies.len());
    for (id, policy) in (0u32..).map(PolicyId).zip(&site.policies) {
        let of = |id: PolicyId| same.get(id.0 as usize).copied().unwrap_or(id);
        let label = |id: PolicyId| site.policies.get(id.0 as usize).map_or("", |policy| &*policy.label);
        let (kind, labels) = match &policy.kind {
            PolicyKind::Geo { branches, default } => {
                let branches = branches.iter().map(|&(region, id)| (region, of(id))).collect();
                (PolicyKind::Geo { branches, default: of(*default) }, Vec::new())
            }
            PolicyKind::Failover(list) => (PolicyKind::Failover(list.iter().map(|&id| of(id)).collect()), Vec::new()),
            PolicyKind::Only(id) => (PolicyKind::Only(of(*id)), Vec::new()),
            PolicyKind::Weighted(list) => {
                let labels = list.iter().map(|&(id, _)| label(id)).collect();
                (PolicyKind::Weighted(list.iter().map(|&(id, weight)| (of(id), weight)).collect()), labels)
            }
            other => (other.clone(), Vec::new()),
        };
        same.push(*first.entry((kind, labels)).or_insert(id));
    }
    same
}
