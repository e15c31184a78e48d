//! Builds a catalog from records and services: authoritative data, delegations, and empty non-terminals.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use super::catalog::{Catalog, Cut, Details, Kind, ZoneEntry};
use super::draft::{Draft, settle};
use super::extent::Extent;
use super::fingerprint::Fingerprint;
use super::names::{Names, NodeId};
use super::nodes::{NONE, PLAIN};
use super::set::{Owner, Set, Sets, TooLarge};
use crate::dns::name::Name;
use crate::dns::wire::number::rtype;
use crate::dns::wire::qname::NameKey;
use crate::dns::zonefile::Record;
use crate::problem::{KeyPath, Location, Problem, Severity};
use crate::site::model::{Service, Zone};
use crate::site::zone_cut::ZoneCut;

/// The catalog after `previous`, which is reused if zones, records and service names are the same. Like [`build`], this
/// takes the records out of the zones and frees them.
pub fn after(
    previous: Option<&Arc<Catalog>>,
    zones: &mut [Zone],
    services: &[Service],
) -> Result<Arc<Catalog>, Box<Problem>> {
    let made_of = Fingerprint::of(zones, services);
    if let Some(previous) = previous.filter(|previous| previous.made_of == made_of) {
        zones.iter_mut().for_each(|zone| zone.records = Vec::new());
        return Ok(Arc::clone(previous));
    }
    Ok(Arc::new(Catalog { made_of, ..build(zones, services)? }))
}

/// Builds the catalog of `zones`; each service's node has its index. Takes the records out of the zones and frees them
/// zone by zone, because the catalog stores them more compactly.
///
/// The zones must have been checked: one SOA each, no data beside a CNAME, no owner outside. The only remaining error
/// is an RRset too large for any message.
pub fn build(zones: &mut [Zone], services: &[Service]) -> Result<Catalog, Box<Problem>> {
    let records = zones.iter().map(|zone| zone.records.len()).sum::<usize>();
    let made_from = zones.iter().flat_map(|zone| &zone.records).map(Record::memory).sum();
    // Before the builder has memory, since this takes as much as a part of it.
    let extents = zones.iter().map(|zone| Extent::of(&zone.records)).collect();
    let mut builder = Builder::new(zones, services, records + services.len());
    builder.catalog.extents = extents;
    // All apexes first, so that no zone claims another zone's apex as an empty non-terminal.
    for (index, zone) in zones.iter().enumerate() {
        builder.node(&zone.apex, index as u32);
    }
    for (index, zone) in zones.iter_mut().enumerate() {
        let records = std::mem::take(&mut zone.records);
        builder.add_zone(index as u32, &Zone { records, ..zone.clone() })?;
    }
    for (index, service) in services.iter().enumerate() {
        for (name, zone) in service.names() {
            let node = builder.node(name, zone);
            if let Some(details) = builder.details(node) {
                details.service = index as u32;
            }
        }
    }
    builder.catalog.made_from = made_from;
    let Builder { catalog, names, drafts, .. } = builder;
    settle(catalog, names, drafts).map_err(|TooLarge| too_many(zones))
}

/// Octets of a record in front of its data: owner as a pointer, type, class, TTL and length (RFC 1035 §3.2.1).
const RECORD_HEADER: usize = 12;

struct Builder {
    catalog: Catalog,
    names: Names,
    /// One per name.
    drafts: Vec<Draft>,
    /// Labels of each zone's apex.
    apex_labels: Vec<usize>,
    /// Index of the zone with this apex, in lowercase.
    apexes: HashMap<Box<[u8]>, u32>,
    key: NameKey,
}

/// What a zone does with one of its records.
enum Part {
    Authoritative,
    /// NS or DS at a delegation point, which is this owner.
    Delegation,
    /// Below a delegation or DNAME, or in another of our zones: used as glue at most.
    Occluded,
}

