//! The routing table: an immutable value that answers every query, published whole and replaced whole.

use std::sync::Arc;

use crate::latency::Latencies;
use crate::live::pool::{Change, EndpointState, Kind};
use crate::live::pools::Pools;
use crate::locate::column::Column;
use crate::locate::index::LocationIndex;
use crate::site::model::{ClientSource, PoolId, PrefixLengths, Site, WhenAllDown};
use crate::steer::plan::{PlanId, Plans};
use crate::zone::catalog::Catalog;
use counts::{Counts, Row};
use steering::Divisions;

mod bounds;
pub mod compile;
pub mod counts;
pub mod coverage;
pub mod publish;
mod rebase;
mod services;
mod steering;

pub use publish::Published;
pub use rebase::carried_states;

/// Everything that answers depend on. Two layers that share structure: topology changes with the document and the
/// geo databases, liveness with every verdict and override.
#[derive(Debug, Clone)]
pub struct RoutingTable {
    generation: u64,
    topology: Topology,
    pools: Pools,
    /// What was answered from tables of this topology; none where nobody counts.
    counts: Option<Arc<Counts>>,
}

/// The slow layer: what exists, and which plan the clients of each place have. It consists of parts, each of which the
/// next table shares where what the part was made of stays the same.
#[derive(Debug, Clone)]
pub struct Topology {
    /// The document; its zones' records are in the catalog only.
    pub site: Arc<Site>,
    /// Names and record sets. Made of the zones' records, and the names of the services.
    pub catalog: Arc<Catalog>,
    /// Where clients are. Made of the databases, and the prefixes of the regions.
    pub index: Arc<LocationIndex>,
    /// What `latency` policies go by.
    pub latencies: Arc<Latencies>,
    /// How policies divide the clients. Made of the index, the latencies, and of what [`steering`] says.
    pub(crate) divisions: Arc<Divisions>,
    /// One per way in which policies divide the clients; made with the divisions.
    pub columns: Arc<[Column]>,
    /// All plans; made with the divisions.
    pub plans: Arc<Plans>,
    /// One per service of the site, in its order. Made of divisions, services and pools, each time.
    pub services: Arc<[Service]>,
}

/// A service, compiled.
#[derive(Debug, Clone)]
pub struct Service {
    /// TTL of its answers, in seconds.
    pub ttl: u32,
    /// Index of its column in [`Topology::columns`].
    pub column: u32,
    /// Its plans, one per class of the column.
    pub targets: Arc<[Target]>,
    /// Which types it answers, and how.
    pub steers: Steers,
    /// Whose address decides.
    pub client: ClientSource,
    /// True where draws stick to a client.
    pub sticky: bool,
    /// Prefixes by which draws and hashes know a client.
    pub prefixes: PrefixLengths,
    /// What is answered when all of a plan is down.
    pub when_all_down: WhenAllDown,
}

/// What the clients of one class get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Their plan.
    pub plan: PlanId,
    /// For A, AAAA and CNAME: true where the answer also depends on the client's own prefix.
    pub by_client: [bool; 3],
}

/// Which query types a service answers itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Steers {
    /// A.
    pub a: bool,
    /// AAAA.
    pub aaaa: bool,
    /// Every type, as an alias would: all its endpoints are names.
    pub all_by_name: bool,
    /// For A, AAAA and CNAME: true where some plan has endpoints that give such an answer.
    pub has: [bool; 3],
}

impl Steers {
    /// True where both families of addresses are steered.
    #[inline]
    pub fn both(self) -> bool {
        self.a && self.aaaa
    }
}

impl Kind {
    /// Index of this kind in arrays with one place per kind.
    #[inline]
    pub fn of<V: Copy>(self, [a, aaaa, cname]: [V; 3]) -> V {
        match self {
            Kind::A => a,
            Kind::Aaaa => aaaa,
            Kind::Cname => cname,
        }
    }
}

impl RoutingTable {
    /// Number of the table; a later one is greater.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The slow layer.
    #[inline]
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// The quick layer: one entry per pool of the site.
    #[inline]
    pub fn pools(&self) -> &Pools {
        &self.pools
    }

    /// What was answered from this table and others of its topology; none where nobody counts.
    pub fn counts(&self) -> Option<&Arc<Counts>> {
        self.counts.as_ref()
    }

    /// Where a worker counts its answers.
    #[inline]
    pub(crate) fn row(&self, worker: usize) -> Option<&Row> {
        self.counts.as_ref()?.row(worker)
    }

    /// The same table, from which so many workers count their answers: on top of those from `previous`, where that has
    /// the same topology.
    pub fn counting(mut self, workers: usize, previous: Option<&RoutingTable>) -> RoutingTable {
        let same = previous.filter(|previous| previous.has_topology_of(&self));
        let new = || Arc::new(Counts::new(self.topology.clone(), self.generation, workers));
        self.counts = Some(same.and_then(|previous| previous.counts.clone()).unwrap_or_else(new));
        self
    }

    /// The state of an endpoint.
    pub fn state(&self, pool: PoolId, endpoint: u32) -> Option<EndpointState> {
        self.pools.get(pool)?.states().get(endpoint as usize).copied()
    }

    /// The next table, with other states of endpoints; everything that they do not touch is shared.
    pub fn with_changes(&self, changes: &[Change]) -> RoutingTable {
        let generation = self.generation + 1;
        let mut sorted = changes.to_vec();
        // Stable, so that of several changes to one endpoint the last one holds.
        sorted.sort_by_key(|change| change.pool);
        let of_pool = |group: &[Change]| {
            let id = group.first()?.pool;
            let pool = self.topology.site.pools.get(id.0 as usize)?;
            Some((id, Arc::new(self.pools.get(id)?.changed(pool, group, generation))))
        };
        let others = sorted.chunk_by(|a, b| a.pool == b.pool).filter_map(of_pool).collect();
        let (topology, counts) = (self.topology.clone(), self.counts.clone());
        RoutingTable { generation, topology, pools: self.pools.with(others), counts }
    }

    /// The changes that lead to `states`, which has one list per pool and one state per endpoint: none for endpoints that
    /// are in their state already. A state too many is left aside.
    pub fn changes_to(&self, states: &crate::live::overrides::States) -> Vec<Change> {
        let mut changes = Vec::new();
        for ((pool, liveness), states) in (0..).map(PoolId).zip(self.pools.iter()).zip(states) {
            let endpoints = (0u32..).zip(liveness.states()).zip(states);
            let differ = endpoints.filter(|((_, now), next)| *now != *next);
            changes.extend(differ.map(|((endpoint, _), &state)| Change { pool, endpoint, state }));
        }
        changes
    }

    /// The next table, in which endpoints are in these states; pools that have them already are shared.
    pub fn with_states(&self, states: &crate::live::overrides::States) -> RoutingTable {
        self.with_changes(&self.changes_to(states))
    }

    /// Octets of memory that it takes to build this table from its document, as [`crate::budget`] counts them.
    pub fn building_memory(&self) -> usize {
        let Topology { site, catalog, index, columns, plans, services, .. } = &self.topology;
        let steering = steering::memory(site, index, columns, plans);
        catalog.building_memory() + steering + services::memory(services)
    }

    /// Octets held, as far as they grow with the document and the databases.
    pub fn memory(&self) -> usize {
        let columns: usize = self.topology.columns.iter().map(Column::memory).sum();
        let counts = self.counts.as_ref().map_or(0, |counts| counts.memory());
        self.topology.catalog.memory() + self.topology.index.memory() + columns + counts
    }
}
