//! Rules for the records of a zone.
//!
//! Errors: not exactly one SOA, or an SOA below the apex; no NS at the apex; an owner outside the zone; a CNAME with
//! other data (DNSSEC types are allowed); two CNAMEs or two DNAMEs at one owner; data below a DNAME; a record set of
//! more than 65,000 octets.
//!
//! Warnings: records hidden by a delegation; a set with several TTLs, for which the smallest is used; targets of NS, MX
//! and SRV inside the zone that have no address or are a CNAME.
//!
//! A duplicate record counts once (RFC 2181 §5).

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use super::borders::{Border, Borders, Kind};
use super::owners::Owners;
use super::services::Written;
use super::targets::Targets;
use super::zones::Loaded;
use crate::dns::name::Name;
use crate::dns::rdata::{embedded_names, type_to_text};
use crate::dns::wire::number::rtype;
use crate::dns::zonefile::Record;
use crate::notation::Problems;
use crate::problem::Path;
use crate::problem::Severity::{Error, Warning};
use crate::site::model::Zone;

/// Maximum octets of a record set that fits into a response with header, question and options.
const MAX_SET: usize = 65_000;
/// Owner as a pointer, type, class, TTL and rdata length (RFC 1035 §3.2.1).
const RECORD_HEADER: usize = 12;

/// Zones whose records have been checked, with indexes for further checks.
pub(super) struct Checked<'z> {
    pub(super) owners: Vec<Owners<'z>>,
    pub(super) borders: Vec<Borders<'z>>,
    pub(super) corrections: Vec<Corrections>,
}

/// Changes to make to the records of a zone when they are no longer borrowed.
#[derive(Debug, Default)]
pub(super) struct Corrections {
    ttls: Vec<(u32, u32)>,
    duplicates: Vec<u32>,
}

