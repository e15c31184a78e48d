//! Which targets of overrides mean an endpoint: found by name, since 1,000 overrides of 100 globs may meet 100,000 endpoints.

use super::globs::Globs;
use crate::site::model::{Pool, Site};
use crate::site::pattern::Pattern;

/// Patterns by number, in the order in which they were given.
#[derive(Debug, Default)]
pub(crate) struct Matcher<'p> {
    data_centers: By<'p>,
    pools: By<'p>,
    endpoints: By<'p>,
    /// Patterns of endpoints by the glob of their pool.
    pools_of_endpoints: By<'p>,
    /// Whether the pattern of this number is of endpoints, and could mean one of the pool at hand.
    near: Vec<bool>,
    /// Those for which that is so.
    nearby: Vec<u32>,
    /// Patterns that mean the whole pool at hand.
    around: Vec<u32>,
    scratch: Vec<u32>,
}

/// Patterns by a glob that they have.
#[derive(Debug, Default)]
struct By<'p> {
    globs: Globs<'p>,
    /// The patterns with the glob of each number.
    patterns: Vec<Vec<u32>>,
}

impl<'p> Matcher<'p> {
    /// Of these patterns.
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

    /// Turns to `pool`, whose endpoints are asked for next. Returns whether any pattern could mean one of them.
    pub(crate) fn turn_to(&mut self, site: &Site, pool: &Pool) -> bool {
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

    /// The numbers of the patterns that mean all endpoints of the pool at hand, and in their order those that may mean some.
    pub(crate) fn at_hand(&mut self) -> (&[u32], &[u32]) {
        if !self.nearby.is_sorted() {
            self.nearby.sort_unstable();
        }
        (&self.around, &self.nearby)
    }

    /// Writes the numbers of all patterns that mean `endpoint` of the pool at hand to `found`, in no order.
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
