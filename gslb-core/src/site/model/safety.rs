//! Rules that a change must not violate, and the threshold for a suspected mass failure.

use std::sync::Arc;
use std::time::Duration;

/// The rules of `safety`; by default only that services keep endpoints.
#[derive(Debug, Clone, PartialEq)]
pub struct Safety {
    /// Minimum number of data centers that must be up after a change; from 1 to the number of data centers.
    pub min_data_centers_up: Option<u32>,
    /// Maximum share of sampled traffic that a change may move; without a sample, of the address space, per service.
    pub max_traffic_moved: Option<Share>,
    /// Maximum share of the address space that a change may move, per service.
    pub max_address_space_moved: Option<Share>,
    /// True if no change may leave a service without endpoints.
    pub require_endpoints: bool,
    /// Intervals in which nothing may be changed.
    pub frozen: Vec<Window>,
    /// When many failures at once are held as a suspected prober fault; `None` turns that off.
    pub mass_failure: Option<MassFailure>,
}

/// Failures of so many hosts at once point to a fault of the prober rather than of the hosts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MassFailure {
    /// More than this share of all probed hosts that were up.
    pub share: Share,
    /// Within this time.
    pub within: Duration,
    /// How long failures are held after something has answered.
    pub hold: Duration,
    /// How long they are held while nothing answers; not less than `hold`.
    pub longest: Duration,
}

impl Default for MassFailure {
    fn default() -> MassFailure {
        MassFailure {
            share: Share(0.5),
            within: Duration::from_secs(10),
            hold: Duration::from_secs(10),
            longest: Duration::from_secs(300),
        }
    }
}

/// A share from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Share(pub f64);

/// An interval in which nothing may be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// As written in the document.
    pub text: Arc<str>,
    /// Start (inclusive), in milliseconds since 1970-01-01 00:00 UTC.
    pub start: u64,
    /// End (exclusive), in milliseconds since 1970-01-01 00:00 UTC.
    pub end: u64,
}

impl Default for Safety {
    fn default() -> Safety {
        Safety {
            min_data_centers_up: None,
            max_traffic_moved: None,
            max_address_space_moved: None,
            require_endpoints: true,
            frozen: Vec::new(),
            mass_failure: Some(MassFailure::default()),
        }
    }
}

impl Window {
    /// True if `now`, in milliseconds since 1970-01-01 00:00 UTC, is in it.
    pub fn contains(&self, now: u64) -> bool {
        (self.start..self.end).contains(&now)
    }
}
