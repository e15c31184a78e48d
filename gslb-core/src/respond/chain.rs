//! The aliases that a response has followed, so that it ends where they come back to themselves.

use crate::zone::names::NodeId;

/// Aliases that one response follows; a longer chain is left to the resolver.
pub(super) const MAX_ALIASES: usize = 16;

/// Nodes whose aliases were followed, in order.
#[derive(Debug, Clone)]
pub(super) struct Chain {
    nodes: [NodeId; MAX_ALIASES],
    len: usize,
}

impl Default for Chain {
    fn default() -> Chain {
        Chain { nodes: [NodeId(0); MAX_ALIASES], len: 0 }
    }
}

impl Chain {
    /// Begins anew.
    #[inline]
    pub(super) fn clear(&mut self) {
        self.len = 0;
    }

    /// Notes the alias of `from`. True where it is not to be followed: it leads to `next`, whose alias was followed
    /// before, or the chain is as long as it may get.
    pub(super) fn comes_back(&mut self, from: NodeId, next: Option<NodeId>) -> bool {
        let Some(slot) = self.nodes.get_mut(self.len) else { return true };
        *slot = from;
        self.len += 1;
        next.is_some_and(|next| self.nodes.iter().take(self.len).any(|met| *met == next))
    }
}
