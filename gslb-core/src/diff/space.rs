//! The address space, cut at the borders of both location indexes.

use std::collections::HashMap;
use std::net::IpAddr;

use super::Pair;
use super::area::{Area, Weight};
use crate::locate::address::Address;
use crate::locate::column::Column;
use crate::locate::index::{Leaves, LocationIndex};
use crate::locate::prefixes;
use crate::locate::region::Chooser;
use crate::table::{RoutingTable, Topology};

/// First and last of the IPv4-mapped addresses, which are covered by IPv4.
const MAPPED: (u128, u128) = (0xFFFF_0000_0000, 0xFFFF_FFFF_FFFF);

/// Networks of both indexes, summed up by their pair of loci.
pub(super) struct Space<'t> {
    old: Located<'t>,
    new: Located<'t>,
    parts: Vec<Part>,
    /// Number of addresses per family that count.
    totals: [f64; 2],
    regions: Vec<String>,
}

/// All networks with one locus in the old index and one in the new.
struct Part {
    old: u32,
    new: u32,
    region: Option<u32>,
    weights: [Weight; 2],
}

/// A table's columns, and one address for each locus of its index.
struct Located<'t> {
    topology: &'t Topology,
    examples: Vec<Option<IpAddr>>,
}

impl<'t> Space<'t> {
    pub(super) fn of(old: &'t RoutingTable, new: &'t RoutingTable) -> Space<'t> {
        let (old, new) = (old.topology(), new.topology());
        let mut parts = Parts { parts: Vec::new(), numbers: HashMap::new() };
        overlay(&old.index.v4, &new.index.v4, u128::from, |first, last, old, new| {
            parts.part(old, new).weights[0].add(first, last, 8);
        });
        overlay(
            &old.index.v6,
            &new.index.v6,
            |at| at,
            |first, last, old, new| {
                if !(MAPPED.0..=MAPPED.1).contains(&first) {
                    parts.part(old, new).weights[1].add(first, last, 80);
                }
            },
        );
        let mut parts = parts.parts;
        let regions = name_regions(&mut parts, old, new);
        let totals = [0, 1].map(|family| total(&mut parts, family, &old.index, &new.index));
        Space { old: Located::of(old), new: Located::of(new), parts, totals, regions }
    }

    /// Divides the space by a column of each table.
    pub(super) fn areas(&self, columns: &Pair<u32>) -> Vec<Area> {
        let (old, new) = (self.old.classes(columns.old), self.new.classes(columns.new));
        let class = |classes: &[u32], locus: u32| classes.get(locus as usize).copied().unwrap_or(0);
        let mut numbers: HashMap<(u32, u32, Option<u32>), usize> = HashMap::new();
        let mut areas: Vec<Area> = Vec::new();
        for part in &self.parts {
            let classes = (class(&old, part.old), class(&new, part.new));
            let number = *numbers.entry((classes.0, classes.1, part.region)).or_insert_with(|| {
                areas.push(Area { old: classes.0, new: classes.1, region: part.region, weights: Default::default() });
                areas.len() - 1
            });
            if let Some(area) = areas.get_mut(number) {
                area.weights.iter_mut().zip(&part.weights).for_each(|(sum, weight)| sum.join(weight));
            }
        }
        areas
    }

    /// The share of this many addresses in a family: 0 is IPv4, 1 is IPv6.
    pub(super) fn share(&self, family: usize, addresses: f64) -> f64 {
        self.totals.get(family).map_or(0.0, |total| addresses / total.max(1.0))
    }

    /// The name of a region.
    pub(super) fn region(&self, number: Option<u32>) -> Option<String> {
        self.regions.get(number? as usize).cloned()
    }
}

struct Parts {
    parts: Vec<Part>,
    numbers: HashMap<(u32, u32), usize>,
}

impl Parts {
    fn part(&mut self, old: u32, new: u32) -> &mut Part {
        let parts = &mut self.parts;
        let number = *self.numbers.entry((old, new)).or_insert_with(|| {
            parts.push(Part { old, new, region: None, weights: Default::default() });
            parts.len() - 1
        });
        &mut self.parts[number]
    }
}

