//! Samples of answers: collected from the workers every second, resolved to names, and kept for dry runs and rankings.

mod regions;
mod reservoir;
pub mod window;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use gslb_api::traffic::sample::SampledAnswer;
use gslb_core::respond::SteeredAnswer;
use gslb_core::table::counts::Counts;
use ipnet::IpNet;
use parking_lot::Mutex;

pub use regions::RegionAnswers;
pub use reservoir::Reservoir;
pub use window::Window;

/// Total capacity of all workers' reservoirs for one second.
const TOTAL_CAPACITY: usize = 1024;
/// Minimum and maximum capacity of one worker.
const WORKER_CAPACITY: (usize, usize) = (16, 256);

/// Prefix lengths for resolvers that send no client subnet (RFC 7871 section 11.1).
const RESOLVER_BITS: (u8, u8) = (24, 56);

/// The capacity of each of `workers` reservoirs.
pub(crate) fn worker_capacity(workers: usize) -> usize {
    (TOTAL_CAPACITY / workers.max(1)).clamp(WORKER_CAPACITY.0, WORKER_CAPACITY.1)
}

/// The sample of all answers.
#[derive(Debug, Default)]
pub struct Sample {
    /// The answers of the last minutes.
    pub window: Window,
    totals: Mutex<SampleTotals>,
}

/// Counts since start.
#[derive(Debug, Default, Clone)]
pub struct SampleTotals {
    /// Steered answers that the sample represents.
    pub answers: u64,
    /// Of these, those that were dropped early.
    pub lost: u64,
    /// By region of the client and data center of the answer.
    pub regions: RegionAnswers,
}

impl Sample {
    /// Collects the `samples` of the workers, then reads `topologies`, in that order: then no answer is from a newer
    /// table.
    pub fn gather<'r>(
        &self,
        samples: impl Iterator<Item = &'r Mutex<Reservoir>>,
        topologies: impl FnOnce() -> Vec<Arc<Counts>>,
        now: Instant,
    ) {
        let mut totals = self.totals.lock();
        let mut named = Vec::new();
        let answers: Vec<(SteeredAnswer, u64)> = samples.flat_map(taken).collect();
        let topologies = topologies();
        for (answer, weight) in answers {
            totals.answers += weight;
            let topology_id = topologies.iter().find(|topology_id| topology_id.topology_id() == answer.topology_id);
            match topology_id.and_then(|topology_id| Some((topology_id, name(topology_id, &answer)?))) {
                Some((topology_id, name)) => {
                    totals.regions.add(topology_id, &answer, weight);
                    named.push((name, weight));
                }
                None => totals.lost += weight,
            }
        }
        if let Some(latest) = topologies.last() {
            totals.regions.keep(latest);
        }
        totals.lost += self.window.add(named, now);
    }

    /// The current totals.
    pub fn totals(&self) -> SampleTotals {
        self.totals.lock().clone()
    }
}

/// Empties a reservoir. Its lock is held only to swap two pointers.
fn taken(reservoir: &Mutex<Reservoir>) -> Vec<(SteeredAnswer, u64)> {
    let fresh = Vec::with_capacity(WORKER_CAPACITY.1);
    // If the worker has it, try again next time: it holds the lock only for a moment.
    reservoir.try_lock().map_or_else(Vec::new, |mut reservoir| reservoir.take(fresh))
}

/// The answer with names, which remain valid when its table is replaced.
fn name(topology_id: &Counts, answer: &SteeredAnswer) -> Option<SampledAnswer> {
    let site = &topology_id.topology().site;
    let service = site.services.get(answer.service as usize)?.name.clone();
    let pool = answer.pool.and_then(|pool| site.pools.get(pool.0 as usize)).map(|pool| Arc::clone(&pool.name));
    Some(SampledAnswer { service, client: network(answer), pool })
}

/// The client network of a decision.
fn network(answer: &SteeredAnswer) -> IpNet {
    let client = IpAddr::from(answer.client);
    let bits = answer.source.unwrap_or(match client {
        IpAddr::V4(_) => RESOLVER_BITS.0,
        IpAddr::V6(_) => RESOLVER_BITS.1,
    });
    IpNet::new(client, bits).unwrap_or_else(|_| client.into()).trunc()
}