impl Builder {
    /// A builder with capacity for `names` names.
    fn new(zones: &[Zone], services: &[Service], names: usize) -> Builder {
        // An upper bound, which is exact but for names with several records: growing would take twice as much.
        let records = || zones.iter().flat_map(|zone| &zone.records);
        let owners: usize = records().map(|record| record.owner.wire_len()).sum();
        let steered: usize = services.iter().flat_map(Service::names).map(|(name, _)| name.wire_len()).sum();
        let octets = |record: &Record| record.rdata.len() + RECORD_HEADER;
        // The SOA of each zone is stored again, with the TTL of negative answers.
        let negative: usize = records().filter(|record| record.rtype == rtype::SOA).map(octets).sum();
        let data: usize = records().map(octets).sum::<usize>() + negative;
        let mut catalog = Catalog {
            sets: Vec::with_capacity(names),
            details: Vec::with_capacity(1 + services.len()),
            octets: Sets::with_capacity(owners + steered + data),
            ..Catalog::default()
        };
        let apexes = zones.iter().enumerate().map(|(index, zone)| (lowered(&zone.apex), index as u32)).collect();
        catalog.details.push(Details::PLAIN);
        Builder {
            catalog,
            names: Names::with_capacity(names, owners + steered),
            drafts: Vec::with_capacity(names),
            apex_labels: zones.iter().map(|zone| zone.apex.label_count()).collect(),
            apexes,
            key: NameKey::default(),
        }
    }

    fn add_zone(&mut self, index: u32, zone: &Zone) -> Result<(), Box<Problem>> {
        let apex = self.node(&zone.apex, index);
        let borders = Borders::of(zone);
        let mut own = Vec::with_capacity(zone.records.len());
        let mut delegated: HashMap<Box<[u8]>, Vec<&Record>> = HashMap::new();
        for (at, record) in zone.records.iter().enumerate() {
            match self.part(index, zone, &borders, record) {
                Part::Authoritative => own.push((self.node(&record.owner, index), record.rtype, at as u32)),
                Part::Delegation => delegated.entry(lowered(&record.owner)).or_default().push(record),
                Part::Occluded => {}
            }
        }
        own.sort_unstable();
        for group in own.chunk_by(|a, b| a.0 == b.0) {
            self.add_sets(zone, group)?;
        }
        self.add_zone_entry(zone, apex)?;
        self.add_cuts(index, zone, delegated)
    }

    fn part(&mut self, index: u32, zone: &Zone, borders: &Borders, record: &Record) -> Part {
        if self.key.fill(record.owner.as_wire()).is_err() {
            return Part::Occluded;
        }
        let own_labels = self.key.label_count() - zone.apex.label_count();
        let key = &self.key;
        let delegates = matches!(record.rtype, rtype::NS | rtype::DS);
        let is_other_apex =
            |skip| self.apexes.len() > 1 && self.apexes.get(key.suffix(skip)).is_some_and(|&other| other != index);
        // A zone with an apex between this zone's apex and the owner is authoritative there.
        if (1..own_labels).any(|skip| is_other_apex(skip) || borders.cuts.contains(key.suffix(skip)))
            || (1..=own_labels).any(|skip| borders.redirects.contains(key.suffix(skip)))
        {
            return Part::Occluded;
        }
        match own_labels > 0 && (is_other_apex(0) || borders.cuts.contains(key.suffix(0))) {
            true if delegates => Part::Delegation,
            true => Part::Occluded,
            false => Part::Authoritative,
        }
    }

    /// The node of a name; creates it and all nodes between it and the apex of its zone.
    fn node(&mut self, name: &Name, zone: u32) -> NodeId {
        let apex_labels = self.apex_labels.get(zone as usize).copied().unwrap_or(0);
        let mut made = None;
        let mut child_is_wildcard = false;
        let mut child: Option<NodeId> = None;
        let labels = name.label_count();
        self.catalog.deepest = self.catalog.deepest.max(labels);
        for skip in 0..=labels.saturating_sub(apex_labels) {
            if self.key.fill(suffix_of(name, skip)).is_err() {
                break;
            }
            let found = self.names.find(&self.key);
            let id = found.unwrap_or_else(|| self.insert(zone));
            if child_is_wildcard
                && let Some(child) = child
                && let Some(details) = self.details(id)
            {
                details.wildcard = child.0;
            }
            made = made.or(Some(id));
            if found.is_some() {
                break;
            }
            child_is_wildcard = self.key.suffix(0).starts_with(&[1, b'*']);
            child = Some(id);
        }
        made.unwrap_or(NodeId(NONE))
    }

    fn insert(&mut self, zone: u32) -> NodeId {
        self.drafts.push(Draft::new(zone));
        self.names.insert(&self.key)
    }

    /// The details of a node; creates them for a plain node, which then is no longer plain.
    fn details(&mut self, id: NodeId) -> Option<&mut Details> {
        let draft = self.drafts.get_mut(id.0 as usize)?;
        if draft.details == PLAIN {
            draft.details = self.catalog.details.len() as u32;
            self.catalog.details.push(Details::PLAIN);
        }
        self.catalog.details.get_mut(draft.details as usize)
    }

