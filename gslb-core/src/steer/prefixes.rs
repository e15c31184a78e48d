//! The prefixes that regions name, as a tree: which one holds an address most closely, and which ones hold that.

use std::collections::BTreeMap;

use ipnet::IpNet;

use super::address::Address;
use crate::model::{Matcher, Region, RegionId};

/// Index of no prefix.
pub const NONE: u32 = u32::MAX;

/// All prefixes of a document's regions; parents stand before their children.
#[derive(Debug, Clone, Default)]
pub struct Prefixes {
    nodes: Vec<Node>,
}

/// A prefix, the regions that name it, and the next wider prefix that holds it.
#[derive(Debug, Clone)]
pub struct Node {
    /// The prefix.
    pub prefix: IpNet,
    /// The prefix around it, or [`NONE`].
    pub parent: u32,
    /// Regions that name it, usually one.
    pub regions: Vec<RegionId>,
}

/// Starts of address ranges, each with the prefix that holds the range most closely.
pub type Ranges<A> = Vec<(A, u32)>;

impl Prefixes {
    /// Collects the prefixes of all regions, and the ranges into which they cut both address spaces.
    pub fn build(regions: &[Region]) -> (Prefixes, Ranges<u32>, Ranges<u128>) {
        let (mut v4, mut v6) = (BTreeMap::new(), BTreeMap::new());
        for (index, region) in regions.iter().enumerate() {
            let id = RegionId(index as u32);
            for matcher in &region.matchers {
                let Matcher::Prefix(prefix) = matcher else { continue };
                // Keyed by first address and then length, which puts parents before children.
                match prefix {
                    IpNet::V4(net) => {
                        add(&mut v4, (net.network().to_bits(), net.prefix_len()), *prefix, id);
                    }
                    IpNet::V6(net) => {
                        add(&mut v6, (net.network().to_bits(), net.prefix_len()), *prefix, id);
                    }
                }
            }
        }
        let mut prefixes = Prefixes { nodes: Vec::with_capacity(v4.len() + v6.len()) };
        let v4 = prefixes.nest(v4);
        let v6 = prefixes.nest(v6);
        (prefixes, v4, v6)
    }

    /// Appends sorted prefixes as nodes, and walks their borders in address order.
    fn nest<A: Address>(&mut self, sorted: BTreeMap<(A, u8), Node>) -> Ranges<A> {
        let mut ranges = vec![(A::ZERO, NONE)];
        let mut open: Vec<(A, u32)> = Vec::new();
        for ((first, len), node) in sorted {
            close_before(&mut open, Some(first), &mut ranges);
            let index = self.nodes.len() as u32;
            self.nodes.push(Node { parent: open.last().map_or(NONE, |&(_, parent)| parent), ..node });
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
}

fn add<A: Address>(sorted: &mut BTreeMap<(A, u8), Node>, key: (A, u8), prefix: IpNet, region: RegionId) {
    let node = sorted.entry(key).or_insert_with(|| Node { prefix, parent: NONE, regions: Vec::new() });
    node.regions.push(region);
}

/// Ends the open prefixes that lie wholly before `next`; each gives way to the one around it.
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

/// Starts a range; one that would start at the same address is replaced.
fn begin<A: Address>(ranges: &mut Ranges<A>, start: A, index: u32) {
    match ranges.last_mut() {
        Some(last) if last.0 == start => last.1 = index,
        _ => ranges.push((start, index)),
    }
}
