//! State shared by the readers, the watchers and the single writer of a store.

use std::sync::Arc;

use parking_lot::{RwLock, RwLockReadGuard};
use tokio::sync::watch::Sender;

use super::changes::Changes;
use super::state::State;
use super::value::Revision;
use super::watch::Watch;

/// A state with one writer and many readers. Locks are never held during disk I/O.
#[derive(Debug)]
pub(super) struct Shared {
    state: Arc<RwLock<State>>,
    /// Wakes the watchers.
    reached: Sender<Revision>,
}

impl Shared {
    pub(super) fn new(state: State) -> Self {
        let reached = Sender::new(state.revision());
        Self { state: Arc::new(RwLock::new(state)), reached }
    }

    /// Locks the state for reading.
    pub(super) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.state.read()
    }

    /// Applies durable commits at once, and wakes the watchers.
    pub(super) fn publish(&self, commits: Vec<Arc<Changes>>) {
        let mut state = self.state.write();
        for changes in commits {
            state.apply(changes);
        }
        let revision = state.revision();
        drop(state);
        self.reached.send_replace(revision);
    }

    /// Replaces the whole state by a later one, and wakes the watchers, which see a gap.
    pub(super) fn replace(&self, state: State) {
        let revision = state.revision();
        *self.state.write() = state;
        self.reached.send_replace(revision);
    }

    pub(super) fn watch(&self, prefix: &str, after: Revision) -> Watch {
        Watch::new(prefix.to_owned(), after, Arc::clone(&self.state), self.reached.subscribe())
    }
}
