//! Which endpoints of a site a pattern names.

use crate::site::model::{Pool, Site};
use crate::site::pattern::{Pattern, glob};

impl Pattern {
    /// True where the endpoint of `pool` is meant.
    pub fn matches(&self, site: &Site, pool: &Pool, endpoint: &str) -> bool {
        let named = match self {
            Pattern::Endpoint { endpoint: pattern, .. } => glob(pattern, endpoint),
            _ => true,
        };
        named && self.may_meet(site, pool)
    }

    /// True where some endpoint of `pool` could be meant.
    pub fn may_meet(&self, site: &Site, pool: &Pool) -> bool {
        match self {
            Pattern::DataCenter(pattern) => {
                let data_center = pool.data_center.and_then(|id| site.data_centers.get(id.0 as usize));
                data_center.is_some_and(|data_center| glob(pattern, &data_center.name))
            }
            Pattern::Pool(pattern) | Pattern::Endpoint { pool: pattern, .. } => glob(pattern, &pool.name),
        }
    }

    /// True where the pattern means any endpoint of the site. One that means none is mostly a slip.
    pub fn means_any(&self, site: &Site) -> bool {
        let meant = |pool: &Pool| pool.endpoints.iter().any(|endpoint| self.matches(site, pool, &endpoint.name));
        site.pools.iter().any(meant)
    }
}
