//! The offset of the current name in the response, so that records can point to it and its suffixes.

use crate::dns::wire::query::HEADER;

/// A name in the response: its first octets are at one offset; the rest may be behind a compression pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NameOffset {
    at: u16,
    inline: u16,
    rest: u16,
}

impl NameOffset {
    /// The name in the question section, which is never compressed.
    pub(super) fn question() -> NameOffset {
        NameOffset { at: HEADER as u16, inline: u16::MAX, rest: 0 }
    }

    /// An uncompressed name at `at`.
    pub(super) fn whole(at: usize) -> NameOffset {
        NameOffset { at: at as u16, inline: u16::MAX, rest: 0 }
    }

    /// A name at `at` with its first `inline` octets written out, followed by a pointer to `rest`.
    pub(super) fn split(at: usize, inline: usize, rest: u16) -> NameOffset {
        NameOffset { at: at as u16, inline: inline as u16, rest }
    }

    /// Offset of the suffix that starts `offset` octets into the name.
    #[inline]
    pub(super) fn suffix(self, offset: usize) -> u16 {
        let offset = offset as u16;
        match offset.checked_sub(self.inline) {
            // With 0 octets inline, the pointer itself is at `at`, which is as good as its target.
            Some(beyond) => self.rest + beyond,
            None => self.at + offset,
        }
    }
}
