//! A location from which a node measures latencies.

use std::sync::Arc;

use geoip::{Coordinate, CountryCode};

/// The location of a node, under the name that its `gslb.toml` gives the node.
#[derive(Debug, Clone, PartialEq)]
pub struct Vantage {
    /// Its key in the document.
    pub name: Arc<str>,
    /// Country, if the document has it.
    pub country: Option<CountryCode>,
    /// Its coordinate: as written, or else its country's. Always set in an accepted document.
    pub coordinate: Option<Coordinate>,
    /// Its measurements apply to clients within this great-circle distance, in kilometers.
    pub reach_km: u32,
}

/// Default reach of a vantage in kilometers: about a continent.
pub const DEFAULT_REACH_KM: u32 = 3_000;
/// Maximum reach in kilometers: the whole Earth.
pub const MAX_REACH_KM: u32 = 20_038;
