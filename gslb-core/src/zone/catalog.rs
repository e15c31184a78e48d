//! Name lookup in our zones, by the algorithm of RFC 1034 §4.3.2.

use std::collections::HashMap;

use super::extent::Extent;
use super::fingerprint::Fingerprint;
use super::names::NodeId;
use super::nodes::{NONE, Node, Nodes};
use super::set::{Set, Sets};
use crate::dns::wire::qname::NameKey;

/// All zones, ready for lookups.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    pub(super) nodes: Nodes,
    /// Details of nodes that are not plain; the first entry is shared by all plain nodes.
    pub(super) details: Vec<Details>,
    /// Sets of nodes that are not plain, and glue.
    pub(super) sets: Vec<Set>,
    /// Storage of every RRset and of all names.
    pub octets: Sets,
    pub(super) cuts: Vec<Cut>,
    /// For an apex whose parent zone is ours too: the parent's cut.
    pub(super) parent_cuts: HashMap<NodeId, u32>,
    /// Targets of CNAME and DNAME RRsets in uncompressed wire form, concatenated.
    pub(super) targets: Vec<u8>,
    pub(super) zones: Vec<ZoneEntry>,
    /// Size of each zone, in the order of the site's zones.
    pub(super) extents: Vec<Extent>,
    /// Label count of the deepest name.
    pub(super) deepest: usize,
    /// Fingerprint of its input.
    pub(super) made_of: Fingerprint,
    /// Memory in octets that its records took before they were added, as counted by [`crate::budget`].
    pub(super) made_from: usize,
}

/// What a node has beyond one RRset of authoritative data.
#[derive(Debug, Clone, Copy)]
pub(super) struct Details {
    pub(super) kind: Kind,
    pub(super) service: u32,
    /// The child named `*`.
    pub(super) wildcard: u32,
    /// Offset in `targets`, if there is a CNAME or DNAME.
    pub(super) target: u32,
    /// Its sets, as a range of the catalog's.
    pub(super) sets: u32,
    pub(super) set_count: u16,
}

impl Details {
    /// Nothing but a name.
    pub(super) const PLAIN: Details =
        Details { kind: Kind::Data, service: NONE, wildcard: NONE, target: NONE, sets: 0, set_count: 0 };
}

/// What a node means for the names at and below it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// Authoritative data, or nothing (an empty non-terminal).
    Data,
    /// Authoritative data with a CNAME.
    Alias,
    /// A DNAME redirects everything below.
    Redirect,
    /// Delegated; the value is an index into `cuts`.
    Cut(u32),
}

/// A delegation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    /// Zone that delegates.
    pub(super) zone: u32,
    pub(super) ns: Set,
    pub(super) ds: Option<Set>,
    /// Glue RRsets, as a range of `sets`; required glue comes first.
    pub(super) glue: u32,
    pub(super) needed: u16,
    pub(super) helpful: u16,
}

/// Per-zone data.
#[derive(Debug, Clone, Copy)]
pub(super) struct ZoneEntry {
    pub(super) apex: NodeId,
    pub(super) apex_len: u8,
    /// SOA with the TTL of RFC 2308 §3.
    pub(super) negative: Set,
}

/// A zone of the catalog.
#[derive(Debug, Clone, Copy)]
pub struct ZoneRef<'a> {
    catalog: &'a Catalog,
    entry: &'a ZoneEntry,
}

/// A node with authoritative data.
#[derive(Debug, Clone, Copy)]
pub struct NodeRef<'a> {
    catalog: &'a Catalog,
    node: &'a Node,
    details: &'a Details,
    id: NodeId,
}

/// A delegation at or above the queried name.
#[derive(Debug, Clone, Copy)]
pub struct CutRef<'a> {
    catalog: &'a Catalog,
    cut: &'a Cut,
    /// Number of octets of the queried name in front of the delegated name.
    pub prefix: usize,
}

