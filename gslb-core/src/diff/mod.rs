//! Computes the effect of a change: compares the answers of two tables over the whole address space.
//!
//! It compares *answers*, so it sees changes of the document and the databases, and also of what is up, drained or
//! forced. An answer is a distribution: a weighted draw gives each pool its share, whether or not the draw is sticky.
//! Between two distributions, half the sum of the absolute differences moves. TTLs are not compared, nor which client a
//! sticky draw assigns to which endpoint.
//!
//! If a service steers A and AAAA, each client network counts with the type that has more movement.
//!
//! The **address space** of a family is every address with a place in either table's databases or with an operator
//! prefix; if the databases know nothing, it is the whole space. Addresses outside have no share, but their
//! **prefixes** count: networks of 24 bits (IPv4) or 48 bits (IPv6) with addresses whose answers move. A prefix that
//! spans several places counts once per combination of places.
//!
//! The work does not grow with services that share compiled results: it is done once per pair of columns, and once per
//! pair of columns and plans.

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

/// Maximum number of moves listed; the largest are listed, the others counted.
pub const MAX_MOVES: usize = 256;

/// Compares the answers of `old` and `new`. `sample` contains recent queries to `old`; it may be empty.
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

/// Number of data centers with a pool that is up.
pub fn data_centers_up(table: &RoutingTable) -> u32 {
    let pools = table.topology().site.pools.iter().zip(table.pools().iter());
    let up: HashSet<_> =
        pools.filter(|(_, liveness)| liveness.is_up()).filter_map(|(pool, _)| pool.data_center).collect();
    up.len() as u32
}

/// A value for each table.
struct Pair<T> {
    old: T,
    new: T,
}

/// Services that are alike in both tables, so one comparison covers all.
struct Group<'t> {
    old: &'t Service,
    new: &'t Service,
    /// Indices into the services of the new site.
    members: Vec<u32>,
}

/// Matches the services of both tables by name.
struct Matched<'t> {
    old: &'t RoutingTable,
    new: &'t RoutingTable,
    groups: Vec<Group<'t>>,
    /// For each service of the old site, the new one with its name.
    successors: Vec<Option<u32>>,
    /// Services only in the new site.
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
            // Shared targets mean equal policies and equal fallbacks.
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

    /// The groups by column, so that data for a pair of columns is computed once and then dropped.
    fn by_columns(&self) -> Vec<(Pair<u32>, Vec<&Group<'t>>)> {
        let mut by_columns: BTreeMap<(u32, u32), Vec<&Group<'t>>> = BTreeMap::new();
        for group in &self.groups {
            by_columns.entry((group.old.column, group.new.column)).or_default().push(group);
        }
        by_columns.into_iter().map(|((old, new), groups)| (Pair { old, new }, groups)).collect()
    }
}
