//! The borders of a zone's own data: delegations, DNAMEs, and child zones in the same document.

use std::collections::HashMap;

use crate::dns::name::Name;
use crate::problem::Location;
use crate::site::model::Zone;
use crate::site::zone_cut::ZoneCut;

/// The kind of border; if several are at one name, the last one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd)]
pub(super) enum Kind {
    /// A DNAME record: it redirects all names below the owner, but not the owner.
    Redirection,
    /// NS records: the owner and everything below are delegated.
    Delegation,
    /// Another zone of the document: the owner and everything below belong to it.
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
    /// The borders from the records of `zone` and from the `inner` zones below it.
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

    /// The border closest to the apex that hides `name`.
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