/// The result of a lookup.
#[derive(Debug, Clone, Copy)]
pub enum Found<'a> {
    /// The name itself.
    Exact(NodeRef<'a>),
    /// A wildcard that matches the name (RFC 4592 §3.3.1).
    Wildcard(NodeRef<'a>),
    /// Below a DNAME, whose owner is a suffix of the name.
    Dname {
        /// Owner of the DNAME.
        node: NodeRef<'a>,
        /// Number of octets in front of it.
        prefix: usize,
    },
    /// At or below a delegation.
    Referral(CutRef<'a>),
    /// The name does not exist.
    NxDomain(ZoneRef<'a>),
    /// Not in any zone.
    NotOurs,
}

impl Catalog {
    /// Looks up a name. `at_parent` selects the parent side of a cut, as type DS needs (RFC 4035 §3.1.4.1).
    /// The key remembers the hash that is needed first.
    #[inline]
    pub fn find(&self, key: &mut NameKey, at_parent: bool) -> Found<'_> {
        let mut prefix = self.first_start(key);
        let mut hash = key.hash_at(prefix);
        while prefix < key.wire_len() {
            if let Some((id, node)) = self.nodes.find(hash, key.suffix_at(prefix), &self.octets) {
                let node = self.with_details(id, node);
                return node.map_or(Found::NotOurs, |node| self.resolve(node, prefix, at_parent));
            }
            prefix = key.next(prefix);
            hash = key.hash_at(prefix);
        }
        Found::NotOurs
    }

    /// Apex of the zone that answers for a name, or delegates it; `None` if it is not ours.
    pub fn apex_for(&self, key: &mut NameKey, at_parent: bool) -> Option<&[u8]> {
        let zone = match self.find(key, at_parent) {
            Found::Exact(node) | Found::Wildcard(node) | Found::Dname { node, .. } => node.zone(),
            Found::Referral(cut) => cut.zone(),
            Found::NxDomain(zone) => zone,
            Found::NotOurs => return None,
        };
        Some(zone.apex())
    }

    /// Skips labels beyond the deepest name that we have: longer names cannot exist.
    #[inline]
    fn first_start(&self, key: &NameKey) -> usize {
        key.start(key.label_count().saturating_sub(self.deepest))
    }

    /// Hash of the first name or ancestor that a lookup of the key probes, which the key remembers.
    #[inline]
    pub fn first_hash(&self, key: &mut NameKey) -> u64 {
        key.remember_hash(self.first_start(key))
    }

    /// Loads the first slot for a hash into the cache. The result only keeps the load from being optimized away.
    #[inline]
    pub fn prefetch_node(&self, hash: u64) -> u32 {
        self.nodes.touch(hash)
    }

    /// The same for the name that probably has the hash, and its records.
    #[inline]
    pub fn prefetch_name(&self, hash: u64) -> u32 {
        /// Cache line size in octets.
        const LINE: usize = 64;
        let octets = self.octets.tail(self.nodes.likely(hash).map_or(NONE, |node| node.name));
        u32::from(octets.first().copied().unwrap_or(0)) ^ u32::from(octets.get(LINE - 1).copied().unwrap_or(0))
    }

    /// The service of the name that probably has the hash.
    #[inline]
    pub fn likely_service(&self, hash: u64) -> Option<u32> {
        let details = self.details.get(self.nodes.likely(hash)?.details as usize)?;
        Some(details.service).filter(|&service| service != NONE)
    }

    /// Decides what the closest existing node means for the queried name.
    #[inline]
    fn resolve<'a>(&'a self, node: NodeRef<'a>, prefix: usize, at_parent: bool) -> Found<'a> {
        match (node.kind(), prefix) {
            (Kind::Cut(cut), _) => self.cut(cut, prefix).map_or(Found::NotOurs, Found::Referral),
            (_, 0) if at_parent && self.parent_cuts.contains_key(&node.id) => {
                self.parent_cuts.get(&node.id).and_then(|&cut| self.cut(cut, 0)).map_or(Found::NotOurs, Found::Referral)
            }
            (_, 0) => Found::Exact(node),
            (Kind::Redirect, _) => Found::Dname { node, prefix },
            _ => match self.node(NodeId(node.details.wildcard)) {
                Some(wildcard) => Found::Wildcard(wildcard),
                None => Found::NxDomain(node.zone()),
            },
        }
    }

    #[inline]
    fn node(&self, id: NodeId) -> Option<NodeRef<'_>> {
        self.with_details(id, self.nodes.get(id)?)
    }

    #[inline]
    fn with_details<'a>(&'a self, id: NodeId, node: &'a Node) -> Option<NodeRef<'a>> {
        let details = self.details.get(node.details as usize)?;
        Some(NodeRef { catalog: self, node, details, id })
    }

    fn cut(&self, index: u32, prefix: usize) -> Option<CutRef<'_>> {
        self.cuts.get(index as usize).map(|cut| CutRef { catalog: self, cut, prefix })
    }

    fn zone(&self, index: u32) -> ZoneRef<'_> {
        const NO_ZONE: ZoneEntry = ZoneEntry { apex: NodeId(NONE), apex_len: 1, negative: Set::EMPTY };
        ZoneRef { catalog: self, entry: self.zones.get(index as usize).unwrap_or(&NO_ZONE) }
    }

    /// Number of existing names, including empty non-terminals.
    pub fn names(&self) -> usize {
        self.nodes.len()
    }

    /// Size of each zone, in the order of the site's zones.
    pub fn extents(&self) -> &[Extent] {
        &self.extents
    }

    /// Memory in octets that building it from records took, as counted by [`crate::budget`].
    pub fn building_memory(&self) -> usize {
        self.made_from
    }

    /// Number of zones.
    pub fn zones(&self) -> usize {
        self.zones.len()
    }

    /// Memory used, in octets.
    pub fn memory(&self) -> usize {
        self.nodes.memory()
            + self.details.capacity() * size_of::<Details>()
            + self.sets.capacity() * size_of::<Set>()
            + self.cuts.capacity() * size_of::<Cut>()
            + self.targets.capacity()
            + self.octets.memory()
    }
}

