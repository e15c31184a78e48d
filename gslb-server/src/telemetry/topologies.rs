//! What the numbers of answers mean: the topologies that were answered from lately.

use std::sync::Arc;
use std::time::{Duration, Instant};

use gslb_core::table::{Published, Topology};

/// How long a topology is kept that nobody answers from any more.
const KEPT: Duration = Duration::from_secs(1);

/// Topologies by the edition of their counts. They are parts that are shared, and not the counts themselves: those are
/// added up once nobody has them.
pub(crate) struct Topologies {
    published: Arc<Published>,
    known: Vec<Known>,
    /// Whether what is published was looked at in this round: what is not there then is gone.
    is_fresh: bool,
}

struct Known {
    topology_id: u64,
    topology: Topology,
    used: Instant,
}

impl Topologies {
    /// Of what is published.
    pub(crate) fn new(published: Arc<Published>) -> Self {
        Self { published, known: Vec::new(), is_fresh: false }
    }

    /// Begins a round: what has not been used for long is let go.
    pub(crate) fn begin(&mut self, now: Instant) {
        self.known.retain(|known| now.saturating_duration_since(known.used) < KEPT);
        self.is_fresh = false;
    }

    /// The topology of an edition; none where the document has changed since, and nobody knows it any more.
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
    use gslb_core::site::model::Site;
    use gslb_core::table::{RoutingTable, compile};

    fn table(previous: Option<&RoutingTable>) -> RoutingTable {
        compile::compile(Site::default(), &[], &Arc::default(), previous).table.unwrap()
    }

    #[test]
    fn an_edition_is_known_while_it_is_answered_from_and_keeps_nothing_from_being_settled() {
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
        assert_eq!(published.take_finished().len(), 1, "what was counted is added up, whoever watches");
        topologies.begin(now);
        assert!(topologies.topology(second, now).is_some() && topologies.topology(first, now).is_some());
        topologies.begin(now + KEPT / 2);
        assert!(topologies.topology(second, now + KEPT / 2).is_some());
        topologies.begin(now + KEPT);
        assert!(topologies.topology(first, now + KEPT).is_none(), "it is let go, and gone");
        assert!(topologies.topology(second, now + KEPT).is_some());
    }
}
