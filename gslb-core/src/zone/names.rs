//! The names of a catalog under construction, numbered in order of arrival.

use crate::dns::wire::qname::NameKey;

/// Number of a node: while a catalog is built, its order of arrival; afterwards its slot in the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// Marks a free slot.
const FREE: u32 = u32::MAX;

/// Open addressing with linear probing; at most half full, so that failing searches are short.
#[derive(Debug)]
pub(super) struct Names {
    slots: Vec<Slot>,
    octets: Vec<u8>,
    /// Offset of each node's name in `octets`; names are in wire form.
    starts: Vec<u32>,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    tag: u32,
    node: u32,
}

impl Names {
    /// A table with capacity for `names` names of `octets` in all.
    pub(super) fn with_capacity(names: usize, octets: usize) -> Names {
        let slots = vec![Slot { tag: 0, node: FREE }; (names.max(4) * 2).next_power_of_two()];
        Names { slots, octets: Vec::with_capacity(octets), starts: Vec::with_capacity(names) }
    }

    /// Adds a name that must not exist yet; returns its number.
    ///
    /// Grows when half full.
    pub(super) fn insert(&mut self, key: &NameKey) -> NodeId {
        if (self.starts.len() + 1) * 2 > self.slots.len() {
            self.grow();
        }
        let node = self.starts.len() as u32;
        self.starts.push(self.octets.len() as u32);
        self.octets.extend_from_slice(key.suffix(0));
        self.fill_slot(key.hash_at(0), node);
        NodeId(node)
    }

    fn fill_slot(&mut self, hash: u64, node: u32) {
        let mask = self.slots.len() - 1;
        let mut at = self.first_slot(hash);
        while let Some(slot) = self.slots.get_mut(at) {
            if slot.node == FREE {
                *slot = Slot { tag: hash as u32, node };
                return;
            }
            at = (at + 1) & mask;
        }
    }

    /// Where a search begins: in a multiplicative hash, the upper bits depend on every octet.
    #[inline]
    fn first_slot(&self, hash: u64) -> usize {
        (hash >> (64 - self.slots.len().ilog2())) as usize
    }

    fn grow(&mut self) {
        let slots = self.slots.len() * 2;
        self.slots.clear();
        self.slots.resize(slots, Slot { tag: 0, node: FREE });
        let mut key = NameKey::default();
        for node in 0..self.starts.len() as u32 {
            let filled = key.fill(self.tail(node));
            debug_assert!(filled.is_ok(), "names come from keys");
            self.fill_slot(key.hash_at(0), node);
        }
    }

    /// The number of the key's name.
    pub(super) fn find(&self, key: &NameKey) -> Option<NodeId> {
        let hash = key.hash_at(0);
        let name = key.suffix(0);
        let mask = self.slots.len() - 1;
        let mut at = self.first_slot(hash);
        loop {
            let slot = self.slots.get(at)?;
            if slot.node == FREE {
                return None;
            }
            if slot.tag == hash as u32 && self.tail(slot.node).starts_with(name) {
                return Some(NodeId(slot.node));
            }
            at = (at + 1) & mask;
        }
    }

    /// The octets starting at a node's name. Names end with their only zero length, so a prefix match is a match.
    fn tail(&self, node: u32) -> &[u8] {
        let start = self.starts.get(node as usize).map_or(usize::MAX, |&start| start as usize);
        self.octets.get(start..).unwrap_or_default()
    }

    /// A node's name in wire form, lowercase, followed by other octets.
    pub(super) fn name(&self, node: NodeId) -> &[u8] {
        let tail = self.tail(node.0);
        crate::dns::name::wire_length(tail).ok().and_then(|len| tail.get(..len)).unwrap_or_default()
    }

    /// All numbers and their names, in order.
    pub(super) fn all(&self) -> impl Iterator<Item = (NodeId, &[u8])> {
        (0..self.starts.len() as u32).map(|node| (NodeId(node), self.name(NodeId(node))))
    }
}
