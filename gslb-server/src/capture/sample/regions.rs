//! Sampled answers by region of the client and data center of the answer.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use gslb_api::traffic::sample::RegionFinder;
use gslb_core::respond::SteeredAnswer;
use gslb_core::table::counts::Counts;

use crate::capture::placeholder::{DEFAULT, NONE, OTHER};

/// Most pairs of region and data center; further ones are counted under [`OTHER`].
const MAX_PAIRS: usize = 10_000;

/// Answers since start, by region and data center: [`DEFAULT`] for clients outside all regions, and [`NONE`] for
/// answers from no data center.
#[derive(Debug, Default, Clone)]
pub struct RegionAnswers {
    counts: BTreeMap<(Arc<str>, Arc<str>), u64>,
    /// The region finder of one topology.
    finder: Option<(u64, Arc<RegionFinder>)>,
    /// The topology whose names are kept.
    kept: Option<u64>,
}

impl RegionAnswers {
    /// Counts an answer that represents `weight` answers.
    pub(super) fn add(&mut self, topology_id: &Counts, answer: &SteeredAnswer, weight: u64) {
        let topology = topology_id.topology();
        let finder = match &self.finder {
            Some((of, finder)) if *of == topology_id.topology_id() => Arc::clone(finder),
            _ => {
                let finder = Arc::new(RegionFinder::new(topology));
                self.finder = Some((topology_id.topology_id(), Arc::clone(&finder)));
                finder
            }
        };
        let site = &topology.site;
        let pool = answer.pool.and_then(|pool| site.pools.get(pool.0 as usize));
        let data_center = pool.and_then(|pool| site.data_centers.get(pool.data_center?.0 as usize));
        let data_center = data_center.map_or_else(|| NONE.into(), |data_center| Arc::clone(&data_center.name));
        let region = finder.region(topology, answer.client.into()).unwrap_or_else(|| DEFAULT.into());
        let pair = (region, data_center);
        let is_new = !self.counts.contains_key(&pair);
        let pair = if is_new && self.counts.len() >= MAX_PAIRS { (OTHER.into(), OTHER.into()) } else { pair };
        *self.counts.entry(pair).or_default() += weight;
    }

    /// Forgets regions and data centers that no longer exist.
    pub(super) fn keep(&mut self, latest: &Counts) {
        if self.kept.replace(latest.topology_id()) == Some(latest.topology_id()) {
            return;
        }
        self.finder.take_if(|(of, _)| *of != latest.topology_id());
        let site = &latest.topology().site;
        let regions: HashSet<&str> = site.regions.iter().map(|region| &*region.name).chain([DEFAULT, OTHER]).collect();
        let centers = site.data_centers.iter().map(|data_center| &*data_center.name);
        let data_centers: HashSet<&str> = centers.chain([NONE, OTHER]).collect();
        self.counts.retain(|(region, center), _| regions.contains(&**region) && data_centers.contains(&**center));
    }

    /// Region, data center and number of answers.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.counts.iter().map(|((region, data_center), &count)| (&**region, &**data_center, count))
    }
}
