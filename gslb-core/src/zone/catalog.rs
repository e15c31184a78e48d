//! What exists at a name: the search of RFC 1034 §4.3.2 in zones that are ours.

use std::collections::HashMap;

use super::extent::Extent;
use super::fingerprint::Fingerprint;
use super::names::NodeId;
use super::nodes::{NONE, Node, Nodes};
use super::set::{Set, Sets};
use crate::dns::wire::qname::NameKey;

/// All zones that are held, ready to be asked.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    pub(super) nodes: Nodes,
    /// Of the nodes that are not plain; the first are those of all that are.
    pub(super) details: Vec<Details>,
    /// Sets of nodes that are not plain, and glue.
    pub(super) sets: Vec<Set>,
    /// Storage behind every set of the catalog, and of all names.
    pub octets: Sets,
    pub(super) cuts: Vec<Cut>,
    /// For an apex whose parent zone is ours too: the parent's cut there.
    pub(super) parent_cuts: HashMap<NodeId, u32>,
    /// Targets of CNAME and DNAME sets in wire form, uncompressed, behind each other.
    pub(super) targets: Vec<u8>,
    pub(super) zones: Vec<ZoneEntry>,
    /// How much each zone holds, in the order of the site's zones.
    pub(super) extents: Vec<Extent>,
    /// Labels of the longest name.
    pub(super) deepest: usize,
    /// What it was made of.
    pub(super) made_of: Fingerprint,
    /// Memory in octets that its records took before they were in it, as [`crate::budget`] counts them.
    pub(super) made_from: usize,
}

/// What is known of a node beyond one set of authoritative data.
#[derive(Debug, Clone, Copy)]
pub(super) struct Details {
    pub(super) kind: Kind,
    pub(super) service: u32,
    /// The child named `*`.
    pub(super) wildcard: u32,
    /// Position in `targets`, where there is a CNAME or DNAME.
    pub(super) target: u32,
    /// Its sets, as a range of the catalog's.
    pub(super) sets: u32,
    pub(super) set_count: u16,
}

impl Details {
    /// Nothing beyond a name.
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
    /// Delegated; the index is one into `cuts`.
    Cut(u32),
}

/// A delegation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    /// Zone that delegates.
    pub(super) zone: u32,
    pub(super) ns: Set,
    pub(super) ds: Option<Set>,
    /// Glue sets, as a range of `sets`; those that the referral needs come first.
    pub(super) glue: u32,
    pub(super) needed: u16,
    pub(super) helpful: u16,
}

/// A zone's own facts.
#[derive(Debug, Clone, Copy)]
pub(super) struct ZoneEntry {
    pub(super) apex: NodeId,
    pub(super) apex_len: u8,
    /// SOA with its TTL as of RFC 2308 §3.
    pub(super) negative: Set,
}

/// A zone of the catalog.
#[derive(Debug, Clone, Copy)]
pub struct ZoneRef<'a> {
    catalog: &'a Catalog,
    entry: &'a ZoneEntry,
}

/// A node with authority over its own data.
#[derive(Debug, Clone, Copy)]
pub struct NodeRef<'a> {
    catalog: &'a Catalog,
    node: &'a Node,
    details: &'a Details,
    id: NodeId,
}

/// A delegation that a query met.
#[derive(Debug, Clone, Copy)]
pub struct CutRef<'a> {
    catalog: &'a Catalog,
    cut: &'a Cut,
    /// Labels of the name asked for that stand before the delegated name.
    pub skip: usize,
}

