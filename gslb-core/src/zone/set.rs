//! RRsets in wire form: copied into a response as they are, except for compression pointers.
//!
//! A name at or below the zone's apex inside an RRset ends in a pointer to the apex, which every response for the zone
//! contains. So an RRset is compressed once, when it is built, and writing it only patches the pointers.

use crate::dns::name::Name;
use crate::dns::rdata::embedded_names;
use crate::dns::wire::message::{Full, Message, Section};

/// Offsets of the names in a response that pointers refer to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchors {
    /// Offset of the owner name of the records to write.
    pub owner: u16,
    /// Offset of the apex of their zone.
    pub apex: u16,
}

/// A pointer to `position` (RFC 1035 §4.1.4).
pub fn pointer(position: u16) -> u16 {
    0xC000 | position
}

/// One RRset in [`Sets`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Set {
    /// Record type.
    pub rtype: u16,
    records: u16,
    octets: u32,
    len: u16,
    /// Apex pointers inside; see [`Sets::fixups`].
    fixups: u32,
    fixup_count: u16,
}

impl Set {
    /// An empty RRset.
    pub(super) const EMPTY: Set = Set { rtype: 0, records: 0, octets: 0, len: 0, fixups: 0, fixup_count: 0 };

    /// Number of records.
    pub fn records(&self) -> u16 {
        self.records
    }
}

/// Storage of all RRsets of a catalog, and of the names that own them.
#[derive(Debug, Clone, Default)]
pub struct Sets {
    octets: Vec<u8>,
    /// Offsets inside an RRset where a pointer to the apex goes.
    fixups: Vec<u16>,
}

/// The RRset is too large for a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge;

/// Owner of the records of an RRset that is being stored.
#[derive(Debug, Clone, Copy)]
pub enum Owner<'a> {
    /// Known when the response is written; a pointer is patched in then.
    Qname,
    /// Always this name.
    Fixed(&'a Name),
}

/// Octets of a compressed name.
const POINTER: usize = 2;
/// Octets of type, class, TTL and length (RFC 1035 §3.2.1).
const FIXED_FIELDS: usize = 10;
/// Storage that is full grows by this part of itself.
const GROWTH: usize = 8;

impl Sets {
    /// Storage with capacity for `octets`.
    pub(super) fn with_capacity(octets: usize) -> Sets {
        Sets { octets: Vec::with_capacity(octets), fixups: Vec::new() }
    }

    /// Stores an RRset of the zone `apex`, given as TTL and rdata of each record.
    pub fn add<'a>(
        &mut self,
        apex: &Name,
        owner: Owner<'_>,
        rtype: u16,
        records: impl IntoIterator<Item = (u32, &'a [u8])>,
    ) -> Result<Set, TooLarge> {
        let (octets, fixups) = (self.octets.len(), self.fixups.len());
        let mut count = 0u16;
        let owner_len = if let Owner::Fixed(name) = owner { name.wire_len() } else { POINTER };
        for (ttl, rdata) in records {
            self.reserve(owner_len + FIXED_FIELDS + rdata.len());
            match owner {
                Owner::Qname => self.octets.extend_from_slice(&[0xC0, 0]),
                Owner::Fixed(name) => self.push_name(octets, apex, name.as_wire()),
            }
            self.octets.extend_from_slice(&rtype.to_be_bytes());
            self.octets.extend_from_slice(&[0, 1]);
            self.octets.extend_from_slice(&ttl.to_be_bytes());
            self.push_rdata(octets, apex, rtype, rdata);
            count = count.checked_add(1).ok_or(TooLarge)?;
            // Checked per record, so that offsets in `fixups` always fit.
            if self.octets.len() - octets > 65_000 {
                return Err(TooLarge);
            }
        }
        Ok(Set {
            rtype,
            records: count,
            octets: u32::try_from(octets).map_err(|_| TooLarge)?,
            len: (self.octets.len() - octets) as u16,
            fixups: u32::try_from(fixups).map_err(|_| TooLarge)?,
            fixup_count: (self.fixups.len() - fixups) as u16,
        })
    }

    /// Makes room for this many more octets. Doubling, as a list does, would cost a large catalog
    /// as much memory again as its records take.
    fn reserve(&mut self, octets: usize) {
        let len = self.octets.len();
        if self.octets.capacity() - len < octets {
            self.octets.reserve_exact(octets.max(len / GROWTH));
        }
    }

    /// Stores the name of a node and returns its offset. Stored right before the node's RRsets, it shares their cache
    /// line.
    pub(super) fn add_name(&mut self, name: &[u8]) -> Result<u32, TooLarge> {
        let start = u32::try_from(self.octets.len()).map_err(|_| TooLarge)?;
        self.reserve(name.len());
        self.octets.extend_from_slice(name);
        Ok(start)
    }

