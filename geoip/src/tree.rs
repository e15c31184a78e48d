//! Walks the whole search tree of a MaxMind DB file and checks every branch. Writers may store equal subtrees once; a
//! cycle is damage.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use maxminddb::Metadata;

use crate::{Fault, Leaf};

/// Octets of zero between the search tree and the data section.
const SEPARATOR_BYTES: usize = 16;
/// Maximum visits of nodes in a tree with shared subtrees: several times the nodes of the largest city database.
/// Without a limit, 128 nodes could represent 2^128 networks.
const MAX_VISITS: u64 = 40_000_000;
pub(crate) const METADATA_MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";

const V4_BITS: u8 = 32;
const V6_BITS: u8 = 128;
/// Depth of the IPv4 tree below `::` in a database of both families.
const V4_DEPTH: u8 = 96;

/// Where the root of the IPv4 tree may be in an IPv6 tree: its own prefix, and the aliases that MaxMind's writers
/// add for IPv4-mapped addresses, Teredo and 6to4.
const V4_ROOTS: [(u128, u8); 4] = [(0, V4_DEPTH), (0xffff << 32, 96), (0x2001 << 112, 32), (0x2002 << 112, 16)];

/// A network of the walk: the family's width in bits, first address and prefix length.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Network {
    width: u8,
    first: u128,
    length: u8,
}

impl Network {
    fn all(width: u8) -> Network {
        Network { width, first: 0, length: 0 }
    }

    /// The two halves, or `None` if the network is a single address.
    fn halves(self) -> Option<[Network; 2]> {
        let length = self.length + 1;
        let bit = 1_u128 << self.width.checked_sub(length)?;
        Some([Network { length, ..self }, Network { first: self.first | bit, length, ..self }])
    }

    /// The first address.
    pub(crate) fn address(self) -> IpAddr {
        match self.width {
            V4_BITS => Ipv4Addr::from_bits(self.first as u32).into(),
            _ => Ipv6Addr::from_bits(self.first).into(),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address(), self.length)
    }
}

/// The target of a branch.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Branch {
    Node(u32),
    Nothing,
    /// A record, by its offset in the data section.
    Record(u32),
}

/// The leaves of both families, in address order.
pub(crate) struct Leaves {
    pub(crate) v4: Vec<Leaf<u32>>,
    pub(crate) v6: Vec<Leaf<u128>>,
}

/// The tree in the file.
pub(crate) struct Tree<'a> {
    nodes: &'a [u8],
    node_bytes: usize,
    node_count: u32,
    data_bytes: u32,
    width: u8,
}

