//! Answers of services and pools since start, by name. Counts survive the replacement of their table.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use gslb_core::dns::name::Name;
use gslb_core::live::fallback::Fallback;
use gslb_core::site::model::Site;
use gslb_core::table::counts::{Counts, ServiceAnswers};
use gslb_core::table::{Published, RoutingTable};
use parking_lot::Mutex;

/// Names of the fallback kinds.
pub const KINDS: [&str; 6] = ["without-weight", "serve-all", "last-up", "pool", "nodata", "servfail"];

/// Answers of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Answers {
    /// All answers.
    pub all: u64,
    /// The fallbacks among them, by [kind](KINDS).
    pub fallbacks: [u64; KINDS.len()],
}

/// Sums over all tables since start.
pub struct Ledger {
    published: Arc<Published>,
    /// Sums of retired tables, for names that are still in the document.
    past: Mutex<Past>,
}

#[derive(Default)]
struct Past {
    services: HashMap<Name, Answers>,
    pools: HashMap<Arc<str>, u64>,
}

/// Answers of the services and pools of the active document, in document order.
pub struct Sums {
    /// The topology whose ids index the lists.
    pub counts: Arc<Counts>,
    /// By service.
    pub services: Vec<Answers>,
    /// By pool: the answers that contain its endpoints.
    pub pools: Vec<u64>,
}

impl Answers {
    fn add(&mut self, other: &Self) {
        self.all += other.all;
        self.fallbacks.iter_mut().zip(other.fallbacks).for_each(|(sum, more)| *sum += more);
    }
}

impl Ledger {
    /// A ledger of the tables of `published`.
    pub fn new(published: Arc<Published>) -> Self {
        Self { published, past: Mutex::default() }
    }

    /// Counters that are not settled yet, the latest last.
    pub fn topologies(&self) -> Vec<Arc<Counts>> {
        self.published.counts()
    }

    /// The published table.
    pub fn table(&self) -> Arc<RoutingTable> {
        Arc::clone(&self.published.load())
    }

    /// Gives workers counters of their own for what they have answered often since the last call. Call it about once a
    /// second.
    pub fn make_wanted_counters(&self) {
        self.published.counts().iter().for_each(|counts| counts.make_wanted());
    }

    /// Adds up the counters of retired tables. Call it periodically, so that retired tables do not pile up.
    pub fn settle(&self) {
        let mut past = self.past.lock();
        let finished = self.published.take_finished();
        if finished.is_empty() {
            return;
        }
        for counts in &finished {
            past.add(counts);
        }
        if let Some(latest) = self.published.counts().last() {
            past.keep(&latest.topology().site);
        }
    }

    /// The current sums; `None` if there are no counters.
    pub fn read(&self) -> Option<Sums> {
        // Keep the lock, so that no counts are settled in between.
        let past = self.past.lock();
        let mut topologies = self.published.counts();
        let counts = topologies.pop()?;
        let mut before = Past::default();
        topologies.iter().for_each(|counts| before.add(counts));
        let site = &counts.topology().site;
        let mut services: Vec<Answers> = answers(&counts).collect();
        let mut pools: Vec<u64> = counts.pools().collect();
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
        Some(Sums { counts, services, pools })
    }
}

impl Past {
    fn add(&mut self, counts: &Counts) {
        let site = &counts.topology().site;
        for (service, answers) in site.services.iter().zip(answers(counts)).filter(|(_, answers)| answers.all > 0) {
            self.services.entry(service.name.clone()).or_default().add(&answers);
        }
        for (pool, count) in site.pools.iter().zip(counts.pools()).filter(|(_, count)| *count > 0) {
            *self.pools.entry(Arc::clone(&pool.name)).or_default() += count;
        }
    }

    /// Forgets names that are no longer in the document.
    fn keep(&mut self, site: &Site) {
        let services: HashSet<&Name> = site.services.iter().map(|service| &service.name).collect();
        let pools: HashSet<&str> = site.pools.iter().map(|pool| &*pool.name).collect();
        self.services.retain(|name, _| services.contains(name));
        self.pools.retain(|name, _| pools.contains(&**name));
    }
}

/// The answers of each service of a topology.
fn answers(counts: &Counts) -> impl Iterator<Item = Answers> {
    let services = counts.topology().site.services.iter();
    services.zip(counts.services()).map(|(service, counts)| {
        let ServiceAnswers { answers, without_weight, last_resort, none } = counts;
        let mut fallbacks = [0; KINDS.len()];
        let counted =
            [(Fallback::WithoutWeight, without_weight), (Fallback::LastResort, last_resort), (Fallback::Nobody, none)];
        for (fallback, count) in counted {
            let kind = fallback.kind(service.when_all_down);
            if let Some(sum) = KINDS.iter().position(|known| *known == kind).and_then(|at| fallbacks.get_mut(at)) {
                *sum += count;
            }
        }
        Answers { all: answers, fallbacks }
    })
}
