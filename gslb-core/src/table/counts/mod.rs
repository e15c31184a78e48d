//! Answer counters per service and pool: one row per worker, written only by that worker.

use super::Topology;
use crate::count::Count;
use crate::live::fallback::Fallback;
use crate::site::model::{PoolId, WhenAllDown};

/// Counters per service.
const OF_SERVICE: usize = 4;
/// Counters per two cache lines: the one in use and the one prefetched with it.
const LINE: usize = 16;

/// Counters of all services and pools of a topology, shared by all tables with that topology.
#[derive(Debug)]
pub struct Counts {
    topology: Topology,
    topology_id: u64,
    rows: Box<[Row]>,
}

/// One worker's counters. Rows never share a cache line.
#[derive(Debug)]
pub struct Row {
    /// See [`Counts::topology_id`].
    pub topology_id: u64,
    lines: Box<[Line]>,
    /// Index of the first pool counter.
    pools: usize,
}

#[derive(Debug, Default)]
#[repr(align(128))]
struct Line([Count; LINE]);

/// The answers of one service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ServiceAnswers {
    /// All answers, including the ones below.
    pub answers: u64,
    /// Answers with [`Fallback::WithoutWeight`].
    pub without_weight: u64,
    /// Answers with [`Fallback::LastResort`].
    pub last_resort: u64,
    /// Answers with [`Fallback::Nobody`].
    pub none: u64,
}

impl Row {
    fn new(topology_id: u64, services: usize, pools: usize) -> Row {
        let numbers = services * OF_SERVICE + pools;
        let lines = (0..numbers.div_ceil(LINE)).map(|_| Line::default()).collect();
        Row { topology_id, lines, pools: services * OF_SERVICE }
    }

    #[inline]
    fn cell(&self, at: usize) -> Option<&Count> {
        self.lines.get(at / LINE)?.0.get(at % LINE)
    }

    #[inline]
    fn add(&self, at: usize) {
        if let Some(cell) = self.cell(at) {
            cell.add(1);
        }
    }

    /// Counts an answer of a service.
    #[inline]
    pub fn answered(&self, service: u32, fallback: Option<Fallback>) {
        let at = service as usize * OF_SERVICE;
        self.add(at);
        if let Some(fallback) = fallback {
            self.add(at + 1 + fallback as usize);
        }
    }

    /// Counts an answer that contains endpoints of a pool.
    #[inline]
    pub fn named(&self, pool: PoolId) {
        self.add(self.pools + pool.0 as usize);
    }
}

impl Counts {
    /// All zero, for this many workers.
    pub(super) fn new(topology: Topology, topology_id: u64, workers: usize) -> Counts {
        let (services, pools) = (topology.site.services.len(), topology.site.pools.len());
        Counts { topology, topology_id, rows: (0..workers).map(|_| Row::new(topology_id, services, pools)).collect() }
    }

    /// Identifies the topology; later ones are greater.
    pub fn topology_id(&self) -> u64 {
        self.topology_id
    }

    /// The topology that is counted.
    pub fn topology(&self) -> &Topology {
        &self.topology
    }

    /// The row of a worker.
    #[inline]
    pub fn row(&self, worker: usize) -> Option<&Row> {
        self.rows.get(worker)
    }

    fn sum(&self, at: usize) -> u64 {
        self.rows.iter().filter_map(|row| row.cell(at)).map(Count::get).sum()
    }

    /// Sums over all workers for each service, in site order.
    pub fn services(&self) -> impl Iterator<Item = ServiceAnswers> {
        (0..self.topology.site.services.len()).map(|service| {
            let at = service * OF_SERVICE;
            let [answers, without_weight, last_resort, none] = [at, at + 1, at + 2, at + 3].map(|cell| self.sum(cell));
            ServiceAnswers { answers, without_weight, last_resort, none }
        })
    }

    /// Answers that contain endpoints of each pool, in site order.
    pub fn pools(&self) -> impl Iterator<Item = u64> {
        let start = self.topology.site.services.len() * OF_SERVICE;
        (start..start + self.topology.site.pools.len()).map(|at| self.sum(at))
    }

    /// Memory in octets.
    pub fn memory(&self) -> usize {
        self.rows.iter().map(|row| size_of_val(&*row.lines)).sum()
    }
}

impl Fallback {
    /// The metric label of this fallback for a service with this `when_all_down`.
    pub fn kind(self, when_all_down: WhenAllDown) -> &'static str {
        match (self, when_all_down) {
            (Fallback::WithoutWeight, _) => "without-weight",
            (Fallback::Nobody, _) | (_, WhenAllDown::NoData) => "nodata",
            (_, WhenAllDown::ServeAll) => "serve-all",
            (_, WhenAllDown::LastUp) => "last-up",
            (_, WhenAllDown::ServFail) => "servfail",
            (_, WhenAllDown::Pool(_)) => "pool",
        }
    }
}
