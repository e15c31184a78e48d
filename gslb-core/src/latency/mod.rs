//! How far is it? Measured latencies in, accepted orders of data centers out; no I/O and no clock.

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

/// What is accepted of all that was measured: what `latency` policies go by. Equal as long as no order has changed, so
/// that noise makes no new table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Latencies {
    /// As nodes measured, by the names of their vantages.
    pub vantages: BTreeMap<Arc<str>, Order>,
    /// As clients measured.
    pub areas: BTreeMap<Area, Order>,
}

/// Data centers, the one with the lowest latency first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Order(pub Vec<Measured>);

/// A data center's latency when its place in an order was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Measured {
    /// Name of the data center.
    pub data_center: Arc<str>,
    /// The smoothed latency.
    pub milliseconds: u32,
}

/// Clients whose measurements are taken together.
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
