//! Where a node is that measures latencies.

use std::sync::Arc;

use geoip::{Coordinate, CountryCode};

/// A node's place, under the name that its `gslb.toml` gives the node.
#[derive(Debug, Clone, PartialEq)]
pub struct Vantage {
    /// Its key in the document.
    pub name: Arc<str>,
    /// Country, where the document has it.
    pub country: Option<CountryCode>,
    /// Where it stands: as written, or else its country's coordinate. None in no document that is accepted.
    pub coordinate: Option<Coordinate>,
    /// It speaks for clients within this great-circle distance, in kilometres.
    pub reach_km: u32,
}

/// Reach of a vantage that has none written, in kilometres: about a continent.
pub const DEFAULT_REACH_KM: u32 = 3_000;
/// Greatest reach, in kilometres: the whole of Earth.
pub const MAX_REACH_KM: u32 = 20_038;
