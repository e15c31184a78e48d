//! Prometheus metrics: one collector for each concern, run at every scrape.

pub mod api;
mod busiest;
pub mod certificate;
pub mod control;
pub mod dns;
pub mod dnstap;
mod family;
pub mod health;
pub mod log;
pub mod overrides;
pub mod pools;
pub mod probes;
pub mod process;
mod reach;
pub mod restarts;
pub mod sample;
mod scrapes;
pub mod services;
pub mod store;
pub mod table;

use prometheus::core::{Collector as Registered, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{Registry, TextEncoder};
use std::collections::HashMap;

pub use family::Family;
pub use scrapes::Scrapes;

/// The media type of the text format; Prometheus 3 rejects responses without it.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Gathers the metrics of one concern.
pub struct Collector {
    concern: Desc,
    gather: Box<dyn Fn() -> Vec<Family> + Send + Sync>,
}

impl Collector {
    /// A collector; `concern` is a unique lower-case word.
    ///
    /// # Panics
    /// If `concern` is not a valid metric name.
    pub fn new(concern: &str, gather: impl Fn() -> Vec<Family> + Send + Sync + 'static) -> Self {
        let concern = Desc::new(format!("gslb_{concern}"), concern.to_owned(), Vec::new(), HashMap::new());
        Self { concern: concern.expect("a word is a name"), gather: Box::new(gather) }
    }
}

impl Registered for Collector {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.concern]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        (self.gather)().into_iter().map(Family::finish).collect()
    }
}

/// All metrics of the process.
pub struct Metrics(Registry);

impl Metrics {
    /// A registry of these collectors.
    ///
    /// # Panics
    /// If two collectors have the same concern.
    pub fn new(collectors: impl IntoIterator<Item = Collector>) -> Self {
        let registry = Registry::new();
        for collector in collectors {
            registry.register(Box::new(collector)).expect("every concern has one collector");
        }
        process::register(&registry);
        Self(registry)
    }

    /// All metrics in the text format.
    ///
    /// # Errors
    /// If encoding fails, which is a bug.
    pub fn exposition(&self) -> Result<String, prometheus::Error> {
        TextEncoder::new().encode_to_string(&self.0.gather())
    }
}
