//! A 32-octet digest of a catalog's input: equal if and only if zones, records and service names are equal.

use sha2::{Digest, Sha256};

use crate::site::model::{Service, Zone};

/// A digest of everything that a catalog depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Fingerprint([u8; 32]);

impl Fingerprint {
    /// The fingerprint of the catalog of these zones and services. Record locations are not included: only error
    /// messages use them.
    pub(super) fn of(zones: &[Zone], services: &[Service]) -> Fingerprint {
        let mut digest = Sha256::new();
        // Names are self-delimiting; everything else is prefixed with its length.
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