impl<'a> NodeRef<'a> {
    /// Its id.
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// The RRset of this type.
    #[inline]
    pub fn set(&self, rtype: u16) -> Option<&'a Set> {
        self.sets().iter().find(|set| set.rtype == rtype)
    }

    /// All RRsets; none at an empty non-terminal.
    #[inline]
    pub fn sets(&self) -> &'a [Set] {
        if self.details.set_count == 0 {
            let only = std::slice::from_ref(&self.node.only);
            return if self.node.only.records() > 0 { only } else { &[] };
        }
        let from = self.catalog.sets.get(self.details.sets as usize..).unwrap_or_default();
        from.get(..usize::from(self.details.set_count)).unwrap_or_default()
    }

    #[inline]
    fn kind(&self) -> Kind {
        self.details.kind
    }

    /// The index of the service at this name.
    #[inline]
    pub fn service(&self) -> Option<u32> {
        Some(self.details.service).filter(|&service| service != NONE)
    }

    /// True if the name has a CNAME.
    #[inline]
    pub fn is_alias(&self) -> bool {
        self.kind() == Kind::Alias
    }

    /// The target of the CNAME or DNAME, in wire form; other octets may follow.
    pub fn target(&self) -> &'a [u8] {
        self.catalog.targets.get(self.details.target as usize..).unwrap_or_default()
    }

    /// The zone that it is in.
    #[inline]
    pub fn zone(&self) -> ZoneRef<'a> {
        self.catalog.zone(self.node.zone)
    }

    /// Its name in wire form, lowercase.
    pub fn name(&self) -> &'a [u8] {
        self.catalog.octets.name(self.node.name)
    }
}

impl<'a> ZoneRef<'a> {
    /// Length of the apex in wire form.
    #[inline]
    pub fn apex_len(&self) -> usize {
        usize::from(self.entry.apex_len)
    }

    /// SOA for negative answers.
    pub fn negative(&self) -> &'a Set {
        &self.entry.negative
    }

    /// The apex in wire form, lowercase.
    pub fn apex(&self) -> &'a [u8] {
        let name = self.catalog.nodes.get(self.entry.apex).map_or(NONE, |node| node.name);
        self.catalog.octets.tail(name).get(..self.apex_len()).unwrap_or_default()
    }
}

impl<'a> CutRef<'a> {
    /// The zone that delegates.
    pub fn zone(&self) -> ZoneRef<'a> {
        self.catalog.zone(self.cut.zone)
    }

    /// NS of the delegated zone.
    pub fn ns(&self) -> &'a Set {
        &self.cut.ns
    }

    /// DS of the delegated zone.
    pub fn ds(&self) -> Option<&'a Set> {
        self.cut.ds.as_ref()
    }

    /// Required glue: servers inside the delegated zone (RFC 9471 §3.1).
    pub fn needed_glue(&self) -> &'a [Set] {
        self.glue(0, self.cut.needed)
    }

    /// Optional glue, which saves a lookup: servers in the delegating zone but outside the delegated one (RFC 9471
    /// §3.2).
    pub fn helpful_glue(&self) -> &'a [Set] {
        self.glue(self.cut.needed, self.cut.helpful)
    }

    fn glue(&self, from: u16, count: u16) -> &'a [Set] {
        let start = self.cut.glue as usize + usize::from(from);
        self.catalog.sets.get(start..start + usize::from(count)).unwrap_or_default()
    }
}
