//! The regions' prefixes as a tree: finds the longest prefix around an address, and the prefixes around that.

use std::net::{Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};

use super::address::Address;
use crate::site::model::{Matcher, Region, RegionId};

/// Index for no prefix.
pub const NONE: u32 = u32::MAX;

/// All prefixes of a document's regions; parents come before their children.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Prefixes {
    nodes: Vec<Node>,
    /// The regions of each node's prefix, concatenated.
    regions: Vec<RegionId>,
}

/// A prefix, and its parent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Node {
    /// The prefix.
    pub prefix: IpNet,
    /// The next shorter prefix around it, or [`NONE`].
    pub parent: u32,
    /// Index of its first region.
    regions: u32,
}

/// Starts of address ranges, each with the longest prefix around it.
pub type Ranges<A> = Vec<(A, u32)>;

impl Prefixes {
    /// Collects the prefixes of all regions, and the ranges into which they divide both address spaces.
    pub fn build(regions: &[Region]) -> (Prefixes, Ranges<u32>, Ranges<u128>) {
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for (region, id) in regions.iter().zip((0..).map(RegionId)) {
            for matcher in &region.matchers {
                // By first address, then length: parents come before children.
                match matcher {
                    Matcher::Prefix(IpNet::V4(net)) => v4.push((net.network().to_bits(), net.prefix_len(), id)),
                    Matcher::Prefix(IpNet::V6(net)) => v6.push((net.network().to_bits(), net.prefix_len(), id)),
                    _ => {}
                }
            }
        }
        let mut prefixes = Prefixes { nodes: Vec::with_capacity(v4.len() + v6.len()), regions: Vec::new() };
        prefixes.regions.reserve_exact(v4.len() + v6.len());
        let v4 =
            prefixes.nest(v4, |first, len| Ipv4Net::new(Ipv4Addr::from_bits(first), len).unwrap_or_default().into());
        let v6 =
            prefixes.nest(v6, |first, len| Ipv6Net::new(Ipv6Addr::from_bits(first), len).unwrap_or_default().into());
        prefixes.nodes.shrink_to_fit();
        (prefixes, v4, v6)
    }

    /// Sorts prefixes and appends them as nodes, walking their borders in address order.
    fn nest<A: Address>(&mut self, mut prefixes: Vec<(A, u8, RegionId)>, prefix: impl Fn(A, u8) -> IpNet) -> Ranges<A> {
        // Stable: prefixes in documents are mostly sorted within a region, which makes this a merge.
        prefixes.sort();
        let mut ranges = Vec::with_capacity(prefixes.len() + 1);
        ranges.push((A::ZERO, NONE));
        let mut open: Vec<(A, u32)> = Vec::new();
        for same in prefixes.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
            let Some(&(first, len, _)) = same.first() else { continue };
            close_before(&mut open, Some(first), &mut ranges);
            let (index, regions) = (self.nodes.len() as u32, self.regions.len() as u32);
            self.regions.extend(same.iter().map(|&(_, _, region)| region));
            let parent = open.last().map_or(NONE, |&(_, parent)| parent);
            self.nodes.push(Node { prefix: prefix(first, len), parent, regions });
            open.push((first.last_of(u32::from(len)), index));
            begin(&mut ranges, first, index);
        }
        close_before(&mut open, None, &mut ranges);
        ranges
    }

    /// All prefixes, parents first.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The regions with this prefix; usually one.
    pub fn regions(&self, prefix: u32) -> &[RegionId] {
        let start = |prefix: usize| self.nodes.get(prefix).map_or(self.regions.len(), |node| node.regions as usize);
        self.regions.get(start(prefix as usize)..start(prefix as usize + 1)).unwrap_or_default()
    }
}

/// Closes the open prefixes that end before `next`; each range continues with the parent's prefix.
fn close_before<A: Address>(open: &mut Vec<(A, u32)>, next: Option<A>, ranges: &mut Ranges<A>) {
    while let Some(&(last, _)) = open.last() {
        if next.is_some_and(|next| next <= last) {
            return;
        }
        open.pop();
        if let Some(after) = last.next() {
            begin(ranges, after, open.last().map_or(NONE, |&(_, around)| around));
        }
    }
}

/// Starts a range, replacing one that starts at the same address.
fn begin<A: Address>(ranges: &mut Ranges<A>, start: A, index: u32) {
    match ranges.last_mut() {
        Some(last) if last.0 == start => last.1 = index,
        _ => ranges.push((start, index)),
    }
}