impl<'z> Checked<'z> {
    /// Checks all zones.
    pub(super) fn of(zones: &'z [Loaded<'_>], services: &[Written<'_>], problems: &mut Problems) -> Checked<'z> {
        let steered: HashSet<&Name> =
            services.iter().flat_map(|written| written.service.names().map(|(name, _)| name)).collect();
        let inner = inner_zones(zones);
        let mut checked = Checked { owners: Vec::new(), borders: Vec::new(), corrections: Vec::new() };
        for (loaded, inner) in zones.iter().zip(inner) {
            let owners = Owners::of(&loaded.zone.records);
            let borders = Borders::of(&loaded.zone, &inner);
            let targets = Targets { apex: &loaded.zone.apex, owners: &owners, borders: &borders, steered: &steered };
            let rules = Rules { zone: &loaded.zone, owners: &owners, borders: &borders, targets };
            checked.corrections.push(rules.check(loaded, problems));
            checked.owners.push(owners);
            checked.borders.push(borders);
        }
        checked
    }
}

/// The zones after corrections that deserved at most a warning.
pub(super) fn correct(zones: Vec<Loaded<'_>>, corrections: Vec<Corrections>) -> Vec<Zone> {
    let corrected = |(loaded, corrections): (Loaded<'_>, Corrections)| {
        let mut zone = loaded.zone;
        corrections.apply(&mut zone.records);
        zone
    };
    zones.into_iter().zip(corrections).map(corrected).collect()
}

impl Corrections {
    /// Sets TTLs, then removes duplicates.
    pub(super) fn apply(mut self, records: &mut Vec<Record>) {
        for (index, ttl) in self.ttls {
            if let Some(record) = records.get_mut(index as usize) {
                record.ttl = ttl;
            }
        }
        self.duplicates.sort_unstable();
        let mut duplicates = self.duplicates.into_iter().peekable();
        let mut index = 0;
        records.retain(|_| {
            index += 1;
            duplicates.next_if_eq(&(index - 1)).is_none()
        });
    }
}

/// For each zone, the zones of the document directly below it.
fn inner_zones<'z>(zones: &'z [Loaded<'_>]) -> Vec<Vec<&'z Zone>> {
    let apexes: HashMap<&Name, usize> = zones.iter().enumerate().map(|(at, loaded)| (&loaded.zone.apex, at)).collect();
    let mut inner = vec![Vec::new(); zones.len()];
    for loaded in zones {
        let mut above = loaded.zone.apex.parent();
        while let Some(name) = above {
            if let Some(outer) = apexes.get(&name).and_then(|&at| inner.get_mut(at)) {
                outer.push(&loaded.zone);
                break;
            }
            above = name.parent();
        }
    }
    inner
}

struct Rules<'r, 'z> {
    zone: &'z Zone,
    owners: &'r Owners<'z>,
    borders: &'r Borders<'z>,
    targets: Targets<'r, 'z>,
}

impl<'z> Rules<'_, 'z> {
    fn check(&self, loaded: &Loaded<'_>, problems: &mut Problems) -> Corrections {
        let mut corrections = Corrections::default();
        let mut group = Vec::new();
        for indices in self.owners.groups() {
            group.clear();
            group.extend(indices.iter().filter_map(|&index| Some((index, self.zone.records.get(index as usize)?))));
            self.owner(&mut group, &mut corrections, problems);
        }
        if loaded.sound {
            self.apex(loaded, problems);
        }
        corrections
    }

    /// The records that every zone needs; reported for the zone itself, since a missing record has no location.
    fn apex(&self, loaded: &Loaded<'_>, problems: &mut Problems) {
        let has = |wanted| self.owners.at(&self.zone.apex).any(|record| record.rtype == wanted);
        let path = Path::ROOT.key("zones");
        let path = path.key(&loaded.entry.key);
        for (wanted, name, help) in [
            (rtype::SOA, "SOA", "add one, such as: @ 3600 IN SOA ns1 hostmaster 1 7200 900 1209600 300"),
            (rtype::NS, "NS", "add the zone's name servers, such as: @ 3600 IN NS ns1"),
        ] {
            if !has(wanted) {
                let message = format!("the zone file has no {name} record at {}", self.zone.apex);
                problems.error(loaded.entry.at, &path, message, help);
            }
        }
    }

    fn owner(&self, group: &mut Vec<(u32, &'z Record)>, corrections: &mut Corrections, problems: &mut Problems) {
        let Some(&(_, first)) = group.first() else { return };
        if !first.owner.is_at_or_below(&self.zone.apex) {
            let message = format!("{} is outside the zone {}", first.owner, self.zone.apex);
            let help = "names without a final dot are relative to the origin; move other names to their own zone";
            return problems.at_record(Error, &first.location, message, help);
        }
        drop_duplicates(group, corrections);
        let mut types: Vec<u16> = Vec::new();
        for set in group.chunk_by(|(_, a), (_, b)| a.rtype == b.rtype) {
            types.extend(set.first().map(|(_, record)| record.rtype));
            self.set(set, corrections, problems);
        }
        report_other_data_at_cname(group, &types, problems);
        match self.borders.over(&first.owner) {
            None => group.iter().for_each(|(_, record)| self.targets.check(record, problems)),
            Some(border) => {
                hidden(group, &border, problems);
                let servers =
                    group.iter().filter(|(_, record)| border.kind == Kind::Delegation && record.rtype == rtype::NS);
                servers.for_each(|(_, record)| self.targets.check(record, problems));
            }
        }
    }

    /// Checks the records of one owner and type; there is at least one.
    fn set(&self, set: &[(u32, &'z Record)], corrections: &mut Corrections, problems: &mut Problems) {
        let Some(&(_, first)) = set.first() else { return };
        let (owner, name) = (&first.owner, || type_to_text(first.rtype));
        level_ttls(set, corrections, problems);
        let octets: usize = set.iter().map(|(_, record)| RECORD_HEADER + record.rdata.len()).sum();
        if octets > MAX_SET {
            let message = format!("the {} records of {owner} have {octets} octets", name());
            let help = format!("a response has space for {MAX_SET}: remove some records");
            problems.at_record(Error, &first.location, message, &help);
        }
        if first.rtype == rtype::SOA && *owner != self.zone.apex {
            let message = format!("SOA at {owner}, which is not the zone's apex {}", self.zone.apex);
            problems.at_record(Error, &first.location, message, "a zone has one SOA, at its apex");
        }
        let single = matches!(first.rtype, rtype::SOA | rtype::CNAME | rtype::DNAME);
        if let Some((_, second)) = set.get(1).filter(|_| single) {
            let message = format!("second {} record at {owner}; the first is at {}", name(), first.location);
            problems.at_record(Error, &second.location, message, "a name can have only one: keep one");
        }
    }
}

/// Sets the TTLs of each record set to their minimum. Signatures of different types are different sets, each with the
/// TTL of the set it covers (RFC 4034 §3).
fn level_ttls(set: &[(u32, &Record)], corrections: &mut Corrections, problems: &mut Problems) {
    let mut by_covered: BTreeMap<Option<u16>, Vec<(u32, &Record)>> = BTreeMap::new();
    for &(index, record) in set {
        by_covered.entry(covered(record)).or_default().push((index, record));
    }
    for (covered, same) in by_covered {
        let Some(&(_, first)) = same.first() else { continue };
        let Some((_, other)) = same.iter().find(|(_, record)| record.ttl != first.ttl) else { continue };
        let least = same.iter().map(|(_, record)| record.ttl).min().unwrap_or(0);
        let of_what = covered.map_or(String::new(), |covered| format!(" {}", type_to_text(covered)));
        let message = format!(
            "the {}{of_what} records of {} differ in TTL: {} and {}",
            type_to_text(first.rtype),
            first.owner,
            first.ttl,
            other.ttl
        );
        let help = format!("write one TTL for all of them (RFC 2181 §5.2); {least} is used");
        problems.at_record(Warning, &other.location, message, &help);
        corrections.ttls.extend(same.iter().map(|&(index, _)| (index, least)));
    }
}

/// The type that a signature covers: the first two octets of its rdata (RFC 4034 §3.1).
fn covered(record: &Record) -> Option<u16> {
    let first_two = record.rdata.first_chunk::<2>().map(|octets| u16::from_be_bytes(*octets));
    first_two.filter(|_| matches!(record.rtype, rtype::SIG | rtype::RRSIG))
}

/// Sorts the records of an owner by type, then by position, and removes duplicates.
fn drop_duplicates(group: &mut Vec<(u32, &Record)>, corrections: &mut Corrections) {
    if group.len() < 2 {
        return;
    }
    group.sort_by_cached_key(|&(index, record)| (record.rtype, canonical(record), index));
    group.dedup_by(|(index, later), (_, earlier)| {
        let same = later.rtype == earlier.rtype && canonical(later) == canonical(earlier);
        if same {
            corrections.duplicates.push(*index);
        }
        same
    });
    group.sort_by_key(|&(index, record)| (record.rtype, index));
}

/// Rdata in canonical form for comparison: names in lowercase, for the types that require it (RFC 4034 §6.2).
fn canonical(record: &Record) -> Cow<'_, [u8]> {
    let mut octets = Cow::Borrowed(&*record.rdata);
    let dname = (record.rtype == rtype::DNAME).then_some((0, record.rdata.len()));
    for (start, len) in embedded_names(record.rtype, &record.rdata).chain(dname) {
        // Length octets in names are below the letters, so lowercasing all octets does not change them.
        if let Some(name) = octets.to_mut().get_mut(start..start + len) {
            name.make_ascii_lowercase();
        }
    }
    octets
}

fn report_other_data_at_cname(group: &[(u32, &Record)], types: &[u16], problems: &mut Problems) {
    let Some((_, alias)) = group.iter().find(|(_, record)| record.rtype == rtype::CNAME) else { return };
    let others = types.iter().filter(|&&other| other != rtype::CNAME && !rtype::may_coexist_with_cname(other));
    let others: Vec<String> = others.map(|&other| type_to_text(other).to_string()).collect();
    if !others.is_empty() {
        let message = format!("{} has a CNAME and other records ({})", alias.owner, others.join(", "));
        problems.at_record(
            Error,
            &alias.location,
            message,
            "a name with a CNAME cannot have other records: remove one or the other",
        );
    }
}

/// Reports records hidden by a border: errors below a DNAME, warnings below a delegation, unless they are glue.
fn hidden(group: &[(u32, &Record)], border: &Border<'_>, problems: &mut Problems) {
    let Some((_, first)) = group.first() else { return };
    if border.kind == Kind::Redirection {
        let message = format!("{} is below {}, which has a DNAME ({})", first.owner, border.owner, border.location);
        let help = "a DNAME redirects every name below it (RFC 6672 §2.4): remove the record or the DNAME";
        return problems.at_record(Error, &first.location, message, help);
    }
    let at_cut = first.owner == *border.owner;
    let is_in_zone = |record: &Record| match record.rtype {
        rtype::A | rtype::AAAA => true,
        rtype::NS | rtype::DS | rtype::RRSIG | rtype::NSEC => at_cut,
        _ => false,
    };
    if let Some((_, record)) = group.iter().find(|(_, record)| !is_in_zone(record)) {
        let (kind, location) = (type_to_text(record.rtype), border.location);
        let why = match border.kind {
            Kind::Inner => format!("{} is a separate zone ({location})", border.owner),
            _ => format!("{} is delegated ({location})", border.owner),
        };
        let message = format!("the {kind} record of {} is not served: {why}", first.owner);
        problems.at_record(Warning, &record.location, message, "move it to that zone");
    }
}
