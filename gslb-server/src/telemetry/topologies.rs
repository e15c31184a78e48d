//! Recently used topologies, which resolve the ids in captured answers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gslb_core::table::{Published, Topology};

/// How long an unused topology is kept.
const KEPT: Duration = Duration::from_secs(1);

/// Topologies by id. They are shared parts, not the counters themselves: those are settled only once they are
/// unreferenced.
pub(crate) struct Topologies {
    published: Arc<Published>,
    known: Vec<Known>,
    /// Whether this round has already read the published topologies: an id that is missing then is no longer used.
    is_fresh: bool,
}

struct Known {
    topology_id: u64,
    topology: Topology,
    used: Instant,
}

impl Topologies {
    /// Topologies of `published`.
    pub(crate) fn new(published: Arc<Published>) -> Self {
        Self { published, known: Vec::new(), is_fresh: false }
    }

    /// Begins a round: drops topologies that have not been used for a while.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.known.retain(|known| now.saturating_duration_since(known.used) < KEPT);
        self.is_fresh = false;
    }

    /// The topology with this id; `None` if the document has changed since and the topology is gone.
    pub(crate) fn topology(&mut self, topology_id: u64, now: Instant) -> Option<&Topology> {
        if !self.is_fresh && self.known.iter().all(|known| known.topology_id != topology_id) {
            self.is_fresh = true;
            self.look(now);
        }
        let known = self.known.iter_mut().find(|known| known.topology_id == topology_id)?;
        known.used = now;
        Some(&known.topology)
    }

    fn look(&mut self, now: Instant) {
        for counts in self.published.counts() {
            if self.known.iter().all(|known| known.topology_id != counts.topology_id()) {
                let (topology_id, topology) = (counts.topology_id(), counts.topology().clone());
                self.known.push(Known { topology_id, topology, used: now });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use gslb_core::live::states::States;
    use gslb_core::site::model::Site;
    use gslb_core::table::{RoutingTable, compile};

    fn table(previous: Option<&RoutingTable>) -> RoutingTable {
        let topology = compile::compile(Site::default(), &[], &Arc::default(), None).topology.unwrap();
        previous.map_or_else(|| RoutingTable::initial(topology.clone()), |it| it.next(topology.clone(), &States::new()))
    }

    #[test]
    fn a_topology_is_known_while_in_use_and_does_not_keep_counters_from_being_settled() {
        let published = Arc::new(Published::counting(table(None), 1));
        let (mut topologies, now) = (Topologies::new(Arc::clone(&published)), Instant::now());
        let first = published.counts()[0].topology_id();
        topologies.begin(now);
        assert!(topologies.topology(first, now).is_some());
        let next = table(Some(&published.load()));
        published.publish(next).unwrap();
        let second = published.counts().last().unwrap().topology_id();
        assert_ne!(first, second);
        published.sweep();
        assert_eq!(published.take_finished().len(), 1, "counts are added up with and without readers");
        topologies.begin(now);
        assert!(topologies.topology(second, now).is_some() && topologies.topology(first, now).is_some());
        topologies.begin(now + KEPT / 2);
        assert!(topologies.topology(second, now + KEPT / 2).is_some());
        topologies.begin(now + KEPT);
        assert!(topologies.topology(first, now + KEPT).is_none(), "it is let go, and gone");
        assert!(topologies.topology(second, now + KEPT).is_some());
    }
}
