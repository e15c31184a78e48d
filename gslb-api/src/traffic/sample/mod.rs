//! What was answered lately, by name: whoever answers keeps it, and plans and rankings are held against it.

mod finder;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use gslb_core::diff::Sampled;
use gslb_core::dns::name::Name;
use gslb_core::table::RoutingTable;
use ipnet::IpNet;

pub use finder::RegionFinder;

/// An answer that a service decided.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SampledAnswer {
    /// Its name.
    pub service: Name,
    /// The network that it was decided for.
    pub client: IpNet,
    /// The first pool that was named; none where nobody was.
    pub pool: Option<Arc<str>>,
}

/// Where the answers of the last minutes are to be had, each once and with the number of those that it stands for.
#[derive(Clone)]
pub struct Sample(Arc<dyn Fn() -> Vec<(SampledAnswer, u64)> + Send + Sync>);

impl Sample {
    /// A sample that `read` gives.
    pub fn new(read: impl Fn() -> Vec<(SampledAnswer, u64)> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The answers.
    pub fn read(&self) -> Vec<(SampledAnswer, u64)> {
        (self.0)()
    }

    /// The answers for services of `table`, as a comparison takes them.
    pub fn of(&self, table: &RoutingTable) -> Vec<Sampled> {
        let services = &table.topology().site.services;
        let numbers: HashMap<&Name, u32> = services.iter().map(|service| &service.name).zip(0..).collect();
        let sampled = |(answer, weight): (SampledAnswer, u64)| {
            let service = *numbers.get(&answer.service)?;
            Some(Sampled { service, client: answer.client, weight })
        };
        self.read().into_iter().filter_map(sampled).collect()
    }
}

impl Default for Sample {
    /// One that is always empty.
    fn default() -> Self {
        Self::new(Vec::new)
    }
}

impl fmt::Debug for Sample {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Sample")
    }
}
