//! Latency-based ordering: measured latencies in, accepted orders of data centers out; no I/O and no clock.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use geoip::{Continent, CountryCode};

mod book;
mod clients;
mod nearest;
mod ranking;
mod smooth;

pub use book::{Book, Measurements, ROUND};
pub(crate) use clients::Areas;
pub use clients::{
    CLIENTS_LAST, Clients, InvalidObservation, MAX_CELLS, MAX_CLIENTS, MAX_LATENCY, MIN_CLIENTS, Observation,
};
pub use ranking::{FORGOTTEN_AFTER, MARGIN, RATIO, ROUNDS, Ranking};
pub use smooth::Smoothed;

/// The accepted orders, which `latency` policies use. Two values are equal if their orders are, so that noise does not
/// cause a new table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Latencies {
    /// Measured by nodes, by vantage name.
    pub vantages: BTreeMap<Arc<str>, Order>,
    /// Measured by clients.
    pub areas: BTreeMap<Area, Order>,
}

/// Data centers, lowest latency first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Order(pub Vec<Measured>);

/// A data center's latency when its position in an order was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// Name of the data center.
    pub data_center: Arc<str>,
    /// The smoothed latency.
    pub milliseconds: u32,
}

/// A group of clients whose measurements are aggregated.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Area {
    /// A region of the document, by name.
    Region(Arc<str>),
    /// A country.
    Country(CountryCode),
    /// A continent.
    Continent(Continent),
}

impl fmt::Display for Area {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Area::Region(name) => write!(out, "region {name}"),
            Area::Country(code) => write!(out, "country {code}"),
            Area::Continent(code) => write!(out, "continent {code}"),
        }
    }
}
