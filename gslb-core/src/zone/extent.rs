//! The size of a zone, kept after its records are in a catalog.

use std::collections::HashSet;

use crate::dns::wire::number::rtype;
use crate::dns::zonefile::Record;

/// Types not counted: those that signing adds and unsigning removes, and the SOA, which every zone has once.
const NOT_COUNTED: [u16; 5] = [rtype::SOA, rtype::RRSIG, rtype::NSEC, rtype::NSEC3, NSEC3PARAM];
const NSEC3PARAM: u16 = 51;

/// The size of a zone, without its SOA and the records that signing adds (RRSIG, NSEC, NSEC3, NSEC3PARAM).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Extent {
    /// Records.
    pub records: usize,
    /// RRsets: pairs of owner and type.
    pub sets: usize,
}

impl Extent {
    /// The extent of these records.
    pub fn of(records: &[Record]) -> Extent {
        let counted = || records.iter().filter(|record| !NOT_COUNTED.contains(&record.rtype));
        let sets: HashSet<(&crate::dns::name::Name, u16)> =
            counted().map(|record| (&record.owner, record.rtype)).collect();
        Extent { records: counted().count(), sets: sets.len() }
    }
}