/// What a name turned out to be.
#[derive(Debug, Clone, Copy)]
pub enum Found<'a> {
    /// The name itself.
    Exact(NodeRef<'a>),
    /// A wildcard that stands for the name (RFC 4592 §3.3.1).
    Wildcard(NodeRef<'a>),
    /// Below a DNAME, whose owner is the name without its first `skip` labels.
    Dname {
        /// Owner of the DNAME.
        node: NodeRef<'a>,
        /// Labels in front of it.
        skip: usize,
    },
    /// At or below a delegation.
    Referral(CutRef<'a>),
    /// Nothing there.
    NxDomain(ZoneRef<'a>),
    /// In no zone of ours.
    NotOurs,
}

impl Catalog {
    /// Looks a name up. `at_parent` asks the delegating side of a cut for its own data, as type DS needs (RFC 4035
    /// §3.1.4.1).
    #[inline]
    pub fn find(&self, key: &NameKey, at_parent: bool) -> Found<'_> {
        let mut skip = self.first_skip(key);
        loop {
            if let Some(id) = self.nodes.find(key, skip, &self.octets) {
                return self.meet(id, skip, at_parent);
            }
            skip += 1;
            if skip > key.label_count() {
                return Found::NotOurs;
            }
        }
    }

    /// Apex of the zone that answers for a name, or delegates it; `None` if that is no zone of ours.
    pub fn apex_for(&self, key: &NameKey, at_parent: bool) -> Option<&[u8]> {
        let zone = match self.find(key, at_parent) {
            Found::Exact(node) | Found::Wildcard(node) | Found::Dname { node, .. } => node.zone(),
            Found::Referral(cut) => cut.zone(),
            Found::NxDomain(zone) => zone,
            Found::NotOurs => return None,
        };
        Some(zone.apex())
    }

    /// No name of ours has more labels than the deepest: longer ones need no lookup of their own.
    #[inline]
    fn first_skip(&self, key: &NameKey) -> usize {
        key.label_count().saturating_sub(self.deepest)
    }

    /// Hash of the name or ancestor that a lookup of the key asks for first.
    #[inline]
    pub fn first_hash(&self, key: &NameKey) -> u64 {
        key.hash(self.first_skip(key))
    }

    /// Loads where the search for a hash begins, and says something about it that only serves to have loaded it.
    #[inline]
    pub fn prefetch_node(&self, hash: u64) -> u32 {
        self.nodes.touch(hash)
    }

    /// The same for the name that probably has the hash, and for the records behind it.
    #[inline]
    pub fn prefetch_name(&self, hash: u64) -> u32 {
        /// Octets of a cache line on the machines that we know.
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

    /// Decides what the closest node that exists means for the name asked for.
    #[inline]
    fn meet(&self, id: NodeId, skip: usize, at_parent: bool) -> Found<'_> {
        let Some(node) = self.node(id) else { return Found::NotOurs };
        match (node.kind(), skip) {
            (Kind::Cut(cut), _) => self.cut(cut, skip).map_or(Found::NotOurs, Found::Referral),
            (_, 0) if at_parent && self.parent_cuts.contains_key(&id) => {
                self.parent_cuts.get(&id).and_then(|&cut| self.cut(cut, 0)).map_or(Found::NotOurs, Found::Referral)
            }
            (_, 0) => Found::Exact(node),
            (Kind::Redirect, _) => Found::Dname { node, skip },
            _ => match self.node(NodeId(node.details.wildcard)) {
                Some(wildcard) => Found::Wildcard(wildcard),
                None => Found::NxDomain(node.zone()),
            },
        }
    }

    #[inline]
    fn node(&self, id: NodeId) -> Option<NodeRef<'_>> {
        let node = self.nodes.get(id)?;
        let details = self.details.get(node.details as usize)?;
        Some(NodeRef { catalog: self, node, details, id })
    }

    fn cut(&self, index: u32, skip: usize) -> Option<CutRef<'_>> {
        self.cuts.get(index as usize).map(|cut| CutRef { catalog: self, cut, skip })
    }

    fn zone(&self, index: u32) -> ZoneRef<'_> {
        const NO_ZONE: ZoneEntry = ZoneEntry { apex: NodeId(NONE), apex_len: 1, negative: Set::EMPTY };
        ZoneRef { catalog: self, entry: self.zones.get(index as usize).unwrap_or(&NO_ZONE) }
    }

    /// How many names exist, empty non-terminals included.
    pub fn names(&self) -> usize {
        self.nodes.len()
    }

    /// How much each zone holds, in the order of the site's zones.
    pub fn extents(&self) -> &[Extent] {
        &self.extents
    }

    /// Memory in octets that it took to build it from records, as [`crate::budget`] counts them.
    pub fn building_memory(&self) -> usize {
        self.made_from
    }

    /// How many zones there are.
    pub fn zones(&self) -> usize {
        self.zones.len()
    }

    /// Octets held.
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
    /// Which node it is.
    pub fn id(&self) -> NodeId {
        self.id
    }

    /// The RRset of a type.
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

    /// What the CNAME or DNAME here points to, in wire form; other octets may follow.
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
    /// Octets of the apex in wire form.
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
        self.catalog.nodes.get(self.entry.apex).map_or(&[], |node| self.catalog.octets.name(node.name))
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

    /// Glue without which the referral leads nowhere: servers inside the delegated zone (RFC 9471 §3.1).
    pub fn needed_glue(&self) -> &'a [Set] {
        self.glue(0, self.cut.needed)
    }

    /// Glue that spares a lookup: servers elsewhere in the delegating zone (RFC 9471 §3.2).
    pub fn helpful_glue(&self) -> &'a [Set] {
        self.glue(self.cut.needed, self.cut.helpful)
    }

    fn glue(&self, from: u16, count: u16) -> &'a [Set] {
        let start = self.cut.glue as usize + usize::from(from);
        self.catalog.sets.get(start..start + usize::from(count)).unwrap_or_default()
    }
}
