//! Answers a query from the catalog: data, aliases, referrals, NODATA and NXDOMAIN.

use super::chain::Link;
use super::name_offset::NameOffset;
use super::tally::Outcome;
use super::{Sender, State};
use crate::dns::name::MAX_NAME;
use crate::dns::wire::message::{Full, Message, Section};
use crate::dns::wire::number::{Ede, Rcode, rtype};
use crate::dns::wire::qname::NameKey;
use crate::dns::wire::query::Query;
use crate::steer::trace::{Step, Trace};
use crate::table::RoutingTable;
use crate::zone::catalog::{CutRef, Found, NodeRef, ZoneRef};
use crate::zone::set::{Anchors, Set};

/// A response under construction.
pub(super) struct Answering<'a, 'm, T> {
    /// The name being answered.
    pub(super) key: &'a mut NameKey,
    pub(super) query: &'a Query,
    pub(super) state: &'a mut State,
    pub(super) table: &'a RoutingTable,
    pub(super) sender: Sender<'a>,
    pub(super) message: Message<'m>,
    /// Longest scope of all decisions behind the answer.
    pub(super) scope: u8,
    /// True if a decision used the client subnet.
    pub(super) located: bool,
    /// The kind of response, before the rcode is taken into account.
    pub(super) outcome: Outcome,
    pub(super) trace: &'a mut T,
}

/// What to do after a name is answered.
pub(super) enum Next {
    /// Nothing: the response is complete.
    Done,
    /// Continue with the target of an alias.
    Follow {
        /// Offset of the target in the message; the name itself is in the key.
        place: NameOffset,
    },
}

impl<T: Trace> Answering<'_, '_, T> {
    /// Answers the name in the key, and follows its aliases.
    pub(super) fn run(&mut self) {
        if matches!(self.query.qtype, rtype::AXFR | rtype::IXFR) {
            self.message.fail(Rcode::Refused, Ede::Prohibited);
            return;
        }
        if self.query.qtype == rtype::NXNAME {
            self.message.fail(Rcode::FormErr, Ede::InvalidQueryType);
            return;
        }
        self.state.chain.clear();
        let mut place = NameOffset::question();
        while let Next::Follow { place: next } = self.name(place) {
            if self.state.chain.link_to(self.key.remember_hash(0)) == Link::Last {
                return;
            }
            place = next;
        }
    }

    /// Answers one name.
    #[inline]
    fn name(&mut self, place: NameOffset) -> Next {
        let table = self.table;
        let at_parent = self.query.qtype == rtype::DS;
        match table.topology().catalog.find(self.key, at_parent) {
            Found::Exact(node) | Found::Wildcard(node) => self.node(place, node),
            Found::NxDomain(zone) => {
                self.trace.note(|| Step::NoSuchName);
                self.message.rcode = Rcode::NxDomain;
                self.negative(place, zone)
            }
            Found::Dname { node, prefix } => self.dname(place, node, prefix),
            Found::Referral(cut) => self.referral(place, cut),
            Found::NotOurs => {
                self.trace.note(|| Step::NotOurs);
                // The target of an alias may be outside our zones; the queried name may not.
                if self.message.records(Section::Answer) == 0 {
                    self.message.fail(Rcode::Refused, Ede::NotAuthoritative);
                }
                Next::Done
            }
        }
    }

    #[inline]
    fn node(&mut self, place: NameOffset, node: NodeRef<'_>) -> Next {
        self.message.authoritative = true;
        let qtype = self.query.qtype;
        self.trace.note(|| Step::Node { zone: node.zone().apex().into(), name: node.name().into() });
        if let Some(index) = node.service()
            && let Some(service) = self.table.topology().services.get(index as usize)
            && let Some(kind) = service.steers.kind(qtype)
        {
            return self.steered(place, node, index, service, kind);
        }
        let has_own = || rtype::may_coexist_with_cname(qtype) && node.set(qtype).is_some();
        if node.is_alias() && qtype != rtype::CNAME && !has_own() {
            return self.alias(place, node);
        }
        if node.service().is_some() {
            self.trace.note(|| Step::NotSteered);
        }
        if qtype == rtype::ANY && (!node.sets().is_empty() || node.service().is_some()) {
            self.trace.note(|| Step::Any);
            return self.any(place);
        }
        match node.set(qtype) {
            Some(set) => self.data(place, node, set),
            None => {
                self.trace.note(|| Step::NoSuchType);
                self.negative(place, node.zone())
            }
        }
    }

