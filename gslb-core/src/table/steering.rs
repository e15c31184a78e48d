//! How the policies of a site divide the clients: columns and plans, reused while none of their inputs change.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::Topology;
use super::coverage::Coverage;
use crate::budget::{Budget, OverBudget};
use crate::latency::Latencies;
use crate::locate::column::Column;
use crate::locate::index::LocationIndex;
use crate::problem::Problem;
use crate::site::model::{Matcher, PolicyId, PolicyKind, Pool, Site, Vantage, Written};
use crate::steer::classes::Classes;
use crate::steer::plan::{PlanId, Plans};
use crate::steer::resolve::Resolver;

/// How each policy that a service uses divides the clients.
#[derive(Debug, Default)]
pub(crate) struct Divisions {
    /// For every policy, the first equivalent one.
    canonical: Vec<PolicyId>,
    /// One for each canonical policy that a service uses; those are in `roots`.
    of: HashMap<PolicyId, Division>,
    /// In the order in which services use them.
    roots: Vec<PolicyId>,
    /// The regions that have clients.
    coverage: Coverage,
}

/// How one policy divides the clients.
#[derive(Debug, Clone)]
pub(super) struct Division {
    /// Index of the column that maps an address to its class.
    pub(super) column: u32,
    /// One per class.
    pub(super) plans: Arc<[PlanId]>,
}

/// The result of dividing, stored in a [`Topology`].
pub(super) struct Divided {
    pub(super) divisions: Arc<Divisions>,
    pub(super) columns: Arc<[Column]>,
    pub(super) plans: Arc<Plans>,
    /// The policy at which the memory budget was exceeded.
    pub(super) refused_at: Option<PolicyId>,
}

impl Divisions {
    /// The first policy equivalent to `policy`, and how it divides the clients; `None` if no service uses it.
    pub(super) fn get(&self, policy: PolicyId) -> Option<(PolicyId, &Division)> {
        let canonical = *self.canonical.get(policy.0 as usize)?;
        Some((canonical, self.of.get(&canonical)?))
    }
}

/// The divisions of `site`, and the branches of its policies that no client can reach. Reuses the divisions of `before`
/// if all their inputs are the same.
pub(super) fn after(
    before: Option<&Topology>,
    site: &Site,
    index: &Arc<LocationIndex>,
    latencies: &Arc<Latencies>,
    budget: &mut Budget,
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
            // Report them again, with the current locations in the document.
            let unreached = divisions.coverage.problems(site, index);
            (Divided { divisions, columns, plans, refused_at: None }, unreached)
        }
        None => Dividing::new(site, index, latencies, canonical, roots, budget).divide(),
    }
}

/// True if the policies of both sites lead the same clients to the same plans. It compares everything that a
/// [`Resolver`] reads, except the index and the latencies.
fn is_alike(old: &Site, new: &Site) -> bool {
    let place = |site: &Site, pool: &Pool| {
        let data_center = site.data_centers.get(pool.data_center?.0 as usize)?;
        Some((Arc::clone(&data_center.name), data_center.coordinate))
    };
    let vantage = |it: &Vantage| (Arc::clone(&it.name), it.coordinate, it.reach_km);
    old.policies.len() == new.policies.len()
        && old
            .policies
            .iter()
            .zip(&new.policies)
            .all(|(old, new)| (&old.written, &old.kind) == (&new.written, &new.kind))
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

/// Builds columns and plans from policies.
struct Dividing<'a> {
    site: &'a Site,
    index: &'a LocationIndex,
    resolver: Resolver<'a>,
    plans: Plans,
    columns: Vec<Column>,
    /// Column of a partition of the loci into classes.
    partitions: HashMap<Vec<u32>, u32>,
    divisions: Divisions,
    budget: &'a mut Budget,
    refused_at: Option<PolicyId>,
}

