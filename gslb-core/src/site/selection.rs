//! The endpoints that the targets of an override select, and a cache of such selections for a site.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::pattern::Pattern;

/// Maximum endpoints in the cache over all overrides, at four octets each. Further selections are computed each time.
const MAX_CACHED: usize = 16 << 20;

/// The endpoints that the targets of one override select.
#[derive(Debug, Default)]
pub(crate) struct Selection {
    /// In site order.
    pub(crate) pools: Vec<SelectedPool>,
    /// Endpoints of pools without a common key: index in the pool, and the most specific target's key.
    pub(crate) endpoints: Vec<(u16, u16)>,
    /// For each target, whether it matches any endpoint.
    pub(crate) matched: Vec<bool>,
}

/// Selected endpoints of one pool.
#[derive(Debug)]
pub(crate) struct SelectedPool {
    /// Index of the pool.
    pub(crate) pool: usize,
    /// The key of the most specific target that selects all endpoints of the pool; 0 if there is none.
    pub(crate) whole_pool: u16,
    /// The endpoints with their own key, as a range of [`Selection::endpoints`].
    pub(crate) from: u32,
    pub(crate) to: u32,
}

impl Selection {
    /// Calls `visit` with the index and the key of each selected endpoint of `pool`, which has `count` endpoints.
    pub(crate) fn each(&self, pool: &SelectedPool, count: usize, mut visit: impl FnMut(usize, u16)) {
        let own = self.endpoints.get(pool.from as usize..pool.to as usize).unwrap_or_default();
        if pool.whole_pool == 0 {
            own.iter().for_each(|&(at, key)| visit(usize::from(at), key));
            return;
        }
        let mut own = own.iter().peekable();
        for at in 0..count {
            let closer = own.next_if(|(number, _)| usize::from(*number) == at);
            visit(at, closer.map_or(pool.whole_pool, |&(_, key)| key));
        }
    }
}

/// Cached selections of a site: each new override needs those of all active overrides.
#[derive(Debug, Default)]
pub struct SelectionCache(Mutex<Cached>);

#[derive(Debug, Default)]
struct Cached {
    by_targets: HashMap<Box<[Pattern]>, Arc<Selection>>,
    endpoints: usize,
}

impl Clone for SelectionCache {
    /// A copy starts empty, since its site may be changed.
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl SelectionCache {
    /// The selection of `targets`, computed by `select` if it is not cached.
    pub(crate) fn get_or_select(&self, targets: &[Pattern], select: impl FnOnce() -> Selection) -> Arc<Selection> {
        let cached = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(selection) = cached().by_targets.get(targets) {
            return Arc::clone(selection);
        }
        let selection = Arc::new(select());
        let mut cached = cached();
        let size = selection.endpoints.len() + selection.pools.len() + targets.len();
        if cached.endpoints + size > MAX_CACHED {
            // Expired overrides free their space; active ones are computed again when needed.
            *cached = Cached::default();
        }
        if size <= MAX_CACHED {
            cached.endpoints += size;
            cached.by_targets.insert(targets.into(), Arc::clone(&selection));
        }
        selection
    }
}
