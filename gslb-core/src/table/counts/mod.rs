//! Answer counters per service and pool: each worker has a row of its own, and in a large document shares what it uses
//! rarely.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Topology;
use crate::count::SharedCount;
use crate::live::fallback::Fallback;
use crate::site::model::{PoolId, WhenAllDown};

mod row;

/// Counters per service.
const OF_SERVICE: usize = 4;
/// If the rows of all workers take no more than this many octets, each has all counters from the start.
const MOST_WHOLE: usize = 8 << 20;
/// Maximum octets of the counters that workers get for themselves later.
const MOST_OWN: usize = 8 << 20;

/// Counters of all services and pools of a topology, shared by all tables with that topology.
#[derive(Debug)]
pub struct Counts {
    topology: Topology,
    topology_id: u64,
    rows: Box<[Row]>,
    /// Counters of all workers for what they answer rarely; empty if every row has all counters.
    shared: Arc<[SharedCount]>,
    /// How many chunks workers have got for themselves.
    chunks: AtomicUsize,
}

/// One worker's counters.
#[derive(Debug)]
pub struct Row {
    /// See [`Counts::topology_id`].
    pub topology_id: u64,
    counters: row::Row,
    /// Index of the first pool counter.
    pools: usize,
}

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
    /// Counts an answer of a service.
    #[inline]
    pub fn answered(&self, service: u32, fallback: Option<Fallback>) {
        let at = service as usize * OF_SERVICE;
        self.counters.add(at);
        if let Some(fallback) = fallback {
            self.counters.add(at + 1 + fallback as usize);
        }
    }

    /// Counts an answer that contains endpoints of a pool.
    #[inline]
    pub fn named(&self, pool: PoolId) {
        self.counters.add(self.pools + pool.0 as usize);
    }
}

impl Counts {
    /// All zero, for this many workers.
    pub(super) fn new(topology: Topology, topology_id: u64, workers: usize) -> Counts {
        let pools = topology.site.services.len() * OF_SERVICE;
        let numbers = pools + topology.site.pools.len();
        let is_whole = row::Row::whole_memory(numbers) * workers <= MOST_WHOLE;
        let shared: Arc<[SharedCount]> =
            (0..if is_whole { 0 } else { numbers }).map(|_| SharedCount::default()).collect();
        let counters = || if is_whole { row::Row::whole(numbers) } else { row::Row::chunked(&shared) };
        let rows = (0..workers).map(|_| Row { topology_id, counters: counters(), pools }).collect();
        Counts { topology, topology_id, rows, shared, chunks: AtomicUsize::new(0) }
    }

    /// Gives each worker counters of its own for what it has answered often since the last call, until they take
    /// `MOST_OWN` octets in all. Call it about once a second, on a thread that may allocate, and on one thread only.
    pub fn make_wanted(&self) {
        let mut chunks = self.chunks.load(Ordering::Relaxed);
        for row in &self.rows {
            let left = (MOST_OWN / row::Row::chunk_memory()).saturating_sub(chunks);
            chunks += row.counters.make_wanted(left);
        }
        self.chunks.store(chunks, Ordering::Relaxed);
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
        let own: u64 = self.rows.iter().map(|row| row.counters.get(at)).sum();
        own + self.shared.get(at).map_or(0, SharedCount::get)
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
        self.rows.iter().map(|row| row.counters.memory()).sum::<usize>() + size_of_val(&*self.shared)
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
