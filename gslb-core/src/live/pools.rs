//! All pools of a table, in chunks: a table in which one pool changes shares all other chunks.

use std::sync::Arc;

use super::pool::PoolLiveness;
use crate::site::model::PoolId;

/// Pools per chunk. A new table increments the reference counts of one chunk's pools and of all chunks, so the square
/// root of the number of pools minimizes the work; 64 is close to that for thousands.
const CHUNK: usize = 64;

/// All pools, in document order.
#[derive(Debug, Clone)]
pub struct Pools {
    chunks: Arc<[Chunk]>,
    len: usize,
}

type Chunk = Arc<[Arc<PoolLiveness>]>;

impl Pools {
    /// The pool with this ID.
    #[inline]
    pub fn get(&self, id: PoolId) -> Option<&PoolLiveness> {
        self.shared(id).map(|pool| &**pool)
    }

    /// The shared pointer to a pool.
    #[inline]
    pub fn shared(&self, id: PoolId) -> Option<&Arc<PoolLiveness>> {
        let at = id.0 as usize;
        self.chunks.get(at / CHUNK)?.get(at % CHUNK)
    }

    /// All pools, in order.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<PoolLiveness>> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// Number of pools.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// A copy with these pools replaced; they are in order.
    pub(crate) fn with(&self, others: Vec<(PoolId, Arc<PoolLiveness>)>) -> Pools {
        if others.is_empty() {
            return self.clone();
        }
        let mut chunks = self.chunks.to_vec();
        let mut others = others.into_iter().peekable();
        while let Some(&(PoolId(first), _)) = others.peek() {
            let number = first as usize / CHUNK;
            let mut pools = chunks.get(number).map_or_else(Vec::new, |chunk| chunk.to_vec());
            while let Some((PoolId(id), pool)) = others.next_if(|(id, _)| id.0 as usize / CHUNK == number) {
                if let Some(slot) = pools.get_mut(id as usize % CHUNK) {
                    *slot = pool;
                }
            }
            if let Some(chunk) = chunks.get_mut(number) {
                *chunk = pools.into();
            }
        }
        Pools { chunks: chunks.into(), len: self.len }
    }
}

impl FromIterator<Arc<PoolLiveness>> for Pools {
    fn from_iter<I: IntoIterator<Item = Arc<PoolLiveness>>>(pools: I) -> Pools {
        let pools: Vec<Arc<PoolLiveness>> = pools.into_iter().collect();
        Pools { len: pools.len(), chunks: pools.chunks(CHUNK).map(Chunk::from).collect() }
    }
}