impl<'a> Dividing<'a> {
    fn new(
        site: &'a Site,
        index: &'a LocationIndex,
        latencies: &Latencies,
        canonical: Vec<PolicyId>,
        roots: Vec<PolicyId>,
        budget: &'a mut Budget,
    ) -> Dividing<'a> {
        let is_paid = charge_choosers(site, index, budget).is_ok();
        let prepared = roots.iter().copied().filter(|_| is_paid);
        Dividing {
            site,
            index,
            resolver: Resolver::new(site, index, latencies, prepared),
            plans: Plans::default(),
            columns: Vec::new(),
            partitions: HashMap::new(),
            divisions: Divisions {
                canonical,
                of: HashMap::with_capacity(roots.len()),
                roots,
                coverage: Coverage::default(),
            },
            budget,
            refused_at: None,
        }
    }

    fn divide(mut self) -> (Divided, Vec<Problem>) {
        for at in 0..self.divisions.roots.len() {
            if self.budget.overrun().is_some() {
                break;
            }
            if let Some(&root) = self.divisions.roots.get(at) {
                let division = self.division(root);
                self.divisions.of.insert(root, division);
            }
        }
        self.plans.seal(self.budget);
        let is_whole = self.budget.overrun().is_none();
        let unreached = if is_whole { self.divisions.coverage.problems(self.site, self.index) } else { Vec::new() };
        let refused_at = self.refused_at;
        let (divisions, plans) = (Arc::new(self.divisions), Arc::new(self.plans));
        (Divided { divisions, columns: self.columns.into(), plans, refused_at }, unreached)
    }

    /// Finds the classes of a policy; policies that divide the loci in the same way share a column.
    fn division(&mut self, policy: PolicyId) -> Division {
        let planned = self.plans.memory();
        let classes = Classes::of(policy, &self.resolver, self.index, &mut self.plans, &mut self.divisions.coverage);
        let (index, columns) = (self.index, &mut self.columns);
        let mut takes = self.plans.memory() - planned + size_of_val(&*classes.plans);
        let column = *self.partitions.entry(classes.of_locus).or_insert_with_key(|classes| {
            let column = Column::build(index, classes);
            takes += column.memory() + size_of_val(&**classes);
            columns.push(column);
            columns.len() as u32 - 1
        });
        if self.budget.charge(takes).is_err() {
            self.refused_at.get_or_insert(policy);
        }
        Division { column, plans: classes.plans.into() }
    }
}

/// Memory in octets needed to divide the clients of `site` into these columns and plans.
pub(super) fn memory(site: &Site, index: &LocationIndex, columns: &[Column], plans: &Plans) -> usize {
    let mut choosers = Budget::UNLIMITED;
    let _ = charge_choosers(site, index, &mut choosers);
    let classes = columns.len() * index.loci.len() * size_of::<u32>();
    let columns: usize = columns.iter().map(Column::memory).sum();
    (usize::MAX - choosers.left()) + classes + columns + plans.memory() + plans.index_memory()
}

/// Charges the memory for finding the regions of `geo` policies: their matchers, and one slot per prefix of the index
/// if any of their regions has prefixes.
fn charge_choosers(site: &Site, index: &LocationIndex, budget: &mut Budget) -> Result<(), OverBudget> {
    /// Octets of a matcher in a hash table, and of a prefix.
    const MATCHER: usize = 64;
    const PREFIX: usize = 32;
    let (mut sizes, mut with_prefixes) = (Vec::with_capacity(site.regions.len()), HashSet::new());
    for (id, region) in (0u32..).zip(&site.regions) {
        let prefixes = region.matchers.iter().filter(|matcher| matches!(matcher, Matcher::Prefix(_))).count();
        sizes.push((region.matchers.len() - prefixes) * MATCHER);
        if prefixes > 0 {
            with_prefixes.insert(id);
        }
    }
    for policy in &site.policies {
        let PolicyKind::Geo { branches, .. } = &policy.kind else { continue };
        let matchers: usize = branches.iter().filter_map(|(region, _)| sizes.get(region.0 as usize)).sum();
        let has_prefixes = branches.iter().any(|(region, _)| with_prefixes.contains(&region.0));
        let prefixes = if has_prefixes { index.prefixes.nodes().len() * PREFIX } else { 0 };
        budget.charge(matchers + prefixes)?;
    }
    Ok(())
}

/// The canonical policies that services use, in order of first use.
fn roots(site: &Site, canonical: &[PolicyId]) -> Vec<PolicyId> {
    let mut met = HashSet::new();
    let named = site.services.iter().filter_map(|service| canonical.get(service.policy.0 as usize).copied());
    named.filter(|policy| met.insert(*policy)).collect()
}

/// For every policy the first equivalent one, so that services with equal policies share what is compiled.
fn canonical(site: &Site) -> Vec<PolicyId> {
    // Draws identify branches by label, so branches with different labels are different.
    let mut first: HashMap<(PolicyKind, Vec<Option<&Written>>), PolicyId> = HashMap::new();
    let mut same: Vec<PolicyId> = Vec::with_capacity(site.policies.len());
    for (id, policy) in (0u32..).map(PolicyId).zip(&site.policies) {
        let of = |id: PolicyId| same.get(id.0 as usize).copied().unwrap_or(id);
        let label = |id: PolicyId| site.policies.get(id.0 as usize).map(|policy| &policy.written);
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