    #[inline]
    fn data(&mut self, place: NameOffset, node: NodeRef<'_>, set: &Set) -> Next {
        let anchors = self.anchors(place, node.zone());
        self.put(set, anchors, Section::Answer);
        Next::Done
    }

    /// Offsets of the current name and of its zone's apex.
    pub(super) fn anchors(&self, place: NameOffset, zone: ZoneRef<'_>) -> Anchors {
        let below_apex = self.key.wire_len().saturating_sub(zone.apex_len());
        Anchors { owner: place.suffix(0), apex: place.suffix(below_apex) }
    }

    /// Writes a record set; if it does not fit, marks the response as truncated.
    #[inline]
    fn put(&mut self, set: &Set, anchors: Anchors, section: Section) -> bool {
        let written = self.table.topology().catalog.octets.write(set, anchors, section, &mut self.message);
        // Not `truncated |= written.is_err()`: see tests/miscompiled.
        match written {
            Ok(()) => true,
            Err(Full) => {
                self.message.truncated = true;
                false
            }
        }
    }

    /// NODATA or NXDOMAIN; the zone's SOA sets the negative TTL (RFC 2308 §3).
    pub(super) fn negative(&mut self, place: NameOffset, zone: ZoneRef<'_>) -> Next {
        self.message.authoritative = true;
        self.outcome = Outcome::NoData;
        let Anchors { apex, .. } = self.anchors(place, zone);
        self.put(zone.negative(), Anchors { owner: apex, apex }, Section::Authority);
        Next::Done
    }

    /// NODATA that may change soon: cached for at most `ttl` seconds, or the SOA's negative TTL if that is shorter.
    #[cold]
    pub(super) fn negative_within(&mut self, place: NameOffset, zone: ZoneRef<'_>, ttl: u32) -> Next {
        /// Offset of the TTL in a record whose owner is a pointer.
        const TTL: usize = 6;
        let at = self.message.len() + TTL;
        let next = self.negative(place, zone);
        if !self.message.truncated {
            let [high, low] = [at, at + 2].map(|at| self.message.read_u16(at));
            let ttl = ttl.min(u32::from(high) << 16 | u32::from(low));
            self.message.patch(at, (ttl >> 16) as u16);
            self.message.patch(at + 2, ttl as u16);
        }
        next
    }

    /// Writes a node's CNAME and follows it.
    fn alias(&mut self, place: NameOffset, node: NodeRef<'_>) -> Next {
        let Some(set) = node.set(rtype::CNAME) else { return Next::Done };
        let zone = node.zone();
        let anchors = self.anchors(place, zone);
        let target_at = self.message.len() + 12;
        if !self.put(set, anchors, Section::Answer) || self.ends_at_alias() {
            return Next::Done;
        }
        self.state.chain.push(self.key.hash_at(0));
        let Ok(len) = self.key.fill(node.target()) else { return Next::Done };
        self.trace.note(|| Step::Alias { target: node.target().get(..len).unwrap_or_default().into() });
        // A target below the apex ends in a pointer to it, unless the apex is the root.
        let place = match self.key.octets_before(zone.apex()).filter(|_| zone.apex_len() > 1) {
            Some(own) => NameOffset::split(target_at, own, anchors.apex),
            None => NameOffset::whole(target_at),
        };
        Next::Follow { place }
    }

    /// RFC 8482 §4.2: answers ANY with a minimal HINFO record.
    #[cold]
    fn any(&mut self, place: NameOffset) -> Next {
        let [owner_high, owner_low] = crate::zone::set::pointer(place.suffix(0)).to_be_bytes();
        let hinfo = [owner_high, owner_low, 0, 13, 0, 1, 0, 0, 0x0E, 0x10, 0, 9];
        let text = *b"\x07RFC8482\0";
        let before = self.message.len();
        match self.message.put_array(hinfo).and_then(|()| self.message.put_array(text)) {
            Ok(()) => self.message.count(Section::Answer, 1),
            Err(Full) => {
                self.message.truncate(before);
                self.message.truncated = true;
            }
        }
        Next::Done
    }

    /// True if the alias is the whole answer: the query type is CNAME or ANY.
    pub(super) fn ends_at_alias(&self) -> bool {
        matches!(self.query.qtype, rtype::CNAME | rtype::ANY)
    }

