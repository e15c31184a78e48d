//! The nodes of a catalog, in a hash table by name, laid out so that a lookup touches little memory.
//!
//! A node is stored in the table itself and takes half a cache line; its name is stored in front of its RRset. So an
//! answer from a large catalog has two cache misses: one for the node, and one for name and records together.

use super::names::NodeId;
use super::set::{Set, Sets};
use crate::dns::wire::qname::starts_with;

/// The null index.
pub(super) const NONE: u32 = u32::MAX;

/// Index of the details shared by all plain nodes.
pub(super) const PLAIN: u32 = 0;

/// The data of one name. Most names have records of a single type; such nodes are plain.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    /// Part of the name's hash.
    tag: u32,
    /// Offset of the name in the storage of RRsets; [`NONE`] in a free slot.
    pub(super) name: u32,
    pub(super) zone: u32,
    /// Index of its details; [`PLAIN`] if it is plain.
    pub(super) details: u32,
    /// The only RRset of a plain node; empty if there is none.
    pub(super) only: Set,
}

const _: () = assert!(size_of::<Node>() == 32, "two nodes share a cache line");

impl Node {
    const FREE: Node = Node { tag: 0, name: NONE, zone: NONE, details: PLAIN, only: Set::EMPTY };

    pub(super) fn new(name: u32, zone: u32, details: u32, only: Set) -> Node {
        Node { tag: 0, name, zone, details, only }
    }
}

/// Minimum number of slots: 32 KiB, of which a small site only touches the used part.
const MIN_SLOTS: usize = 1024;

/// Open addressing with linear probing; at most 60 % full, so that failing searches are short.
#[derive(Debug, Clone, Default)]
pub(super) struct Nodes {
    slots: Vec<Node>,
    taken: usize,
}

impl Nodes {
    /// A table with capacity for `nodes` nodes.
    pub(super) fn with_capacity(nodes: usize) -> Nodes {
        Nodes { slots: vec![Node::FREE; (nodes * 5 / 3 + 1).max(MIN_SLOTS)], taken: 0 }
    }

    /// Inserts a node; returns its slot, which is its number from now on.
    pub(super) fn insert(&mut self, hash: u64, node: Node) -> NodeId {
        let mut at = self.first_slot(hash);
        // The table has capacity for all nodes, so there is a free slot.
        while self.slots.get(at).is_some_and(|slot| slot.name != NONE) {
            at = self.after(at);
        }
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = Node { tag: hash as u32, ..node };
            self.taken += 1;
        }
        NodeId(at as u32)
    }

    /// Where a search begins: in a multiplicative hash, the upper bits depend on every octet.
    #[inline]
    fn first_slot(&self, hash: u64) -> usize {
        ((u128::from(hash) * self.slots.len() as u128) >> 64) as usize
    }

    #[inline]
    fn after(&self, slot: usize) -> usize {
        if slot + 1 < self.slots.len() { slot + 1 } else { 0 }
    }

    /// The node of `name`, which has this hash.
    #[inline]
    pub(super) fn find(&self, hash: u64, name: &[u8], octets: &Sets) -> Option<(NodeId, &Node)> {
        let mut at = self.first_slot(hash);
        loop {
            let slot = self.slots.get(at)?;
            if slot.name == NONE {
                return None;
            }
            // Names end with their only zero length, so a prefix match is a match.
            if slot.tag == hash as u32 && starts_with(octets.tail(slot.name), name) {
                return Some((NodeId(at as u32), slot));
            }
            at = self.after(at);
        }
    }

    /// Reads the slot where a search begins, to load it into the cache.
    #[inline]
    pub(super) fn touch(&self, hash: u64) -> u32 {
        self.slots.get(self.first_slot(hash)).map_or(0, |slot| slot.tag)
    }

    /// The node whose name probably has this hash: only part of the hash is compared.
    #[inline]
    pub(super) fn likely(&self, hash: u64) -> Option<&Node> {
        let mut at = self.first_slot(hash);
        loop {
            let slot = self.slots.get(at).filter(|slot| slot.name != NONE)?;
            if slot.tag == hash as u32 {
                return Some(slot);
            }
            at = self.after(at);
        }
    }

    /// The node with this number.
    #[inline]
    pub(super) fn get(&self, id: NodeId) -> Option<&Node> {
        self.slots.get(id.0 as usize)
    }

    /// Number of nodes.
    pub(super) fn len(&self) -> usize {
        self.taken
    }

    /// Memory used, in octets.
    pub(super) fn memory(&self) -> usize {
        self.slots.capacity() * size_of::<Node>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::name::Name;
    use crate::dns::wire::qname::NameKey;

    #[test]
    fn exactly_the_names_of_the_zone_are_found() {
        let mut octets = Sets::default();
        let key = |number: usize| {
            let mut key = NameKey::default();
            key.fill(format!("n{number}.example").parse::<Name>().unwrap().as_wire()).unwrap();
            key
        };
        for count in [0, 1, 2, 7, 1000, 10_000] {
            let mut nodes = Nodes::with_capacity(count);
            for number in 0..count {
                let key = key(number);
                let name = octets.add_name(key.suffix(0)).unwrap();
                nodes.insert(key.hash_at(0), Node::new(name, number as u32, PLAIN, Set::EMPTY));
            }
            assert_eq!(nodes.len(), count);
            for number in 0..count + 100 {
                let key = key(number);
                let found = nodes.find(key.hash_at(0), key.suffix(0), &octets).map(|(_, node)| node);
                assert_eq!(found.map(|node| node.zone as usize), (number < count).then_some(number));
            }
        }
    }
}
