//! What services and pools have answered since start, by name: a table that is replaced takes nothing with it.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, PoisonError};

use gslb_core::dns::name::Name;
use gslb_core::live::fallback::Fallback;
use gslb_core::site::model::Site;
use gslb_core::table::counts::{Counts, ServiceAnswers};
use gslb_core::table::{Published, RoutingTable};

/// Kinds of fallbacks, by what they are called.
pub const KINDS: [&str; 6] = ["without-weight", "serve-all", "last-up", "pool", "nodata", "servfail"];

/// Answers of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Answers {
    /// All.
    pub all: u64,
    /// Of these, fallbacks by [kind](KINDS).
    pub fallbacks: [u64; KINDS.len()],
}

/// Sums over all tables since start.
pub struct Ledger {
    published: Arc<Published>,
    /// Of tables that nobody answers from any more; only of what is still in the document.
    past: Mutex<Past>,
}

#[derive(Default)]
struct Past {
    services: HashMap<Name, Answers>,
    pools: HashMap<Arc<str>, u64>,
}

/// What the services and pools of the document in force have answered, in its order.
pub struct Sums {
    /// Their numbers are the places in the lists.
    pub topology_id: Arc<Counts>,
    /// By service.
    pub services: Vec<Answers>,
    /// By pool: the answers that name endpoints of it.
    pub pools: Vec<u64>,
}

impl Answers {
    fn add(&mut self, other: &Self) {
        self.all += other.all;
        self.fallbacks.iter_mut().zip(other.fallbacks).for_each(|(sum, more)| *sum += more);
    }
}

impl Ledger {
    /// Sums of what is counted where `published` is answered from.
    pub fn new(published: Arc<Published>) -> Self {
        Self { published, past: Mutex::default() }
    }

    /// What is answered from now, and was not settled yet, the latest last.
    pub fn topologies(&self) -> Vec<Arc<Counts>> {
        self.published.counts()
    }

    /// The table in force.
    pub fn table(&self) -> Arc<RoutingTable> {
        Arc::clone(&self.published.load())
    }

    /// Adds up what is over. To be called now and then, so that replaced tables do not pile up.
    pub fn settle(&self) {
        let mut past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        let finished = self.published.take_finished();
        if finished.is_empty() {
            return;
        }
        for topology_id in &finished {
            past.add(topology_id);
        }
        if let Some(latest) = self.published.counts().last() {
            past.keep(&latest.topology().site);
        }
    }

    /// The sums of now; none where nobody counts.
    pub fn read(&self) -> Option<Sums> {
        // Held meanwhile, so that nothing moves from the editions to the past.
        let past = self.past.lock().unwrap_or_else(PoisonError::into_inner);
        let mut topologies = self.published.counts();
        let topology_id = topologies.pop()?;
        let mut before = Past::default();
        topologies.iter().for_each(|topology_id| before.add(topology_id));
        let site = &topology_id.topology().site;
        let mut services: Vec<Answers> = answers(&topology_id).collect();
        let mut pools: Vec<u64> = topology_id.pools().collect();
        for earlier in [&*past, &before] {
            if !earlier.services.is_empty() {
                let known = site.services.iter().map(|service| earlier.services.get(&service.name));
                services.iter_mut().zip(known).for_each(|(sum, more)| sum.add(more.unwrap_or(&Answers::default())));
            }
            if !earlier.pools.is_empty() {
                let known = site.pools.iter().map(|pool| earlier.pools.get(&pool.name));
                pools.iter_mut().zip(known).for_each(|(sum, more)| *sum += more.unwrap_or(&0));
            }
        }
        Some(Sums { topology_id, services, pools })
    }
}

impl Past {
    fn add(&mut self, topology_id: &Counts) {
        let site = &topology_id.topology().site;
        for (service, answers) in site.services.iter().zip(answers(topology_id)).filter(|(_, answers)| answers.all > 0)
        {
            self.services.entry(service.name.clone()).or_default().add(&answers);
        }
        for (pool, count) in site.pools.iter().zip(topology_id.pools()).filter(|(_, count)| *count > 0) {
            *self.pools.entry(Arc::clone(&pool.name)).or_default() += count;
        }
    }

    /// Forgets what is in the document no more.
    fn keep(&mut self, site: &Site) {
        let services: HashSet<&Name> = site.services.iter().map(|service| &service.name).collect();
        let pools: HashSet<&str> = site.pools.iter().map(|pool| &*pool.name).collect();
        self.services.retain(|name, _| services.contains(name));
        self.pools.retain(|name, _| pools.contains(&**name));
    }
}

/// The answers of each service of an edition.
fn answers(topology_id: &Counts) -> impl Iterator<Item = Answers> {
    let services = topology_id.topology().site.services.iter();
    services.zip(topology_id.services()).map(|(service, counts)| {
        let ServiceAnswers { answers, without_weight, last_resort, nobody } = counts;
        let mut fallbacks = [0; KINDS.len()];
        let counted = [
            (Fallback::WithoutWeight, without_weight),
            (Fallback::LastResort, last_resort),
            (Fallback::Nobody, nobody),
        ];
        for (fallback, count) in counted {
            let kind = fallback.kind(service.when_all_down);
            if let Some(sum) = KINDS.iter().position(|known| *known == kind).and_then(|at| fallbacks.get_mut(at)) {
                *sum += count;
            }
        }
        Answers { all: answers, fallbacks }
    })
}