    /// The octets starting at a name.
    #[inline]
    pub(super) fn tail(&self, start: u32) -> &[u8] {
        self.octets.get(start as usize..).unwrap_or_default()
    }

    /// A name in wire form, lowercase.
    pub(super) fn name(&self, start: u32) -> &[u8] {
        let tail = self.tail(start);
        crate::dns::name::wire_length(tail).ok().and_then(|len| tail.get(..len)).unwrap_or_default()
    }

    fn push_rdata(&mut self, set: usize, apex: &Name, rtype: u16, rdata: &[u8]) {
        let len_at = self.octets.len();
        self.octets.extend_from_slice(&[0, 0]);
        let mut at = 0;
        for (offset, len) in embedded_names(rtype, rdata) {
            self.octets.extend_from_slice(rdata.get(at..offset).unwrap_or_default());
            self.push_name(set, apex, rdata.get(offset..offset + len).unwrap_or_default());
            at = offset + len;
        }
        self.octets.extend_from_slice(rdata.get(at..).unwrap_or_default());
        let len = (self.octets.len() - len_at - 2) as u16;
        if let Some(place) = self.octets.get_mut(len_at..len_at + 2) {
            place.copy_from_slice(&len.to_be_bytes());
        }
    }

    /// Appends a name; a suffix equal to the apex becomes a pointer.
    fn push_name(&mut self, set: usize, apex: &Name, name: &[u8]) {
        let own = name.len().saturating_sub(apex.wire_len());
        let below = !apex.is_root() && ends_with(name, own, apex.as_wire());
        if !below {
            self.octets.extend_from_slice(name);
            return;
        }
        self.octets.extend_from_slice(name.get(..own).unwrap_or_default());
        self.fixups.push((self.octets.len() - set) as u16);
        self.octets.extend_from_slice(&[0xC0, 0]);
    }

    /// Writes the whole RRset or nothing.
    #[inline]
    pub fn write(&self, set: &Set, anchors: Anchors, section: Section, message: &mut Message<'_>) -> Result<(), Full> {
        let mut records = self.write_octets(set, anchors, section, message)?;
        let owner = pointer(anchors.owner).to_be_bytes();
        while let Some(([o0, o1, .., l0, l1], rest)) = records.split_first_chunk_mut::<12>() {
            [*o0, *o1] = owner;
            let rdata = usize::from(u16::from_be_bytes([*l0, *l1]));
            records = rest.get_mut(rdata..).unwrap_or_default();
        }
        Ok(())
    }

    /// Writes a set that was stored with a fixed owner.
    pub fn write_fixed(
        &self,
        set: &Set,
        anchors: Anchors,
        section: Section,
        message: &mut Message<'_>,
    ) -> Result<(), Full> {
        self.write_octets(set, anchors, section, message).map(|_| ())
    }

    /// Copies the records and points their names to the apex; returns what was written.
    #[inline]
    fn write_octets<'m>(
        &self,
        set: &Set,
        anchors: Anchors,
        section: Section,
        message: &'m mut Message<'_>,
    ) -> Result<&'m mut [u8], Full> {
        let octets = self.octets.get(set.octets as usize..).and_then(|rest| rest.get(..usize::from(set.len)));
        let written = message.put_records(section, set.records, octets.ok_or(Full)?)?;
        if set.fixup_count != 0 {
            let apex = pointer(anchors.apex).to_be_bytes();
            let fixups = self.fixups.get(set.fixups as usize..).unwrap_or_default();
            for &fixup in fixups.iter().take(usize::from(set.fixup_count)) {
                if let Some(place) = written.get_mut(usize::from(fixup)..).and_then(<[u8]>::first_chunk_mut) {
                    *place = apex;
                }
            }
        }
        Ok(written)
    }

    /// Memory used, in octets.
    pub fn memory(&self) -> usize {
        self.octets.capacity() + self.fixups.capacity() * 2
    }

    /// Releases spare capacity.
    pub fn shrink(&mut self) {
        self.octets.shrink_to_fit();
        self.fixups.shrink_to_fit();
    }
}

/// True if `name` has a label boundary at `own` and equals `apex` from there.
fn ends_with(name: &[u8], own: usize, apex: &[u8]) -> bool {
    let mut at = 0;
    while at < own {
        at += 1 + usize::from(name.get(at).copied().unwrap_or(0));
    }
    at == own && name.get(own..).is_some_and(|rest| rest.eq_ignore_ascii_case(apex))
}
