//! A sample of what is answered: taken from the workers every second, given names, and kept for plans and rankings.

mod regions;
mod reservoir;
pub mod window;

use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::Instant;

use gslb_api::traffic::sample::SampledAnswer;
use gslb_core::respond::SteeredAnswer;
use gslb_core::table::counts::Counts;
use ipnet::IpNet;

pub use regions::RegionAnswers;
pub use reservoir::Reservoir;
pub use window::Window;

/// Answers of all workers that are kept from one second to the next.
const ROOM: usize = 1024;
/// Fewest and most that one worker keeps.
const ROOM_OF_ONE: (usize, usize) = (16, 256);

/// How a resolver is known where it told no client subnet: the prefixes that RFC 7871 section 11.1 names.
const RESOLVER_BITS: (u8, u8) = (24, 56);

/// How many answers each of so many workers keeps.
pub(crate) fn room(workers: usize) -> usize {
    (ROOM / workers.max(1)).clamp(ROOM_OF_ONE.0, ROOM_OF_ONE.1)
}

/// What is known of answers from the sample.
#[derive(Debug, Default)]
pub struct Sample {
    /// The answers of the last minutes.
    pub window: Window,
    told: Mutex<Told>,
}

/// Counts since start.
#[derive(Debug, Default, Clone)]
pub struct Told {
    /// Steered answers that the sample stood for.
    pub answers: u64,
    /// Of these, those that could not be kept for their time.
    pub lost: u64,
    /// By region of the client and data center of the answer.
    pub regions: RegionAnswers,
}

impl Sample {
    /// Takes what the workers have in `samples`, as answered from tables of `topologies`, which is asked after that: no answer is of a
    /// table that is newer.
    pub fn gather<'r>(
        &self,
        samples: impl Iterator<Item = &'r Mutex<Reservoir>>,
        topologies: impl FnOnce() -> Vec<Arc<Counts>>,
        now: Instant,
    ) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let mut named = Vec::new();
        let answers: Vec<(SteeredAnswer, u64)> = samples.flat_map(taken).collect();
        let topologies = topologies();
        for (answer, weight) in answers {
            told.answers += weight;
            let topology_id = topologies.iter().find(|topology_id| topology_id.topology_id() == answer.topology_id);
            match topology_id.and_then(|topology_id| Some((topology_id, name(topology_id, &answer)?))) {
                Some((topology_id, name)) => {
                    told.regions.add(topology_id, &answer, weight);
                    named.push((name, weight));
                }
                None => told.lost += weight,
            }
        }
        if let Some(latest) = topologies.last() {
            told.regions.keep(latest);
        }
        told.lost += self.window.add(named, now);
    }

    /// The counts of now.
    pub fn told(&self) -> Told {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What is in a reservoir. Its worker does without it for as long as it takes to exchange two pointers.
fn taken(reservoir: &Mutex<Reservoir>) -> Vec<(SteeredAnswer, u64)> {
    let fresh = Vec::with_capacity(ROOM_OF_ONE.1);
    match reservoir.try_lock() {
        Ok(mut reservoir) => reservoir.take(fresh),
        Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner().take(fresh),
        // Next time: the worker holds it for a moment only.
        Err(TryLockError::WouldBlock) => Vec::new(),
    }
}

/// The answer by names, which hold beyond the table that it came from.
fn name(topology_id: &Counts, answer: &SteeredAnswer) -> Option<SampledAnswer> {
    let site = &topology_id.topology().site;
    let service = site.services.get(answer.service as usize)?.name.clone();
    let pool = answer.pool.and_then(|pool| site.pools.get(pool.0 as usize)).map(|pool| Arc::clone(&pool.name));
    Some(SampledAnswer { service, client: network(answer), pool })
}

/// The network that a decision was made for.
fn network(answer: &SteeredAnswer) -> IpNet {
    let bits = answer.source.unwrap_or(match answer.client {
        IpAddr::V4(_) => RESOLVER_BITS.0,
        IpAddr::V6(_) => RESOLVER_BITS.1,
    });
    IpNet::new(answer.client, bits).unwrap_or_else(|_| answer.client.into()).trunc()
}
