//! Which of all regions of a document a client is in.

use std::net::IpAddr;
use std::sync::Arc;

use gslb_core::locate::region::Chooser;
use gslb_core::table::Topology;

/// Finds the region that a client is in: the one with the most specific matcher.
#[derive(Debug)]
pub struct RegionFinder(Chooser);

impl RegionFinder {
    /// For the regions of a table.
    pub fn new(topology: &Topology) -> Self {
        Self(Chooser::of_all(&topology.site.regions, &topology.index))
    }

    /// The name of the region; `None` if the client is outside all regions of `topology`, for which this was created.
    pub fn region(&self, topology: &Topology, client: IpAddr) -> Option<Arc<str>> {
        let region = self.0.branch(topology.index.locus_of(client), &topology.index)?;
        topology.site.regions.get(region).map(|region| Arc::clone(&region.name))
    }
}
