//! Where a zone's authority ends: one rule, used by document checks and the catalog.

use crate::dns::name::Name;
use crate::dns::wire::number::rtype;
use crate::dns::zonefile::Record;

/// What a record does to the names at or below its owner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ZoneCut {
    /// NS below the apex: the owner and all names below it belong to the delegated zone (RFC 1034 §4.2.1).
    Delegation,
    /// DNAME: all names below the owner are rewritten; the owner itself is not (RFC 6672 §2.3).
    Redirection,
}

impl ZoneCut {
    /// The cut that `record` makes in the zone of `apex`, if any. NS and DNAME at a wildcard are ordinary data (RFC
    /// 4592 §4.2, §4.4).
    pub(crate) fn of(record: &Record, apex: &Name) -> Option<ZoneCut> {
        match record.rtype {
            _ if record.owner.is_wildcard() => None,
            rtype::NS if record.owner != *apex => Some(ZoneCut::Delegation),
            rtype::DNAME => Some(ZoneCut::Redirection),
            _ => None,
        }
    }
}
