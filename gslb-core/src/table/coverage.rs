//! Finds regions that no client can be in, by evaluating the policies for every locus.

use std::collections::{HashMap, HashSet};

use crate::locate::index::LocationIndex;
use crate::problem::{KeyPath, Problem, Severity};
use crate::site::model::{Matcher, PolicyId, PolicyKind, RegionId, Site};
use crate::steer::trace::{Step, Trace};

/// Records for every geo policy the regions that have at least one client.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    met: HashMap<PolicyId, HashSet<RegionId>>,
}

impl Trace for Coverage {
    fn note(&mut self, step: impl FnOnce() -> Step) {
        if let Step::Branch { policy, matched } = step() {
            let regions = self.met.entry(policy).or_default();
            regions.extend(matched.map(|(region, _)| region));
        }
    }
}

impl Coverage {
    /// Branches of geo policies that no client can reach. If no loaded database covers the region, that is a warning:
    /// the region stays empty until a database covers it, and the rest of the document is served. If the document
    /// itself sends all of the region's clients to other branches, it is an error.
    pub fn problems(&self, site: &Site, index: &LocationIndex) -> Vec<Problem> {
        let known = Known::of(index);
        let mut policies: Vec<_> = self.met.iter().collect();
        policies.sort_by_key(|(policy, _)| **policy);
        let mut problems = Vec::new();
        for (policy, met) in policies {
            let Some(policy) = site.policies.get(policy.0 as usize) else { continue };
            let PolicyKind::Geo { branches, .. } = &policy.kind else { continue };
            for (id, _) in branches.iter().filter(|(region, _)| !met.contains(region)) {
                let Some(region) = site.regions.get(id.0 as usize) else { continue };
                let (severity, help) = if region.matchers.iter().any(|matcher| known.has(matcher)) {
                    let help = "an outer region or more specific matchers of other regions match all of its clients";
                    (Severity::Error, help)
                } else {
                    let help = "no loaded geo database covers any of its matchers, so the region is empty: load one that \
                                does, or add countries or prefixes";
                    (Severity::Warning, help)
                };
                let message = format!("no client can reach the branch of region `{}`", region.name);
                problems.push(Problem::new(severity, policy.location.clone(), policy.path(), message, help));
            }
        }
        problems
    }
}

/// Matchers that match no client with the loaded databases.
pub fn idle_matchers(site: &Site, index: &LocationIndex) -> Vec<Problem> {
    let known = Known::of(index);
    let mut problems = Vec::new();
    for region in &site.regions {
        for matcher in region.matchers.iter().filter(|matcher| !known.has(matcher)) {
            let path = KeyPath::from(["regions", &region.name, "match"]);
            let message = format!("`{matcher}` matches no client in the loaded geo databases");
            let help = "load a database that covers it, or remove it";
            problems.push(Problem::new(Severity::Warning, region.location.clone(), path, message, help));
        }
    }
    problems
}

/// All values that the places of the loaded databases contain.
struct Known<'a> {
    index: &'a LocationIndex,
    subdivisions: HashSet<&'a str>,
    asns: HashSet<u32>,
}

impl<'a> Known<'a> {
    fn of(index: &'a LocationIndex) -> Known<'a> {
        let subdivisions = index.places.iter().filter_map(|place| place.subdivision.as_deref()).collect();
        let asns = index.places.iter().filter_map(|place| place.asn).collect();
        Known { index, subdivisions, asns }
    }

    fn has(&self, matcher: &Matcher) -> bool {
        let mut places = self.index.places.iter();
        match matcher {
            Matcher::Continent(continent) => places.any(|place| place.continent == Some(*continent)),
            Matcher::Country(country) => places.any(|place| place.country == Some(*country)),
            Matcher::Subdivision(code) => self.subdivisions.contains(&**code),
            Matcher::Asn(asn) => self.asns.contains(asn),
            Matcher::Prefix(_) => true,
        }
    }
}
