//! Where the name that is being answered stands in the response, so that records can point at it and its suffixes.

use crate::dns::wire::query::HEADER;

/// A name in the response: its first octets stand here, and the rest may stand elsewhere, behind a pointer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    at: u16,
    inline: u16,
    rest: u16,
}

impl Place {
    /// The name in the question section, which is never compressed.
    pub(super) fn question() -> Place {
        Place { at: HEADER as u16, inline: u16::MAX, rest: 0 }
    }

    /// A name written at `at` as a whole.
    pub(super) fn whole(at: usize) -> Place {
        Place { at: at as u16, inline: u16::MAX, rest: 0 }
    }

    /// A name at `at` of which only the first `inline` octets are written, before a pointer to `rest`.
    pub(super) fn split(at: usize, inline: usize, rest: u16) -> Place {
        Place { at: at as u16, inline: inline as u16, rest }
    }

    /// Position of the suffix that starts `offset` octets into the name.
    #[inline]
    pub(super) fn suffix(self, offset: usize) -> u16 {
        let offset = offset as u16;
        match offset.checked_sub(self.inline) {
            // At 0 octets inline the pointer itself stands at `at`, and is as good as what it points to.
            Some(beyond) => self.rest + beyond,
            None => self.at + offset,
        }
    }
}