    /// Stores the RRsets of one node; `group` is sorted by type.
    fn add_sets(&mut self, zone: &Zone, group: &[(NodeId, u16, u32)]) -> Result<(), Box<Problem>> {
        let Some(&(id, ..)) = group.first() else { return Ok(()) };
        let sets = self.catalog.sets.len() as u32;
        let name = self
            .catalog
            .octets
            .add_name(self.names.name(id))
            .map_err(|TooLarge| too_many(std::slice::from_ref(zone)))?;
        for same_type in group.chunk_by(|a, b| a.1 == b.1) {
            let records: Vec<&Record> =
                same_type.iter().filter_map(|&(_, _, at)| zone.records.get(at as usize)).collect();
            let Some(first) = records.first() else { continue };
            if let Some(redirect) = redirection(first.rtype) {
                let target = self.catalog.targets.len() as u32;
                if let Some(details) = self.details(id) {
                    (details.kind, details.target) = (redirect, target);
                }
                self.catalog.targets.extend_from_slice(&first.rdata);
            }
            let set = self.set(&zone.apex, Owner::Qname, &records)?;
            self.catalog.sets.push(set);
        }
        let set_count = (self.catalog.sets.len() as u32 - sets) as u16;
        if let Some(draft) = self.drafts.get_mut(id.0 as usize) {
            *draft = Draft { name, sets, set_count, ..*draft };
        }
        Ok(())
    }

    fn set(&mut self, apex: &Name, owner: Owner<'_>, records: &[&Record]) -> Result<Set, Box<Problem>> {
        self.set_for_at_most(u32::MAX, apex, owner, records)
    }

    /// Stores records with their TTLs, limited to `most`. TTLs only differ within an RRset of signatures: each has the
    /// TTL of the records that it covers (RFC 4034 §3).
    fn set_for_at_most(
        &mut self,
        most: u32,
        apex: &Name,
        owner: Owner<'_>,
        records: &[&Record],
    ) -> Result<Set, Box<Problem>> {
        let Some(first) = records.first() else { return Ok(Set::EMPTY) };
        let timed = records.iter().map(|record| (record.ttl.min(most), &*record.rdata));
        self.catalog
            .octets
            .add(apex, owner, first.rtype, timed)
            .map_err(|TooLarge| too_large(&first.location, &first.owner))
    }

    fn add_zone_entry(&mut self, zone: &Zone, apex: NodeId) -> Result<(), Box<Problem>> {
        let soa: Vec<&Record> = zone.records.iter().filter(|record| record.rtype == rtype::SOA).take(1).collect();
        let minimum = soa.first().map_or(0, |soa| minimum(&soa.rdata));
        let negative = self.set_for_at_most(minimum, &zone.apex, Owner::Qname, &soa)?;
        let apex_len = zone.apex.wire_len() as u8;
        self.catalog.zones.push(ZoneEntry { apex, apex_len, negative });
        Ok(())
    }

    fn add_cuts(
        &mut self,
        index: u32,
        zone: &Zone,
        delegated: HashMap<Box<[u8]>, Vec<&Record>>,
    ) -> Result<(), Box<Problem>> {
        let addresses = glue_of(zone, &delegated);
        for records in delegated.into_values() {
            let Some(owner) = records.first().map(|record| &record.owner) else { continue };
            let of = |wanted| records.iter().copied().filter(|r| r.rtype == wanted).collect::<Vec<_>>();
            let (servers, ds) = (of(rtype::NS), of(rtype::DS));
            if servers.is_empty() {
                continue;
            }
            let ns = self.set(&zone.apex, Owner::Qname, &servers)?;
            let ds = match ds.is_empty() {
                false => Some(self.set(&zone.apex, Owner::Qname, &ds)?),
                true => None,
            };
            let glue = self.catalog.sets.len() as u32;
            let targets: Vec<Name> = servers.iter().filter_map(|ns| Name::from_wire(&ns.rdata).ok()).collect();
            let (inside, outside): (Vec<&Name>, Vec<&Name>) =
                targets.iter().partition(|target| target.is_at_or_below(owner));
            let needed = self.add_glue(zone, &inside, &addresses)?;
            let helpful = self.add_glue(zone, &outside, &addresses)?;
            let cut = Cut { zone: index, ns, ds, glue, needed, helpful };
            self.place_cut(owner, index, cut);
        }
        Ok(())
    }

