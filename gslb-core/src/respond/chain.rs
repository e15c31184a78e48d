//! The names and DNAMEs that one response has followed, to detect loops in a chain of aliases.

use crate::zone::names::NodeId;

/// Maximum number of aliases that one response follows; the resolver follows the rest of a longer chain.
pub(super) const MAX_ALIASES: usize = 16;

/// The alias chain of one response. Fixed size, so following it never allocates.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    /// Hashes of the names whose aliases were followed. A collision among 16 names happens once in 2^56 chains; the
    /// response then ends early and the resolver continues on its own.
    names: [u64; MAX_ALIASES],
    len: usize,
    /// DNAMEs already in the response, with the offset of their records.
    dnames: [(NodeId, u16); MAX_ALIASES],
    dname_count: usize,
}

/// Whether to continue the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Link {
    /// The next name is new.
    New,
    /// The next name has already been answered, or the chain has reached its maximum length.
    Last,
}

impl Default for Chain {
    fn default() -> Chain {
        Chain { names: [0; MAX_ALIASES], len: 0, dnames: [(NodeId(0), 0); MAX_ALIASES], dname_count: 0 }
    }
}

impl Chain {
    /// Starts a new chain.
    #[inline]
    pub(super) fn clear(&mut self) {
        (self.len, self.dname_count) = (0, 0);
    }

    /// Records that the alias of the name with this hash is followed.
    pub(super) fn push(&mut self, name: u64) {
        if let Some(slot) = self.names.get_mut(self.len) {
            *slot = name;
        }
        self.len += 1;
    }

    /// Whether to answer the name with this hash, the target of the last alias.
    pub(super) fn link_to(&self, name: u64) -> Link {
        match self.names.get(..self.len) {
            Some(seen) if !seen.contains(&name) => Link::New,
            _ => Link::Last,
        }
    }

    /// Offset of this node's DNAME in the response, if it is already there. One record covers every name it redirects.
    pub(super) fn dname_at(&self, node: NodeId) -> Option<usize> {
        let dnames = self.dnames.get(..self.dname_count).unwrap_or_default();
        dnames.iter().find(|(known, _)| *known == node).map(|&(_, at)| usize::from(at))
    }

    /// Records the offset of a node's DNAME.
    pub(super) fn record_dname(&mut self, node: NodeId, at: usize) {
        if let Some(slot) = self.dnames.get_mut(self.dname_count) {
            *slot = (node, at as u16);
            self.dname_count += 1;
        }
    }
}
