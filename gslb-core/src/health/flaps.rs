//! Counts how often an endpoint's status changed recently.

use std::collections::VecDeque;
use std::time::Duration;

use crate::moment::Moment;

/// How far back changes are counted.
pub const FLAP_WINDOW: Duration = Duration::from_secs(3600);
/// Maximum count; more changes make no difference.
pub const MAX_FLAPS: usize = 100;

/// The latest status changes of one endpoint. Most endpoints have none, and there may be many thousands of endpoints.
#[derive(Debug, Clone, Default)]
#[expect(clippy::box_collection, reason = "a quarter of the size, for endpoints that never changed")]
pub struct Flaps(Option<Box<VecDeque<Moment>>>);

impl Flaps {
    /// Records a status change.
    pub fn add(&mut self, now: Moment) {
        let flaps = self.0.get_or_insert_default();
        if flaps.len() == MAX_FLAPS {
            flaps.pop_front();
        }
        flaps.push_back(now);
    }

    /// Number of changes within [`FLAP_WINDOW`].
    pub fn count(&self, now: Moment) -> usize {
        self.0.iter().flat_map(|flaps| &**flaps).filter(|at| now.since(**at) <= FLAP_WINDOW).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn changes_are_counted_for_an_hour_and_bounded() {
        let mut flaps = Flaps::default();
        (0..1_000).for_each(|second| flaps.add(Moment(Duration::from_secs(second))));
        assert_eq!(flaps.count(Moment(Duration::from_secs(1_000))), MAX_FLAPS);
        assert_eq!(flaps.count(Moment(Duration::from_secs(4_550))), 50);
    }
}
