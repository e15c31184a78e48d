//! Finds the override targets that match an endpoint by name, since 1,000 overrides of 100 globs may apply to 100,000
//! endpoints.

use super::globs::Globs;
use crate::site::model::{Pool, Site};
use crate::site::pattern::Pattern;

/// Patterns by number, in the order given.
#[derive(Debug, Default)]
pub(crate) struct Matcher<'p> {
    data_centers: By<'p>,
    pools: By<'p>,
    endpoints: By<'p>,
    /// Endpoint patterns by the glob of their pool.
    pools_of_endpoints: By<'p>,
    /// Whether each pattern is for endpoints and could match one of the current pool.
    near: Vec<bool>,
    /// The patterns for which that is true.
    nearby: Vec<u32>,
    /// Patterns that match the whole current pool.
    around: Vec<u32>,
    scratch: Vec<u32>,
}

/// Patterns by one of their globs.
#[derive(Debug, Default)]
struct By<'p> {
    globs: Globs<'p>,
    /// The patterns with each glob, by glob number.
    patterns: Vec<Vec<u32>>,
}

impl<'p> Matcher<'p> {
    /// Builds a matcher for these patterns.
    pub(crate) fn new(patterns: impl Iterator<Item = &'p Pattern>) -> Self {
        let mut matcher = Self::default();
        for (pattern, number) in patterns.zip(0..) {
            match pattern {
                Pattern::DataCenter(name) => matcher.data_centers.add(name, number),
                Pattern::Pool(name) => matcher.pools.add(name, number),
                Pattern::Endpoint { pool, endpoint } => {
                    matcher.pools_of_endpoints.add(pool, number);
                    matcher.endpoints.add(endpoint, number);
                }
            }
            matcher.near.push(false);
        }
        matcher
    }

    /// Makes `pool` the current pool. Returns whether any pattern could match one of its endpoints.
    pub(crate) fn set_pool(&mut self, site: &Site, pool: &Pool) -> bool {
        let Self { data_centers, pools, pools_of_endpoints, near, nearby, around, scratch, .. } = self;
        let mut set = |number: u32, is: bool| near.get_mut(number as usize).map(|near| *near = is);
        nearby.iter().for_each(|&number| _ = set(number, false));
        around.clear();
        if let Some(data_center) = pool.data_center.and_then(|id| site.data_centers.get(id.0 as usize)) {
            data_centers.matching(&data_center.name, scratch, around);
        }
        pools.matching(&pool.name, scratch, around);
        nearby.clear();
        pools_of_endpoints.matching(&pool.name, scratch, nearby);
        nearby.iter().for_each(|&number| _ = set(number, true));
        !around.is_empty() || !nearby.is_empty()
    }

    /// The numbers of the patterns that match all endpoints of the current pool, and, in order, of those that may match
    /// some.
    pub(crate) fn candidates(&mut self) -> (&[u32], &[u32]) {
        if !self.nearby.is_sorted() {
            self.nearby.sort_unstable();
        }
        (&self.around, &self.nearby)
    }

    /// Writes the numbers of all patterns that match `endpoint` of the current pool to `found`, in any order.
    pub(crate) fn matching(&mut self, endpoint: &str, found: &mut Vec<u32>) {
        let Self { endpoints, near, nearby, around, scratch, .. } = self;
        found.clear();
        if !nearby.is_empty() {
            endpoints.matching(endpoint, scratch, found);
            found.retain(|&number| near.get(number as usize).is_some_and(|near| *near));
        }
        found.extend_from_slice(around);
    }
}

impl<'p> By<'p> {
    fn add(&mut self, glob: &'p str, pattern: u32) {
        let number = self.globs.add(glob) as usize;
        self.patterns.resize_with(self.globs.len(), Vec::new);
        if let Some(patterns) = self.patterns.get_mut(number) {
            patterns.push(pattern);
        }
    }

    /// Adds the patterns whose glob matches `name` to `found`.
    fn matching(&self, name: &str, scratch: &mut Vec<u32>, found: &mut Vec<u32>) {
        self.globs.matching(name, scratch);
        let patterns = scratch.iter().filter_map(|&number| self.patterns.get(number as usize));
        patterns.for_each(|patterns| found.extend_from_slice(patterns));
    }
}
