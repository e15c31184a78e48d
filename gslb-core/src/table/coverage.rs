//! Which regions clients really come to: found by asking the policies for every locus that there is.

use std::collections::{HashMap, HashSet};

use crate::locate::index::LocationIndex;
use crate::problem::key_path::of_keys;
use crate::problem::{Problem, Severity};
use crate::site::model::{Matcher, PolicyId, PolicyKind, RegionId, Site};
use crate::steer::trace::{Step, Trace};

/// Notes for every geo policy the regions that some client was in.
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
    /// Branches of geo policies that no client can come to. Where no loaded database knows the region, that is a warning:
    /// the region is empty until a database knows it again, and everything else of the document is served. Where the
    /// document itself takes all clients of the region to other branches, it is an error.
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
                    let help =
                        "its clients are all taken by an outer region or by more specific matchers of other regions";
                    (Severity::Error, help)
                } else {
                    let help = "no loaded geo database knows any of its matchers, so the region is empty: load one that \
                                does, or add countries or prefixes";
                    (Severity::Warning, help)
                };
                problems.push(Problem {
                    severity,
                    location: policy.location.clone(),
                    path: policy.path(),
                    message: format!("no client ever comes to the branch of region `{}`", region.name),
                    help: help.into(),
                });
            }
        }
        problems
    }
}

/// Matchers that can never match with the databases that are loaded.
pub fn idle_matchers(site: &Site, index: &LocationIndex) -> Vec<Problem> {
    let known = Known::of(index);
    let mut problems = Vec::new();
    for region in &site.regions {
        for matcher in region.matchers.iter().filter(|matcher| !known.has(matcher)) {
            problems.push(Problem {
                severity: Severity::Warning,
                location: region.location.clone(),
                path: of_keys(&["regions", &region.name, "match"]),
                message: format!("`{matcher}` matches no client with the geo databases that are loaded"),
                help: "load a database that knows it, or take it out".into(),
            });
        }
    }
    problems
}

/// Everything that places of the loaded databases name.
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
