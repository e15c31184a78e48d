//! Latencies measured by clients, aggregated by area: the median of one value per client network.

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use ipnet::IpNet;

use super::Area;
use crate::locate::hashed_prefix::HashedPrefix;
use crate::locate::index::LocationIndex;
use crate::locate::region::Chooser;
use crate::moment::Moment;
use crate::site::model::{PrefixLengths, RegionId, Site};

/// Minimum number of client networks for an area to have a median for a data center.
pub const MIN_CLIENTS: usize = 10;
/// Maximum number of networks kept per area and data center; new ones replace the oldest.
pub const MAX_CLIENTS: usize = 63;
/// Maximum number of pairs of area and data center.
pub const MAX_CELLS: usize = 10_000;
/// How long a value is used.
pub const CLIENTS_LAST: Duration = Duration::from_secs(3600);
/// Maximum plausible latency.
pub const MAX_LATENCY: Duration = Duration::from_secs(10);

/// A measurement by a client.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// The client's network.
    pub client: IpNet,
    /// Name of the measured data center.
    pub data_center: String,
    /// Round-trip time in milliseconds.
    pub milliseconds: f64,
}

/// Why an observation is rejected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidObservation {
    /// The document has no such data center.
    #[error("no data center is named `{0}`")]
    DataCenter(String),
    /// The latency is out of range.
    #[error("invalid latency: expected more than 0 and at most 10000 milliseconds")]
    Latency,
    /// The network is in no region of the document and in no geo database.
    #[error("the location of {0} is unknown")]
    Nowhere(IpNet),
    /// There are already [`MAX_CELLS`] pairs of area and data center.
    #[error("too many areas are already measured")]
    Full,
}

/// The latest values of many clients.
#[derive(Debug, Clone, Default)]
pub struct Clients {
    cells: HashMap<(Area, Arc<str>), Cell>,
}

/// The latest value of each network, oldest first.
#[derive(Debug, Clone, Default)]
struct Cell(VecDeque<Value>);

#[derive(Debug, Clone, Copy)]
struct Value {
    network: u64,
    at: Moment,
    latency: Duration,
}

impl Clients {
    /// Adds an observation to each area that its client is in.
    ///
    /// # Errors
    /// [`InvalidObservation`]; then nothing is added.
    pub fn observe(
        &mut self,
        observation: &Observation,
        site: &Site,
        index: &LocationIndex,
        now: Moment,
    ) -> Result<(), InvalidObservation> {
        self.take(observation, &Areas::of(site, index), site, index, now)
    }

    /// Adds all observations or none.
    ///
    /// # Errors
    /// Index and reason for each invalid observation; then nothing is added.
    pub fn observe_all(
        &mut self,
        observations: &[Observation],
        site: &Site,
        index: &LocationIndex,
        now: Moment,
    ) -> Result<(), Vec<(usize, InvalidObservation)>> {
        let areas = Areas::of(site, index);
        let mut tried = self.clone();
        let mut take = |observation| tried.take(observation, &areas, site, index, now).err();
        let errors: Vec<_> = observations.iter().enumerate().filter_map(|(at, it)| Some((at, take(it)?))).collect();
        if errors.is_empty() {
            *self = tried;
            return Ok(());
        }
        Err(errors)
    }

    fn take(
        &mut self,
        observation: &Observation,
        areas: &Areas,
        site: &Site,
        index: &LocationIndex,
        now: Moment,
    ) -> Result<(), InvalidObservation> {
        let found = site.data_centers.iter().find(|data_center| *data_center.name == *observation.data_center);
        let data_center = found.ok_or_else(|| InvalidObservation::DataCenter(observation.data_center.clone()))?;
        let latency = latency(observation.milliseconds).ok_or(InvalidObservation::Latency)?;
        let client = observation.client.trunc();
        let areas = areas.at(index.locus_of(client.addr()), site, index);
        if areas.is_empty() {
            return Err(InvalidObservation::Nowhere(observation.client));
        }
        let keys: Vec<_> = areas.into_iter().map(|area| (area, Arc::clone(&data_center.name))).collect();
        let fresh = keys.iter().filter(|key| !self.cells.contains_key(*key)).count();
        if self.cells.len() + fresh > MAX_CELLS {
            return Err(InvalidObservation::Full);
        }
        let value = Value { network: network(client.addr()), at: now, latency };
        keys.into_iter().for_each(|key| self.cells.entry(key).or_default().add(value));
        Ok(())
    }

    /// Per area, the median for each data center that enough networks measured. Drops expired values.
    pub fn medians(&mut self, now: Moment) -> HashMap<Area, Vec<(Arc<str>, Duration)>> {
        let mut medians: HashMap<Area, Vec<(Arc<str>, Duration)>> = HashMap::new();
        self.cells.retain(|(area, data_center), cell| {
            cell.0.retain(|value| now.since(value.at) <= CLIENTS_LAST);
            if let Some(median) = cell.median() {
                medians.entry(area.clone()).or_default().push((Arc::clone(data_center), median));
            }
            !cell.0.is_empty()
        });
        // Always in the same order, so that equal medians do not swap.
        medians.values_mut().for_each(|list| list.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0))));
        medians
    }
}

impl Cell {
    fn add(&mut self, value: Value) {
        self.0.retain(|known| known.network != value.network);
        if self.0.len() == MAX_CLIENTS {
            self.0.pop_front();
        }
        self.0.push_back(value);
    }

    fn median(&self) -> Option<Duration> {
        let mut sorted: Vec<Duration> = self.0.iter().map(|value| value.latency).collect();
        sorted.sort_unstable();
        if sorted.len() < MIN_CLIENTS { None } else { sorted.get(sorted.len() / 2).copied() }
    }
}

/// Maps loci to areas.
#[derive(Debug, Clone)]
pub(crate) struct Areas(Chooser);

impl Areas {
    pub(crate) fn of(site: &Site, index: &LocationIndex) -> Areas {
        let all: Vec<RegionId> = (0..site.regions.len() as u32).map(RegionId).collect();
        Areas(Chooser::new(&site.regions, &all, index))
    }

    /// The areas of a locus, smallest first: only the operator's region if there is one, else the country and the
    /// continent.
    pub(crate) fn at(&self, locus: u32, site: &Site, index: &LocationIndex) -> Vec<Area> {
        if let Some(region) = self.0.branch(locus, index).and_then(|region| site.regions.get(region)) {
            return vec![Area::Region(Arc::clone(&region.name))];
        }
        let Some(place) = index.place(locus) else { return Vec::new() };
        place.country.map(Area::Country).into_iter().chain(place.continent.map(Area::Continent)).collect()
    }
}

fn latency(milliseconds: f64) -> Option<Duration> {
    let time = Duration::try_from_secs_f64(milliseconds / 1e3).ok()?;
    (!time.is_zero() && time <= MAX_LATENCY).then_some(time)
}

/// A number for the client's network, truncated as resolvers do (RFC 7871 §11.1).
fn network(address: IpAddr) -> u64 {
    HashedPrefix::of(address, PrefixLengths::DEFAULT).key
}
