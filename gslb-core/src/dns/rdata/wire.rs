//! Reads rdata from left to right, with bounds checks.

use crate::dns::name::{Name, wire_length};

/// Why rdata cannot be written in the presentation form of its type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unreadable {
    /// The octets violate the definition of the type.
    Malformed,
    /// The octets are valid, but the type defines no text for them (a future version, an unknown family).
    NoText,
}

/// The unread part of an rdata.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wire<'a>(pub(crate) &'a [u8]);

impl<'a> Wire<'a> {
    /// The next `count` octets.
    pub(crate) fn take(&mut self, count: usize) -> Result<&'a [u8], Unreadable> {
        let (head, tail) = self.0.split_at_checked(count).ok_or(Unreadable::Malformed)?;
        self.0 = tail;
        Ok(head)
    }

    /// The next `N` octets.
    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Unreadable> {
        let (head, tail) = self.0.split_first_chunk::<N>().ok_or(Unreadable::Malformed)?;
        self.0 = tail;
        Ok(*head)
    }

    /// The next octet.
    pub(crate) fn u8(&mut self) -> Result<u8, Unreadable> {
        self.array::<1>().map(|[octet]| octet)
    }

    /// The next two octets, in network order.
    pub(crate) fn u16(&mut self) -> Result<u16, Unreadable> {
        self.array().map(u16::from_be_bytes)
    }

    /// The next four octets, in network order.
    pub(crate) fn u32(&mut self) -> Result<u32, Unreadable> {
        self.array().map(u32::from_be_bytes)
    }

    /// The next octets as an uncompressed name.
    pub(crate) fn name(&mut self) -> Result<Name, Unreadable> {
        let len = wire_length(self.0).map_err(|_| Unreadable::Malformed)?;
        Name::from_wire(self.take(len)?).map_err(|_| Unreadable::Malformed)
    }

    /// The next octets after a length octet (a character-string of RFC 1035 §3.3).
    pub(crate) fn counted(&mut self) -> Result<&'a [u8], Unreadable> {
        let len = self.u8()?;
        self.take(usize::from(len))
    }

    /// All remaining octets, at least one.
    pub(crate) fn rest(&mut self) -> Result<&'a [u8], Unreadable> {
        if self.0.is_empty() {
            return Err(Unreadable::Malformed);
        }
        Ok(std::mem::take(&mut self.0))
    }

    /// True if nothing remains.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
