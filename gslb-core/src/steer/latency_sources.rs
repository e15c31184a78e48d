//! Selects the measurements that order the pools of a `latency` policy for a client: those of clients around it, or
//! else those of the nearest vantage.

use std::collections::HashMap;
use std::sync::Arc;

use super::trace::OrderedBy;
use crate::latency::{Area, Areas, Latencies, Order};
use crate::locate::direction::Direction;
use crate::locate::index::LocationIndex;
use crate::site::model::{DataCenterId, PoolId, Site};

/// The accepted measurements, by indices of a site.
#[derive(Debug, Clone)]
pub(super) struct LatencySources {
    vantages: Vec<LatencySource>,
    areas: HashMap<Area, Ranks>,
    /// Finds the area of a client, if any area has measurements.
    finder: Option<Areas>,
}

/// A vantage with measurements.
#[derive(Debug, Clone)]
struct LatencySource {
    name: Arc<str>,
    direction: Direction,
    /// Square of the chord within which its measurements apply to clients.
    reach: f64,
    ranks: Ranks,
}

/// Rank and latency in milliseconds, per data center.
#[derive(Debug, Clone)]
pub(super) struct Ranks(Vec<Option<Rank>>);

/// Rank, and latency in milliseconds.
pub(super) type Rank = (u32, u32);

impl LatencySources {
    pub(super) fn of(site: &Site, index: &LocationIndex, latencies: &Latencies) -> LatencySources {
        let vantage = |vantage: &crate::site::model::Vantage| {
            Some(LatencySource {
                name: Arc::clone(&vantage.name),
                direction: Direction::of(vantage.coordinate?),
                reach: Direction::chord_of(vantage.reach_km),
                ranks: Ranks::of(latencies.vantages.get(&vantage.name)?, site),
            })
        };
        LatencySources {
            vantages: site.vantages.iter().filter_map(vantage).collect(),
            areas: latencies.areas.iter().map(|(area, order)| (area.clone(), Ranks::of(order, site))).collect(),
            finder: (!latencies.areas.is_empty()).then(|| Areas::of(site, index)),
        }
    }

    /// The source for clients of a locus that ranks `pools`, and its ranks; `None` if there is none.
    pub(super) fn about(
        &self,
        pools: &[PoolId],
        locus: u32,
        client: Option<Direction>,
        site: &Site,
        index: &LocationIndex,
    ) -> Option<(OrderedBy, &Ranks)> {
        if let Some(finder) = &self.finder {
            for area in finder.at(locus, site, index) {
                if let Some(ranks) = self.areas.get(&area).filter(|ranks| ranks.compare(pools, site)) {
                    return Some((OrderedBy::Clients(area), ranks));
                }
            }
        }
        let client = client?;
        let near = self.vantages.iter().map(|source| (source.direction.distance(client), source));
        let able = near.filter(|(chord, source)| *chord <= source.reach && source.ranks.compare(pools, site));
        let (_, source) = able.min_by(|a, b| a.0.total_cmp(&b.0))?;
        Some((OrderedBy::Vantage(Arc::clone(&source.name)), &source.ranks))
    }
}

impl Ranks {
    fn of(order: &Order, site: &Site) -> Ranks {
        let numbers: HashMap<&str, usize> =
            site.data_centers.iter().enumerate().map(|(number, it)| (&*it.name, number)).collect();
        let mut ranks = vec![None; site.data_centers.len()];
        for (rank, measured) in (0..).zip(&order.0) {
            let slot = numbers.get(&*measured.data_center).and_then(|&number| ranks.get_mut(number));
            if let Some(slot) = slot {
                *slot = Some((rank, measured.milliseconds));
            }
        }
        Ranks(ranks)
    }

    /// The rank of a pool.
    pub(super) fn get(&self, pool: PoolId, site: &Site) -> Option<Rank> {
        let DataCenterId(id) = site.pools.get(pool.0 as usize)?.data_center?;
        self.0.get(id as usize).copied().flatten()
    }

    /// True if at least two of the pools have different ranks: a single one has nothing to compare with.
    fn compare(&self, pools: &[PoolId], site: &Site) -> bool {
        let mut ranks = pools.iter().filter_map(|&pool| self.get(pool, site));
        let first = ranks.next();
        first.is_some_and(|first| ranks.any(|other| other.0 != first.0))
    }
}
