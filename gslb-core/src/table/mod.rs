//! The routing table: an immutable value that answers every query and is replaced atomically.

use std::sync::Arc;

use crate::latency::Latencies;
use crate::live::pool::{EndpointState, Kind};
use crate::live::pools::Pools;
use crate::live::states::States;
use crate::locate::column::Column;
use crate::locate::index::LocationIndex;
use crate::site::model::{ClientSource, PoolId, PrefixLengths, Site, WhenAllDown};
use crate::steer::plan::{PlanId, Plans};
use crate::steer::shortcut::Shortcut;
use crate::zone::catalog::Catalog;
use counts::{Counts, Row};
use shortcuts::Shortcuts;
use steering::Divisions;

mod bounds;
pub mod compile;
pub mod counts;
pub mod coverage;
mod liveness;
pub mod publish;
mod services;
mod shortcuts;
mod steering;

pub use publish::Published;

/// Everything that answers depend on. Two layers that share structure: the topology changes with the document and the
/// geo databases, the liveness with every probe result and override.
#[derive(Debug, Clone)]
pub struct RoutingTable {
    generation: u64,
    topology: Topology,
    pools: Pools,
    /// Where each plan ends up with these pools.
    shortcuts: Shortcuts,
    /// Answer counters for this topology; `None` if counting is off.
    counts: Option<Arc<Counts>>,
}

/// The slow layer: what exists, and the plan for clients in each location. It has parts; the next table reuses each
/// part whose inputs did not change.
#[derive(Debug, Clone)]
pub struct Topology {
    /// The document; its zones' records are only in the catalog.
    pub site: Arc<Site>,
    /// Names and record sets, built from the zones' records and the service names.
    pub catalog: Arc<Catalog>,
    /// Client locations, built from the databases and the regions' prefixes.
    pub index: Arc<LocationIndex>,
    /// The measurements that `latency` policies use.
    pub latencies: Arc<Latencies>,
    /// How policies divide the clients, built from the index, the latencies and the inputs listed in [`steering`].
    pub(crate) divisions: Arc<Divisions>,
    /// One column per distinct division of the clients; built with the divisions.
    pub columns: Arc<[Column]>,
    /// All plans; built with the divisions.
    pub plans: Arc<Plans>,
    /// One per service, in site order; rebuilt each time from divisions, services and pools.
    pub services: Arc<[Service]>,
}

/// A compiled service.
#[derive(Debug, Clone)]
pub struct Service {
    /// TTL of its answers, in seconds.
    pub ttl: u32,
    /// Index into [`Topology::columns`].
    pub column: u32,
    /// Its plans, one per class of the column.
    pub targets: Arc<[Target]>,
    /// The query types it answers, and how.
    pub steers: Steers,
    /// Which address identifies the client: the subnet's or the resolver's.
    pub client: ClientSource,
    /// True if draws are sticky per client.
    pub sticky: bool,
    /// Prefix lengths that identify a client in sticky draws and hashes.
    pub prefixes: PrefixLengths,
    /// The answer when everything in a plan is down.
    pub when_all_down: WhenAllDown,
}

/// What the clients of one class get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Target {
    /// Their plan.
    pub plan: PlanId,
    /// For A, AAAA and CNAME: true if the answer also depends on the client's prefix.
    pub by_client: [bool; 3],
}

/// The query types that a service answers itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Steers {
    /// A.
    pub a: bool,
    /// AAAA.
    pub aaaa: bool,
    /// Every type, answered with a CNAME: all its endpoints are names.
    pub all_by_name: bool,
    /// For A, AAAA and CNAME: true if some plan has endpoints of that kind.
    pub has: [bool; 3],
}

impl Steers {
    /// True if both address families are steered.
    #[inline]
    pub fn both(self) -> bool {
        self.a && self.aaaa
    }
}

impl Kind {
    /// The element for this kind, of an array with one element per kind.
    #[inline]
    pub fn of<V: Copy>(self, array: [V; 3]) -> V {
        self.at(&array)
    }

    /// The same, without a copy of the array.
    #[inline]
    pub fn at<V: Copy>(self, [a, aaaa, cname]: &[V; 3]) -> V {
        match self {
            Kind::A => *a,
            Kind::Aaaa => *aaaa,
            Kind::Cname => *cname,
        }
    }
}

impl Topology {
    /// Memory in octets needed to build it from its document, as counted by [`crate::budget`].
    pub fn building_memory(&self) -> usize {
        let Topology { site, catalog, index, columns, plans, services, .. } = self;
        let steering = steering::memory(site, index, columns, plans);
        catalog.building_memory() + steering + services::memory(services)
    }
}

impl RoutingTable {
    /// Generation of the table; later ones are greater.
    pub fn generation(&self) -> u64 {
        self.generation
    }

    /// The slow layer.
    #[inline]
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// The fast layer: one entry per pool of the site.
    #[inline]
    pub fn pools(&self) -> &Pools {
        &self.pools
    }

    /// The shortcut of a plan to answers of a kind.
    #[inline]
    pub fn shortcut(&self, plan: PlanId, kind: Kind) -> Shortcut {
        self.shortcuts.get(plan, kind)
    }

    /// Answer counters of this topology; `None` if counting is off.
    pub fn counts(&self) -> Option<&Arc<Counts>> {
        self.counts.as_ref()
    }

    /// The row in which a worker counts its answers.
    #[inline]
    pub(crate) fn row(&self, worker: usize) -> Option<&Row> {
        self.counts.as_ref()?.row(worker)
    }

    /// This table with counters for this many workers, continuing those of `previous` if it has the same topology.
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

    /// The state of every endpoint.
    pub fn states(&self) -> States {
        self.pools.iter().map(|pool| pool.states().into()).collect()
    }

    /// True if both have the same topology: the same document, compiled with the same databases.
    pub fn has_topology_of(&self, other: &RoutingTable) -> bool {
        Arc::ptr_eq(&self.topology.site, &other.topology.site)
    }

    /// Memory in octets that grows with the document and the databases.
    pub fn memory(&self) -> usize {
        let columns: usize = self.topology.columns.iter().map(Column::memory).sum();
        let counts = self.counts.as_ref().map_or(0, |counts| counts.memory());
        let shortcuts = self.shortcuts.memory() + self.topology.plans.index_memory();
        self.topology.catalog.memory() + self.topology.index.memory() + columns + counts + shortcuts
    }
}
