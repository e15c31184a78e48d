//! The region of a client, among those of a geo policy or all: the most specific matcher wins.

use std::collections::HashMap;

use geoip::{Continent, CountryCode, Place};

use super::index::LocationIndex;
use super::prefixes;
use crate::site::model::{Matcher, Region, RegionId};

/// Regions, arranged for lookup. Branches are numbered in the order given.
#[derive(Debug, Clone, Default)]
pub struct Chooser {
    continents: HashMap<Continent, usize>,
    countries: HashMap<CountryCode, usize>,
    subdivisions: HashMap<Box<str>, usize>,
    asns: HashMap<u32, usize>,
    /// For every prefix of the index: the branch of the longest prefix at or around it. Empty without prefixes.
    prefixes: Vec<Option<Found>>,
}

/// A branch, and the prefix that selected it.
#[derive(Debug, Clone, Copy)]
struct Found {
    branch: usize,
    prefix: u32,
}

impl Chooser {
    /// Prepares the regions of a policy.
    pub fn new(regions: &[Region], branches: &[RegionId], index: &LocationIndex) -> Chooser {
        let mut chooser = Chooser::default();
        let mut any_prefix = false;
        for (branch, id) in branches.iter().enumerate() {
            let Some(region) = regions.get(id.0 as usize) else { continue };
            for matcher in &region.matchers {
                match matcher {
                    Matcher::Continent(continent) => _ = chooser.continents.entry(*continent).or_insert(branch),
                    Matcher::Country(country) => _ = chooser.countries.entry(*country).or_insert(branch),
                    Matcher::Subdivision(code) => _ = chooser.subdivisions.entry(code.clone()).or_insert(branch),
                    Matcher::Asn(asn) => _ = chooser.asns.entry(*asn).or_insert(branch),
                    Matcher::Prefix(_) => any_prefix = true,
                }
            }
        }
        if any_prefix {
            chooser.prefixes = inherit(branches, index);
        }
        chooser
    }

    /// Prepares all regions of a document; branch numbers are region numbers.
    pub fn of_all(regions: &[Region], index: &LocationIndex) -> Chooser {
        let all: Vec<RegionId> = (0u32..).map(RegionId).take(regions.len()).collect();
        Chooser::new(regions, &all, index)
    }

    /// The branch of a locus and the matcher that decides; `None` if no region matches.
    pub fn choose(&self, locus: u32, index: &LocationIndex) -> Option<(usize, Matcher)> {
        let branch = self.branch(locus, index)?;
        if let Some(found) = self.by_prefix(locus, index) {
            let prefix = index.prefixes.nodes().get(found.prefix as usize)?.prefix;
            return Some((branch, Matcher::Prefix(prefix)));
        }
        let (_, how) = self.by_place(index.place(locus)?)?;
        Some((branch, how))
    }

    /// The branch only.
    pub fn branch(&self, locus: u32, index: &LocationIndex) -> Option<usize> {
        match self.by_prefix(locus, index) {
            Some(found) => Some(found.branch),
            None => self.by_place(index.place(locus)?).map(|(branch, _)| branch),
        }
    }

    fn by_prefix(&self, locus: u32, index: &LocationIndex) -> Option<Found> {
        let prefix = index.loci.get(locus as usize)?.prefix;
        self.prefixes.get(prefix as usize).copied().flatten()
    }

    fn by_place(&self, place: &Place) -> Option<(usize, Matcher)> {
        let by_asn = || place.asn.and_then(|asn| Some((*self.asns.get(&asn)?, Matcher::Asn(asn))));
        let by_subdivision = || {
            let code = place.subdivision.as_ref()?;
            Some((*self.subdivisions.get(code)?, Matcher::Subdivision(code.clone())))
        };
        let by_country = || place.country.and_then(|code| Some((*self.countries.get(&code)?, Matcher::Country(code))));
        let by_continent =
            || place.continent.and_then(|code| Some((*self.continents.get(&code)?, Matcher::Continent(code))));
        by_asn().or_else(by_subdivision).or_else(by_country).or_else(by_continent)
    }
}

/// Passes each prefix's branch down to nested prefixes without their own.
fn inherit(branches: &[RegionId], index: &LocationIndex) -> Vec<Option<Found>> {
    let of_region: HashMap<RegionId, usize> = branches.iter().copied().zip(0..).collect();
    let mut found: Vec<Option<Found>> = Vec::with_capacity(index.prefixes.nodes().len());
    for (prefix, node) in (0u32..).zip(index.prefixes.nodes()) {
        let own = index.prefixes.regions(prefix).iter().find_map(|region| of_region.get(region));
        let around = || found.get(node.parent as usize).copied().flatten().filter(|_| node.parent != prefixes::NONE);
        found.push(own.map(|&branch| Found { branch, prefix }).or_else(around));
    }
    found
}
