//! All pools of a table: a table in which one pool changes shares all others.

use std::sync::Arc;

use super::chunked::Chunked;
use super::pool::PoolLiveness;
use crate::site::model::PoolId;

/// Pools per chunk. A new table increments the reference counts of one chunk's pools and of all chunks, so the square
/// root of the number of pools minimizes the work; 64 is close to that for thousands.
const CHUNK: usize = 64;

/// All pools, in document order.
#[derive(Debug, Clone)]
pub struct Pools(Chunked<Arc<PoolLiveness>, CHUNK>);

impl Pools {
    /// The pool with this ID.
    #[inline]
    pub fn get(&self, id: PoolId) -> Option<&PoolLiveness> {
        self.shared(id).map(|pool| &**pool)
    }

    /// The shared pointer to a pool.
    #[inline]
    pub fn shared(&self, id: PoolId) -> Option<&Arc<PoolLiveness>> {
        self.0.get(id.0 as usize)
    }

    /// All pools, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<PoolLiveness>> {
        self.0.iter()
    }

    /// Number of pools.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A copy with these pools replaced; they are in order.
    pub(crate) fn with(&self, others: Vec<(PoolId, Arc<PoolLiveness>)>) -> Pools {
        Pools(self.0.with(others.into_iter().map(|(id, pool)| (id.0 as usize, pool)).collect()))
    }
}

impl FromIterator<Arc<PoolLiveness>> for Pools {
    fn from_iter<I: IntoIterator<Item = Arc<PoolLiveness>>>(pools: I) -> Pools {
        Pools(pools.into_iter().collect())
    }
}
