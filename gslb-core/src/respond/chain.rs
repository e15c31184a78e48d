//! The names and DNAMEs that a response has gone through, so that a chain of aliases ends where a name comes again.

use crate::zone::names::NodeId;

/// Aliases that one response follows; a longer chain is left to the resolver.
pub(super) const MAX_ALIASES: usize = 16;

/// The chain of one response. Fixed in size, so that following it allocates nothing.
#[derive(Debug, Clone, Default)]
pub(super) struct Chain {
    /// Hashes of the names whose aliases were followed. Of 16 names, two share a hash once in 2^56 chains; the response
    /// would end early then, and the resolver would go on by itself.
    names: [u64; MAX_ALIASES],
    len: usize,
    /// DNAMEs that are in the response, and the position of their records.
    dnames: [Option<(NodeId, u16)>; MAX_ALIASES],
}

/// Whether a chain goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// The next name is new.
    New,
    /// The next name was answered before, or the chain is as long as it may get.
    Last,
}

impl Chain {
    /// Starts a new chain.
    #[inline]
    pub(super) fn clear(&mut self) {
        // A DNAME that ends a chain was noted, and no name was left.
        if self.len > 0 || matches!(self.dnames, [Some(_), ..]) {
            *self = Chain::default();
        }
    }

    /// Notes that the alias of the name with this hash is followed.
    pub(super) fn leave(&mut self, name: u64) {
        if let Some(slot) = self.names.get_mut(self.len) {
            *slot = name;
        }
        self.len += 1;
    }

    /// Whether to answer the name with this hash too, which the last alias led to.
    pub(super) fn link_to(&self, name: u64) -> Link {
        match self.names.get(..self.len) {
            Some(met) if !met.contains(&name) => Link::New,
            _ => Link::Last,
        }
    }

    /// Where the DNAME of this node stands in the response already. One record is enough for every name that it redirects.
    pub(super) fn dname_at(&self, node: NodeId) -> Option<usize> {
        self.dnames.iter().flatten().find(|(known, _)| *known == node).map(|&(_, at)| usize::from(at))
    }

    /// Notes where the DNAME of a node was written.
    pub(super) fn note_dname(&mut self, node: NodeId, at: usize) {
        if let Some(slot) = self.dnames.iter_mut().find(|slot| slot.is_none()) {
            *slot = Some((node, at as u16));
        }
    }
}
