//! Checks whether the targets of NS, MX and SRV records have an address, as far as their own zone shows.

use std::collections::HashSet;

use super::borders::{Borders, Kind};
use super::owners::Owners;
use crate::dns::name::Name;
use crate::dns::rdata::type_to_text;
use crate::dns::wire::number::rtype;
use crate::dns::zonefile::Record;
use crate::notation::Problems;
use crate::problem::Severity::Warning;

/// The hosts of a zone.
#[derive(Debug, Clone, Copy)]
pub(super) struct Targets<'r, 'z> {
    pub(super) apex: &'z Name,
    pub(super) owners: &'r Owners<'z>,
    pub(super) borders: &'r Borders<'z>,
    /// Names with steered addresses.
    pub(super) steered: &'r HashSet<&'r Name>,
}

/// How a name gets an address.
enum TargetAddress {
    /// It has one, or this zone does not know.
    Address,
    /// Through a CNAME.
    Alias,
    /// Not at all.
    None,
}

impl Targets<'_, '_> {
    /// Warns if the target of `record` is in this zone and has no address.
    pub(super) fn check(&self, record: &Record, problems: &mut Problems) {
        let skip = match record.rtype {
            rtype::NS => 0,
            rtype::MX => 2,
            rtype::SRV => 6,
            _ => return,
        };
        let Some(Ok(target)) = record.rdata.get(skip..).map(Name::from_wire) else { return };
        if target.is_root() || !target.is_at_or_below(self.apex) {
            return;
        }
        let start = format!("the {} record of {} names {target}", type_to_text(record.rtype), record.owner);
        let (message, help) = match self.address_of_target(&target, record) {
            TargetAddress::Address => return,
            TargetAddress::Alias => {
                (format!("{start}, which is a CNAME"), "name a host with an address (RFC 2181 §10.3)")
            }
            TargetAddress::None => (format!("{start}, which has no address"), "add an A or AAAA record for it"),
        };
        problems.at_record(Warning, &record.location, message, help);
    }

    fn address_of_target(&self, target: &Name, record: &Record) -> TargetAddress {
        if self.has_address(target) {
            return TargetAddress::Address;
        }
        match self.borders.over(target) {
            // Only the delegated zone knows; glue is required only for the delegation's own servers.
            Some(border) if border.kind != Kind::Delegation || *border.owner != record.owner => {
                return TargetAddress::Address;
            }
            _ => {}
        }
        match self.owners.at(target).next() {
            Some(_) if self.is_alias(target) => TargetAddress::Alias,
            None if self.wildcard_above(target) => TargetAddress::Address,
            _ => TargetAddress::None,
        }
    }

    fn has_address(&self, name: &Name) -> bool {
        self.steered.contains(name) || self.owners.at(name).any(|record| matches!(record.rtype, rtype::A | rtype::AAAA))
    }

    fn is_alias(&self, name: &Name) -> bool {
        self.owners.at(name).any(|record| record.rtype == rtype::CNAME)
    }

    /// Whether a wildcard may match a name that does not exist. Strictly, only the closest one does (RFC 4592 §3.3.1),
    /// but missing a warning in rare cases does no harm.
    fn wildcard_above(&self, target: &Name) -> bool {
        let mut above = target.parent();
        while let Some(name) = above.filter(|name| name.is_at_or_below(self.apex)) {
            if name.child(b"*").is_ok_and(|wildcard| self.has_address(&wildcard) || self.is_alias(&wildcard)) {
                return true;
            }
            above = name.parent();
        }
        false
    }
}
