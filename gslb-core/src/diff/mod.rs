//! What a change would do: the answers of one table compared with those of another, over all of the address space.
//!
//! Compared is what is *answered*, so a comparison sees changes of the document and of the databases, and also of what
//! is up, drained or forced. An answer is a distribution: a draw by weight gives each pool its share, whether the draw
//! sticks to clients or not. Of two distributions, half the sum of the absolute differences moves. TTLs are not
//! compared, nor which client a sticky draw gives to whom.
//!
//! Where a service steers A and AAAA, each client network counts with the type whose answers move more.
//!
//! The **address space** of a family is what the databases of either table know a place of, or the operator's regions a
//! prefix; all of it where no database knows anything. What lies outside has no share, but its **prefixes** count: they
//! are the networks of 24 bits in IPv4 and of 48 bits in IPv6 that hold addresses of which some answers move. One that is
//! divided among places counts once for each combination of places.
//!
//! The work does not grow with services that share what is compiled: it is done once for each pair of columns, and once
//! for each pair of columns and plans.

mod answers;
mod area;
mod comparer;
mod comparison;
mod content;
mod flow;
mod loss;
mod sample;
mod space;
mod summary;

use std::collections::{BTreeMap, HashMap, HashSet};

pub use comparison::{
    Change, Comparison, DataCenterShare, Destination, Extent, Families, LeftWithout, Move, Movement, Sampled,
    SampledMove, SampledMoves, ServiceChange,
};
pub use loss::{Clients, Left, Loss, losses};

use crate::table::{RoutingTable, Service};
use comparer::Comparer;
use space::Space;
use summary::Summary;

/// Most moves that a movement lists; the largest are listed, and the others counted.
pub const MAX_MOVES: usize = 256;

/// Compares what `old` and `new` answer. `sample` is of queries that `old` was asked lately; it may be empty.
pub fn compare(old: &RoutingTable, new: &RoutingTable, sample: &[Sampled]) -> Comparison {
    let matched = Matched::of(old, new);
    let space = Space::of(old, new);
    let mut comparer = Comparer::new(old, new);
    let mut summary = Summary::default();
    for (columns, groups) in matched.by_columns() {
        let areas = space.areas(&columns);
        groups.iter().for_each(|group| summary.add(group, &areas, &mut comparer));
    }
    let sampled = sample::moves(sample, &matched, &mut comparer);
    summary.finish(&matched, &space, comparer, sampled)
}

/// How many data centers are up: those with a pool that is.
pub fn data_centers_up(table: &RoutingTable) -> u32 {
    let pools = table.topology().site.pools.iter().zip(table.pools().iter());
    let up: HashSet<_> =
        pools.filter(|(_, liveness)| liveness.is_up()).filter_map(|(pool, _)| pool.data_center).collect();
    up.len() as u32
}

/// The same of both tables.
struct Pair<T> {
    old: T,
    new: T,
}

/// Services that are alike in both tables, so that one comparison does for all.
struct Group<'t> {
    old: &'t Service,
    new: &'t Service,
    /// Indices into the services of the new site.
    members: Vec<u32>,
}

/// The services of both tables by name.
struct Matched<'t> {
    old: &'t RoutingTable,
    new: &'t RoutingTable,
    groups: Vec<Group<'t>>,
    /// For each service of the old site the new one of its name.
    successors: Vec<Option<u32>>,
    /// Services that only the new site has.
    added: Vec<u32>,
}

impl<'t> Matched<'t> {
    fn of(old: &'t RoutingTable, new: &'t RoutingTable) -> Matched<'t> {
        let (before, after) = (old.topology(), new.topology());
        let known: HashMap<_, u32> = before.site.services.iter().map(|service| &service.name).zip(0..).collect();
        let mut matched =
            Matched { old, new, groups: Vec::new(), successors: vec![None; known.len()], added: Vec::new() };
        let mut group_of = HashMap::new();
        for (index, (written, service)) in (0u32..).zip(after.site.services.iter().zip(&*after.services)) {
            let predecessor = known.get(&written.name).copied();
            let Some((at, former)) = predecessor.and_then(|at| Some((at, before.services.get(at as usize)?))) else {
                matched.added.push(index);
                continue;
            };
            if let Some(successor) = matched.successors.get_mut(at as usize) {
                *successor = Some(index);
            }
            // Targets that are shared stand for equal policies and equal fallbacks.
            let key = [former, service].map(|it| (it.column, it.targets.as_ptr(), it.steers));
            let groups = &mut matched.groups;
            let group = *group_of.entry(key).or_insert_with(|| {
                groups.push(Group { old: former, new: service, members: Vec::new() });
                groups.len() - 1
            });
            if let Some(group) = groups.get_mut(group) {
                group.members.push(index);
            }
        }
        matched
    }

    /// The groups by their columns, so that what a pair of columns needs is worked out once and then forgotten.
    fn by_columns(&self) -> Vec<(Pair<u32>, Vec<&Group<'t>>)> {
        let mut by_columns: BTreeMap<(u32, u32), Vec<&Group<'t>>> = BTreeMap::new();
        for group in &self.groups {
            by_columns.entry((group.old.column, group.new.column)).or_default().push(group);
        }
        by_columns.into_iter().map(|((old, new), groups)| (Pair { old, new }, groups)).collect()
    }
}
