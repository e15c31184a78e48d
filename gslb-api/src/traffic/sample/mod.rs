//! A sample of recent answers, which plans and rankings use. The DNS workers fill it.

mod finder;

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use gslb_core::diff::Sampled;
use gslb_core::dns::name::Name;
use gslb_core::table::RoutingTable;
use ipnet::IpNet;

pub use finder::RegionFinder;

/// An answer decided by a service.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct SampledAnswer {
    /// Name of the service.
    pub service: Name,
    /// Network of the client.
    pub client: IpNet,
    /// The first pool in the answer; `None` if it had none.
    pub pool: Option<Arc<str>>,
}

/// Access to the answers of the last minutes, each with the number of answers it represents.
#[derive(Clone)]
pub struct Sample(Arc<dyn Fn() -> Vec<(SampledAnswer, u64)> + Send + Sync>);

impl Sample {
    /// A sample read by calling `read`.
    pub fn new(read: impl Fn() -> Vec<(SampledAnswer, u64)> + Send + Sync + 'static) -> Self {
        Self(Arc::new(read))
    }

    /// The answers.
    pub fn read(&self) -> Vec<(SampledAnswer, u64)> {
        (self.0)()
    }

    /// The answers for services of `table`, in the form that comparisons take.
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
    /// An empty sample.
    fn default() -> Self {
        Self::new(Vec::new)
    }
}

impl fmt::Debug for Sample {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Sample")
    }
}