    /// Writes a DNAME and the CNAME synthesized from it for the current name (RFC 6672 §3.1), and follows that.
    #[cold]
    fn dname(&mut self, place: NameOffset, node: NodeRef<'_>, prefix_len: usize) -> Next {
        self.message.authoritative = true;
        let Some(set) = node.set(rtype::DNAME) else { return Next::Done };
        let anchors = Anchors { owner: place.suffix(prefix_len), apex: self.anchors(place, node.zone()).apex };
        let set_at = match self.state.chain.dname_at(node.id()) {
            Some(written_before) => written_before,
            None => {
                let at = self.message.len();
                if !self.put(set, anchors, Section::Answer) {
                    return Next::Done;
                }
                self.state.chain.record_dname(node.id(), at);
                at
            }
        };
        let target = node.target();
        let target_len = crate::dns::name::wire_length(target).unwrap_or(0);
        let len = prefix_len + target_len;
        let mut name = [0; MAX_NAME];
        let (Some(buffer), Some(prefix), Some(target)) =
            (name.get_mut(..len), self.key.suffix(0).get(..prefix_len), target.get(..target_len))
        else {
            self.message.rcode = Rcode::YxDomain;
            return Next::Done;
        };
        let (front, back) = buffer.split_at_mut(prefix_len);
        front.copy_from_slice(prefix);
        back.copy_from_slice(target);
        let ttl = [self.message.read_u16(set_at + 6), self.message.read_u16(set_at + 8)];
        let name = name.get(..len).unwrap_or_default();
        let Ok(target_at) = self.put_cname(place, ttl, name) else { return Next::Done };
        if self.ends_at_alias() {
            return Next::Done;
        }
        self.state.chain.push(self.key.hash_at(0));
        if self.key.fill(name).is_err() {
            return Next::Done;
        }
        self.trace.note(|| Step::Alias { target: name.into() });
        Next::Follow { place: NameOffset::whole(target_at) }
    }

    /// Writes a CNAME record for the current name, and returns the offset of its target.
    pub(super) fn put_cname(&mut self, place: NameOffset, ttl: [u16; 2], target: &[u8]) -> Result<usize, Full> {
        let before = self.message.len();
        let [owner_high, owner_low] = crate::zone::set::pointer(place.suffix(0)).to_be_bytes();
        let [[t0, t1], [t2, t3]] = ttl.map(u16::to_be_bytes);
        let [len_high, len_low] = (target.len() as u16).to_be_bytes();
        let head = [owner_high, owner_low, 0, 5, 0, 1, t0, t1, t2, t3, len_high, len_low];
        if self.message.put(&head).and_then(|()| self.message.put(target)).is_err() {
            self.message.truncate(before);
            self.message.truncated = true;
            return Err(Full);
        }
        self.message.count(Section::Answer, 1);
        Ok(before + 12)
    }

    /// Points to the servers of a delegated zone, or answers about the delegation itself.
    #[cold]
    fn referral(&mut self, place: NameOffset, cut: CutRef<'_>) -> Next {
        let anchors = Anchors { owner: place.suffix(cut.prefix), ..self.anchors(place, cut.zone()) };
        if self.query.qtype == rtype::DS && cut.prefix == 0 {
            return self.delegation_signer(place, cut, anchors);
        }
        self.trace.note(|| Step::Referral);
        self.outcome = Outcome::Referral;
        if !self.put(cut.ns(), anchors, Section::Authority) {
            return Next::Done;
        }
        if let Some(ds) = cut.ds().filter(|_| self.query.edns.as_ref().is_some_and(|edns| edns.dnssec_ok)) {
            self.put(ds, anchors, Section::Authority);
        }
        let octets = &self.table.topology().catalog.octets;
        for set in cut.needed_glue() {
            if octets.write_fixed(set, anchors, Section::Additional, &mut self.message).is_err() {
                self.message.truncated = true;
            }
        }
        for set in cut.helpful_glue() {
            // Omitted if it does not fit: a resolver can look these addresses up itself.
            let _ = octets.write_fixed(set, anchors, Section::Additional, &mut self.message);
        }
        Next::Done
    }

    /// DS records are on the parent's side of a cut (RFC 4035 §3.1.4.1).
    fn delegation_signer(&mut self, place: NameOffset, cut: CutRef<'_>, anchors: Anchors) -> Next {
        match cut.ds() {
            Some(ds) => {
                self.message.authoritative = true;
                self.put(ds, anchors, Section::Answer);
                Next::Done
            }
            None => self.negative(place, cut.zone()),
        }
    }
}