/// Walks over the leaves of both lists, cut at the borders of both; passes the first and last address of each piece.
fn overlay<A: Address>(
    old: &Leaves<A>,
    new: &Leaves<A>,
    number: impl Fn(A) -> u128,
    mut each: impl FnMut(u128, u128, u32, u32),
) {
    let locus = |leaves: &Leaves<A>, at: usize| leaves.loci.get(at).copied().unwrap_or(0);
    let start = |leaves: &Leaves<A>, at: usize| leaves.starts.get(at).map(|&start| number(start));
    let (mut a, mut b, mut first) = (0, 0, 0);
    loop {
        let (next_a, next_b) = (start(old, a + 1), start(new, b + 1));
        let next = [next_a, next_b].into_iter().flatten().min();
        each(first, next.map_or(number(A::LAST), |next| next - 1), locus(old, a), locus(new, b));
        let Some(next) = next else { return };
        a += usize::from(next_a == Some(next));
        b += usize::from(next_b == Some(next));
        first = next;
    }
}

/// Gives each part its clients' region: of all regions of the new document, or else of the old.
fn name_regions(parts: &mut [Part], old: &Topology, new: &Topology) -> Vec<String> {
    let mut names: Vec<String> = new.site.regions.iter().map(|region| region.name.to_string()).collect();
    let by_new = Chooser::of_all(&new.site.regions, &new.index);
    let by_old = Chooser::of_all(&old.site.regions, &old.index);
    let former: Vec<u32> = old.site.regions.iter().map(|region| number_of(&region.name, &mut names)).collect();
    for part in parts {
        let chosen = by_new.choose(part.new, &new.index).map(|(region, _)| region as u32);
        let before = || by_old.choose(part.old, &old.index).and_then(|(region, _)| former.get(region).copied());
        part.region = chosen.or_else(before);
    }
    names
}

fn number_of(name: &str, names: &mut Vec<String>) -> u32 {
    let known = names.iter().position(|known| known == name);
    known.unwrap_or_else(|| {
        names.push(name.to_owned());
        names.len() - 1
    }) as u32
}

/// Number of addresses in a family that count; the others lose their weight, but not their prefixes.
fn total(parts: &mut [Part], family: usize, old: &LocationIndex, new: &LocationIndex) -> f64 {
    let has_place = |index: &LocationIndex, locus: u32| index.loci.get(locus as usize).is_some_and(|it| it.place != 0);
    let has_prefix = |index: &LocationIndex, locus: u32| {
        index.loci.get(locus as usize).is_some_and(|it| it.prefix != prefixes::NONE)
    };
    let placed = |part: &Part| has_place(old, part.old) || has_place(new, part.new);
    let counts = |part: &Part| placed(part) || has_prefix(old, part.old) || has_prefix(new, part.new);
    let any_placed = parts.iter().any(|part| part.weights[family].addresses > 0.0 && placed(part));
    if any_placed {
        parts.iter_mut().filter(|part| !counts(part)).for_each(|part| part.weights[family].addresses = 0.0);
    }
    parts.iter().map(|part| part.weights[family].addresses).sum()
}

impl<'t> Located<'t> {
    fn of(topology: &'t Topology) -> Located<'t> {
        let index = &topology.index;
        let mut examples = vec![None; index.loci.len()];
        let mut note = |locus: u32, address: IpAddr| {
            if let Some(example) = examples.get_mut(locus as usize) {
                example.get_or_insert(address);
            }
        };
        index.v4.starts.iter().zip(&index.v4.loci).for_each(|(&start, &locus)| note(locus, IpAddr::V4(start.into())));
        let v6 = index.v6.starts.iter().zip(&index.v6.loci);
        v6.filter(|(start, _)| !(MAPPED.0..=MAPPED.1).contains(start))
            .for_each(|(&start, &locus)| note(locus, IpAddr::V6(start.into())));
        Located { topology, examples }
    }

    /// The class of each locus. A column gives all networks of a locus the same class, so one address is enough.
    fn classes(&self, column: u32) -> Vec<u32> {
        let column: Option<&Column> = self.topology.columns.get(column as usize);
        let class = |address: IpAddr| column.map_or(0, |column| column.locate(address).class);
        self.examples.iter().map(|example| example.map_or(0, class)).collect()
    }
}
