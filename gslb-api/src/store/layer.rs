//! A store that wraps another one and overrides some of its methods.

use super::commit::{Commit, CommitError};
use super::value::{Order, Page, Revision, Time, Versioned};
use super::watch::Watch;
use super::{Expired, Pending, Store, Unavailable};

/// A [`Store`] that wraps another one. Methods that are not overridden go to the inner store.
pub trait Layer: Send + Sync {
    /// The wrapped store.
    fn inner(&self) -> &dyn Store;

    /// As [`Store::commit`].
    ///
    /// # Errors
    /// As there.
    fn commit(&self, commit: Commit) -> Pending<'_, Result<Revision, CommitError>> {
        self.inner().commit(commit)
    }

    /// As [`Store::expire`].
    ///
    /// # Errors
    /// As there.
    fn expire(&self, now: Time) -> Pending<'_, Result<Expired, CommitError>> {
        self.inner().expire(now)
    }

    /// As [`Store::check`].
    ///
    /// # Errors
    /// As there.
    fn check(&self) -> Pending<'_, Result<(), Unavailable>> {
        self.inner().check()
    }
}

impl<L: Layer> Store for L {
    fn revision(&self) -> Pending<'_, Result<Revision, Unavailable>> {
        self.inner().revision()
    }

    fn read<'a>(&'a self, key: &'a str) -> Pending<'a, Result<Option<Versioned>, Unavailable>> {
        self.inner().read(key)
    }

    fn range<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
        order: Order,
    ) -> Pending<'a, Result<Page, Unavailable>> {
        self.inner().range(prefix, after, limit, order)
    }

    fn commit(&self, commit: Commit) -> Pending<'_, Result<Revision, CommitError>> {
        Layer::commit(self, commit)
    }

    fn expire(&self, now: Time) -> Pending<'_, Result<Expired, CommitError>> {
        Layer::expire(self, now)
    }

    fn check(&self) -> Pending<'_, Result<(), Unavailable>> {
        Layer::check(self)
    }

    fn release(&self) -> Pending<'_, Result<(), Unavailable>> {
        self.inner().release()
    }

    fn reclaim(&self) -> Pending<'_, Result<(), Unavailable>> {
        self.inner().reclaim()
    }

    fn give_up(&self, why: &str) {
        self.inner().give_up(why);
    }

    fn watch(&self, prefix: &str, after: Revision) -> Watch {
        self.inner().watch(prefix, after)
    }
}
