//! Permits for expensive work such as whole documents and streams: few in all, fewer for each caller, so that no caller
//! takes them all.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use super::rate::ClientKey;

/// A caller gets at most one in this many permits.
const CALLER_SHARE: usize = 2;

/// Why no permit is free.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Taken {
    /// The caller has its maximum, which is this many.
    ByCaller(usize),
    /// All permits are taken; there are this many.
    ByAll(usize),
}

/// All permits.
#[derive(Debug)]
pub(crate) struct Permits {
    all: Arc<Semaphore>,
    most: usize,
    per_caller: usize,
    /// The semaphore of each caller that has a permit or waits for one.
    callers: Mutex<HashMap<ClientKey, Weak<Semaphore>>>,
}

/// A permit, until it is dropped.
#[derive(Debug)]
pub(crate) struct Permit {
    _of_all: OwnedSemaphorePermit,
    // The permit keeps the caller's semaphore, and so its count, alive.
    _of_caller: OwnedSemaphorePermit,
    /// The permit for work that is done one at a time.
    _turn: Option<OwnedSemaphorePermit>,
}

impl Permit {
    /// The same permit, with `turn` added.
    pub(crate) fn with(self, turn: OwnedSemaphorePermit) -> Self {
        Self { _turn: Some(turn), ..self }
    }
}

impl Permits {
    /// This many permits.
    pub(crate) fn new(most: usize) -> Self {
        let most = most.max(1);
        let per_caller = (most / CALLER_SHARE).max(1);
        Self { all: Arc::new(Semaphore::new(most)), most, per_caller, callers: Mutex::default() }
    }

    /// Waits up to `patience` for a permit for `client_key`; `None` if none became free.
    pub(crate) async fn take(&self, client_key: ClientKey, patience: Duration) -> Option<Permit> {
        let of_caller = self.caller(client_key);
        let both = async {
            // The caller's own permit first: a caller at its maximum must not take permits from others while it waits.
            let of_caller = of_caller.acquire_owned().await.ok()?;
            let of_all = Arc::clone(&self.all).acquire_owned().await.ok()?;
            Some(Permit { _of_all: of_all, _of_caller: of_caller, _turn: None })
        };
        timeout(patience, both).await.ok().flatten()
    }

    /// A permit for `client_key`, if one is free now.
    ///
    /// # Errors
    /// [`Taken`] if none is free.
    pub(crate) fn take_now(&self, client_key: ClientKey) -> Result<Permit, Taken> {
        let of_caller = self.caller(client_key).try_acquire_owned().map_err(|_| Taken::ByCaller(self.per_caller))?;
        let of_all = Arc::clone(&self.all).try_acquire_owned().map_err(|_| Taken::ByAll(self.most))?;
        Ok(Permit { _of_all: of_all, _of_caller: of_caller, _turn: None })
    }

    fn caller(&self, client_key: ClientKey) -> Arc<Semaphore> {
        let mut callers = self.callers.lock();
        // Entries are bounded by the requests in progress.
        callers.retain(|_, caller| caller.strong_count() > 0);
        if let Some(caller) = callers.get(&client_key).and_then(Weak::upgrade) {
            return caller;
        }
        let caller = Arc::new(Semaphore::new(self.per_caller));
        callers.insert(client_key, Arc::downgrade(&caller));
        caller
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn named(name: &str) -> ClientKey {
        ClientKey::Token(name.to_owned())
    }

    #[tokio::test]
    async fn one_caller_leaves_permits_for_others() {
        let permits = Permits::new(4);
        let now = Duration::ZERO;
        let taken = [permits.take(named("a"), now).await, permits.take(named("a"), now).await];
        assert!(taken.iter().all(Option::is_some));
        assert!(permits.take(named("a"), now).await.is_none(), "one caller gets at most half");
        let others = [permits.take(named("b"), now).await, permits.take(named("b"), now).await];
        assert!(others.iter().all(Option::is_some));
        assert!(permits.take(named("c"), now).await.is_none(), "all are taken");
        assert_eq!(permits.take_now(named("a")).unwrap_err(), Taken::ByCaller(2));
        assert_eq!(permits.take_now(named("c")).unwrap_err(), Taken::ByAll(4));
        drop(taken);
        assert!(permits.take(named("a"), now).await.is_some());
        drop(others);
        assert!(permits.take_now(named("a")).is_ok());
        drop(permits.take(named("c"), now).await);
        assert_eq!(permits.callers.lock().len(), 1, "callers without permits are forgotten");
    }
}
