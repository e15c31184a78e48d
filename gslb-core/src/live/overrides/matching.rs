//! Which endpoints of a site a pattern matches.

use crate::site::model::{Pool, Site};
use crate::site::pattern::{Pattern, glob};

impl Pattern {
    /// True if it matches the endpoint of `pool`.
    pub fn matches(&self, site: &Site, pool: &Pool, endpoint: &str) -> bool {
        let named = match self {
            Pattern::Endpoint { endpoint: pattern, .. } => glob(pattern, endpoint),
            _ => true,
        };
        named && self.may_meet(site, pool)
    }

    /// True if it could match some endpoint of `pool`.
    pub fn may_meet(&self, site: &Site, pool: &Pool) -> bool {
        match self {
            Pattern::DataCenter(pattern) => {
                let data_center = pool.data_center.and_then(|id| site.data_centers.get(id.0 as usize));
                data_center.is_some_and(|data_center| glob(pattern, &data_center.name))
            }
            Pattern::Pool(pattern) | Pattern::Endpoint { pool: pattern, .. } => glob(pattern, &pool.name),
        }
    }

    /// True if it matches any endpoint of the site. A pattern that matches none is usually a typo.
    pub fn means_any(&self, site: &Site) -> bool {
        let matched = |pool: &Pool| pool.endpoints.iter().any(|endpoint| self.matches(site, pool, &endpoint.name));
        site.pools.iter().any(matched)
    }
}