impl<'a> Tree<'a> {
    pub(crate) fn new(bytes: &'a [u8], metadata: &Metadata) -> Result<Tree<'a>, Fault> {
        let truncated = || Fault::NotADatabase("the search tree is larger than the file".to_owned());
        let node_bytes = usize::from(metadata.record_size) / 4;
        let tree_bytes = node_bytes.checked_mul(metadata.node_count as usize).ok_or_else(truncated)?;
        let (nodes, rest) = bytes.split_at_checked(tree_bytes).ok_or_else(truncated)?;
        let data = rest
            .strip_prefix(&[0; SEPARATOR_BYTES])
            .ok_or_else(|| Fault::NotADatabase("the search tree is not followed by 16 octets of zero".to_owned()))?;
        let data_bytes = data.windows(METADATA_MARKER.len()).rposition(|window| window == METADATA_MARKER);
        Ok(Tree {
            nodes,
            node_bytes,
            node_count: metadata.node_count,
            data_bytes: u32::try_from(data_bytes.ok_or_else(truncated)?).unwrap_or(u32::MAX),
            width: if metadata.ip_version == 4 { V4_BITS } else { V6_BITS },
        })
    }

    /// The leaves of both families. `place` returns the index of a record's place by offset and network.
    pub(crate) fn leaves(&self, mut place: impl FnMut(u32, Network) -> Result<u32, Fault>) -> Result<Leaves, Fault> {
        let mut walk = Walk { tree: self, visits_left: MAX_VISITS.max(u64::from(self.node_count)), v4_root: None };
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        let v4_root = self.v4_root()?;
        walk.every_leaf(v4_root, Network::all(V4_BITS), |network, record| {
            let found = record.map_or(Ok(0), |offset| place(offset, network))?;
            push(&mut v4, network.first as u32, found);
            Ok(())
        })?;
        if self.width == V4_BITS {
            return Ok(Leaves { v4, v6: vec![Leaf { start: 0, place: 0 }] });
        }
        walk.v4_root = Some(v4_root);
        walk.every_leaf(Branch::Node(0), Network::all(V6_BITS), |network, record| {
            let found = record.map_or(Ok(0), |offset| place(offset, network))?;
            push(&mut v6, network.first, found);
            Ok(())
        })?;
        // These live as long as the database does, so unused capacity is freed.
        v4.shrink_to_fit();
        v6.shrink_to_fit();
        Ok(Leaves { v4, v6 })
    }

    /// The root of the IPv4 tree. A tree of both families may end above that depth: then all of IPv4 is one leaf.
    fn v4_root(&self) -> Result<Branch, Fault> {
        let mut branch = Branch::Node(0);
        if self.width == V4_BITS {
            return Ok(branch);
        }
        for length in 1..=V4_DEPTH {
            let Branch::Node(node) = branch else { break };
            let [low, _] = self.targets(node);
            branch = self.branch(low, node, Network { width: V6_BITS, first: 0, length })?;
        }
        Ok(branch)
    }

    /// The two numbers in a node: the targets of its low and its high half.
    fn targets(&self, node: u32) -> [u32; 2] {
        let start = node as usize * self.node_bytes;
        match self.nodes[start..start + self.node_bytes] {
            [a, b, c, d, e, f] => [u32::from_be_bytes([0, a, b, c]), u32::from_be_bytes([0, d, e, f])],
            // 28 bits each: the octet in the middle holds the highest four bits of both.
            [a, b, c, high, d, e, f] => {
                [u32::from_be_bytes([high >> 4, a, b, c]), u32::from_be_bytes([high & 0xf, d, e, f])]
            }
            [a, b, c, d, e, f, g, h] => [u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h])],
            _ => unreachable!("the reader admits record sizes of 24, 28 and 32 bits only"),
        }
    }

    /// The target of a number in `node`; `network` is the network of that branch.
    fn branch(&self, target: u32, node: u32, network: Network) -> Result<Branch, Fault> {
        let Some(beyond) = target.checked_sub(self.node_count) else { return Ok(Branch::Node(target)) };
        if beyond == 0 {
            return Ok(Branch::Nothing);
        }
        match beyond.checked_sub(SEPARATOR_BYTES as u32) {
            Some(offset) if offset < self.data_bytes => Ok(Branch::Record(offset)),
            Some(_) => Err(damaged(node, network, "points past the end of the data")),
            None => Err(damaged(node, network, "points between the tree and the data")),
        }
    }
}

/// One pass over the tree.
struct Walk<'t> {
    tree: &'t Tree<'t>,
    /// Number of visits left.
    visits_left: u64,
    /// The IPv4 tree, once it has been walked: its aliases in the IPv6 tree are skipped.
    v4_root: Option<Branch>,
}

impl Walk<'_> {
    /// Calls `leaf` for every leaf below `root`, in address order. The stack is bounded by the depth of the tree.
    fn every_leaf(
        &mut self,
        root: Branch,
        all: Network,
        mut leaf: impl FnMut(Network, Option<u32>) -> Result<(), Fault>,
    ) -> Result<(), Fault> {
        let (mut branch, mut network) = (root, all);
        let mut pending = Vec::with_capacity(usize::from(all.width));
        loop {
            match branch {
                Branch::Node(node) if !self.is_v4_root(branch, network) => {
                    let Some([low_half, high_half]) = network.halves() else {
                        return Err(damaged(node, network, "is deeper than an address is long: a cycle"));
                    };
                    self.visits_left = self.visits_left.checked_sub(1).ok_or_else(|| {
                        damaged(node, network, "shares subtrees so often that the tree has too many networks")
                    })?;
                    let [low, high] = self.tree.targets(node);
                    pending.push((self.tree.branch(high, node, high_half)?, high_half));
                    (branch, network) = (self.tree.branch(low, node, low_half)?, low_half);
                    continue;
                }
                Branch::Node(_) | Branch::Nothing => leaf(network, None)?,
                Branch::Record(offset) => leaf(network, Some(offset))?,
            }
            let Some(next) = pending.pop() else { return Ok(()) };
            (branch, network) = next;
        }
    }

    fn is_v4_root(&self, branch: Branch, network: Network) -> bool {
        self.v4_root == Some(branch) && V4_ROOTS.contains(&(network.first, network.length))
    }
}

fn damaged(node: u32, network: Network, what: &'static str) -> Fault {
    Fault::Tree { node, network: network.to_string(), what }
}

/// Appends a leaf, or extends the last one if the place is the same.
fn push<K>(leaves: &mut Vec<Leaf<K>>, start: K, place: u32) {
    if leaves.last().is_none_or(|last| last.place != place) {
        leaves.push(Leaf { start, place });
    }
}
