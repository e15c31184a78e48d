//! What a change must leave as it is, or else be refused; and how many failures at once are not believed.

use std::sync::Arc;
use std::time::Duration;

/// The rules of `safety`; without any, only that services keep endpoints.
#[derive(Debug, Clone, PartialEq)]
pub struct Safety {
    /// Fewest data centers that must be up after a change; at least 1 and at most as many as there are.
    pub min_data_centers_up: Option<u32>,
    /// Most of the sampled traffic that a change may move; where there is no sample, of the address space, per service.
    pub max_traffic_moved: Option<Share>,
    /// Most of the address space that a change may move, per service.
    pub max_address_space_moved: Option<Share>,
    /// True where no change may leave a service without endpoints.
    pub require_endpoints: bool,
    /// When nothing may be changed.
    pub frozen: Vec<Window>,
    /// When failures are doubted; none where they never are.
    pub mass_failure: Option<MassFailure>,
}

/// So many hosts at once that the prober is doubted before they are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MassFailure {
    /// More than this share of all probed hosts that were up.
    pub share: Share,
    /// Within this time.
    pub within: Duration,
    /// How long failures are doubted after something has answered.
    pub hold: Duration,
    /// How long they are doubted while nothing answers; not shorter than `hold`.
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

/// A share of a whole, from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Share(pub f64);

/// A time during which nothing may be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// As the document writes it.
    pub text: Arc<str>,
    /// The first millisecond of it, since 1970-01-01 00:00 UTC.
    pub start: u64,
    /// The first millisecond after it, since 1970-01-01 00:00 UTC.
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
    /// True where `now`, in milliseconds since 1970-01-01 00:00 UTC, lies in it.
    pub fn contains(&self, now: u64) -> bool {
        (self.start..self.end).contains(&now)
    }
}