    fn add_glue(
        &mut self,
        zone: &Zone,
        targets: &[&Name],
        addresses: &HashMap<Box<[u8]>, Vec<&Record>>,
    ) -> Result<u16, Box<Problem>> {
        let before = self.catalog.sets.len();
        for target in targets {
            let Some(records) = addresses.get(&lowered(target)) else { continue };
            for wanted in [rtype::A, rtype::AAAA] {
                let of_type: Vec<&Record> = records.iter().copied().filter(|r| r.rtype == wanted).collect();
                if !of_type.is_empty() {
                    let set = self.set(&zone.apex, Owner::Fixed(target), &of_type)?;
                    self.catalog.sets.push(set);
                }
            }
        }
        Ok((self.catalog.sets.len() - before) as u16)
    }

    /// Marks the node as a cut, unless the delegated zone is ours too: then the cut belongs to its apex.
    fn place_cut(&mut self, owner: &Name, zone: u32, cut: Cut) {
        let index = self.catalog.cuts.len() as u32;
        self.catalog.cuts.push(cut);
        match self.apexes.get(&lowered(owner)).copied() {
            Some(child) => {
                let apex = self.node(owner, child);
                self.catalog.parent_cuts.insert(apex, index);
                // Names between the parent's apex and the cut exist in the parent.
                if let Some(above) = owner.parent() {
                    self.node(&above, zone);
                }
            }
            None => {
                let id = self.node(owner, zone);
                if let Some(details) = self.details(id) {
                    details.kind = Kind::Cut(index);
                }
            }
        }
    }
}

/// Names at which a zone's authority ends, in lowercase.
struct Borders {
    cuts: HashSet<Box<[u8]>>,
    redirects: HashSet<Box<[u8]>>,
}

impl Borders {
    fn of(zone: &Zone) -> Borders {
        let mut borders = Borders { cuts: HashSet::new(), redirects: HashSet::new() };
        for record in &zone.records {
            let names = match ZoneCut::of(record, &zone.apex) {
                Some(ZoneCut::Delegation) => &mut borders.cuts,
                Some(ZoneCut::Redirection) => &mut borders.redirects,
                None => continue,
            };
            names.insert(lowered(&record.owner));
        }
        borders
    }
}

/// Addresses in the zone, by owner, for all name servers of its delegations.
fn glue_of<'z>(zone: &'z Zone, delegated: &HashMap<Box<[u8]>, Vec<&Record>>) -> HashMap<Box<[u8]>, Vec<&'z Record>> {
    let servers = delegated.values().flatten().filter(|record| record.rtype == rtype::NS);
    let targets: HashSet<Box<[u8]>> = servers.map(|record| record.rdata.to_ascii_lowercase().into()).collect();
    let mut addresses: HashMap<Box<[u8]>, Vec<&Record>> = HashMap::new();
    if targets.is_empty() {
        return addresses;
    }
    for record in zone.records.iter().filter(|record| matches!(record.rtype, rtype::A | rtype::AAAA)) {
        let owner = lowered(&record.owner);
        if targets.contains(&owner) {
            addresses.entry(owner).or_default().push(record);
        }
    }
    addresses
}

fn redirection(wanted: u16) -> Option<Kind> {
    match wanted {
        rtype::CNAME => Some(Kind::Alias),
        rtype::DNAME => Some(Kind::Redirect),
        _ => None,
    }
}

fn lowered(name: &Name) -> Box<[u8]> {
    name.as_wire().to_ascii_lowercase().into()
}

/// The name without its first `skip` labels, in wire form.
fn suffix_of(name: &Name, skip: usize) -> &[u8] {
    let gone: usize = name.labels().take(skip).map(|label| label.len() + 1).sum();
    name.as_wire().get(gone..).unwrap_or_default()
}

/// MINIMUM, the last field of an SOA.
fn minimum(soa: &[u8]) -> u32 {
    soa.last_chunk::<4>().map_or(0, |octets| u32::from_be_bytes(*octets))
}

fn too_large(location: &Location, owner: &Name) -> Box<Problem> {
    let message = format!("a record set of {owner} is too large for any response");
    let help = "keep the records of one name and type under 65,000 octets";
    Box::new(Problem::new(Severity::Error, location.clone(), KeyPath::default(), message, help))
}

/// All RRsets together exceed the range of 32-bit offsets.
fn too_many(zones: &[Zone]) -> Box<Problem> {
    let location = zones.last().map_or(Location { file: "".into(), line: 1, column: 1 }, |zone| zone.location.clone());
    let help = "divide the zones among several servers";
    let message = "the records of all zones exceed 4 GiB";
    Box::new(Problem::new(Severity::Error, location, ["zones"].into(), message, help))
}
