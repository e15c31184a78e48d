//! Where a zone's own data ends: delegations, DNAMEs, and zones of the same document further down.

use std::collections::HashMap;

use crate::dns::name::Name;
use crate::problem::Location;
use crate::site::model::Zone;
use crate::site::zone_cut::ZoneCut;

/// What hides names of a zone; where several stand at one name, the last of them counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(super) enum Kind {
    /// A DNAME record: everything below, but not the owner, is elsewhere.
    Redirection,
    /// NS records: the owner itself and everything below belong to someone else.
    Delegation,
    /// The same for another zone of the document, which answers for its names itself.
    Inner,
}

/// A name that hides others.
#[derive(Debug, Clone, Copy)]
pub(super) struct Border<'z> {
    pub(super) kind: Kind,
    pub(super) owner: &'z Name,
    pub(super) location: &'z Location,
}

/// The borders of one zone.
#[derive(Debug)]
pub(super) struct Borders<'z> {
    apex: &'z Name,
    by_owner: HashMap<&'z Name, Border<'z>>,
}

impl<'z> Borders<'z> {
    /// The borders that the records of `zone` draw, and those of `inner` zones, which lie below it.
    pub(super) fn of(zone: &'z Zone, inner: &[&'z Zone]) -> Borders<'z> {
        let mut borders = Borders { apex: &zone.apex, by_owner: HashMap::new() };
        for record in &zone.records {
            let kind = match ZoneCut::of(record, &zone.apex) {
                Some(ZoneCut::Delegation) => Kind::Delegation,
                Some(ZoneCut::Redirection) => Kind::Redirection,
                None => continue,
            };
            borders.add(kind, &record.owner, &record.location);
        }
        for zone in inner {
            borders.add(Kind::Inner, &zone.apex, &zone.location);
        }
        borders
    }

    /// The border nearest to the apex that hides `name`.
    pub(super) fn over(&self, name: &Name) -> Option<Border<'z>> {
        if self.by_owner.is_empty() {
            return None;
        }
        let hides = |border: &&Border<'z>| border.kind != Kind::Redirection || border.owner != name;
        let mut nearest = self.by_owner.get(name).filter(hides);
        let mut at = if name == self.apex { None } else { name.parent() };
        while let Some(ancestor) = at {
            nearest = self.by_owner.get(&ancestor).or(nearest);
            at = if ancestor == *self.apex { None } else { ancestor.parent() };
        }
        nearest.copied()
    }

    fn add(&mut self, kind: Kind, owner: &'z Name, location: &'z Location) {
        let border = self.by_owner.entry(owner).or_insert(Border { kind, owner, location });
        if kind > border.kind {
            *border = Border { kind, owner, location };
        }
    }
}
