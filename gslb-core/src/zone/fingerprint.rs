//! What a catalog is made of, in 32 octets: the same for the same zones, records and names of services, and for no others.

use sha2::{Digest, Sha256};

use crate::site::model::{Service, Zone};

/// A digest of everything that a catalog depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of the catalog that these zones and services make. Places of records in their files are no part of
    /// it: they are only told where a catalog cannot be made.
    pub(super) fn of(zones: &[Zone], services: &[Service]) -> Fingerprint {
        let mut digest = Sha256::new();
        // Names end themselves; before all else that has no length of its own stands how much of it there is.
        digest.update((zones.len() as u64).to_be_bytes());
        for zone in zones {
            digest.update(zone.apex.as_wire());
            digest.update((zone.records.len() as u64).to_be_bytes());
            for record in &zone.records {
                digest.update(record.owner.as_wire());
                digest.update(record.rtype.to_be_bytes());
                digest.update(record.ttl.to_be_bytes());
                digest.update((record.rdata.len() as u64).to_be_bytes());
                digest.update(&record.rdata);
            }
        }
        for service in services {
            digest.update((service.further_names.len() as u64).to_be_bytes());
            for (name, zone) in service.names() {
                digest.update(name.as_wire());
                digest.update(zone.to_be_bytes());
            }
        }
        Fingerprint(digest.finalize().into())
    }
}
