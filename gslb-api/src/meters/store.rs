//! A store whose commits are measured.

use std::sync::Arc;
use std::time::Instant;

use tracing::debug;

use crate::meters::Meters;
use crate::store::{Commit, CommitError, Expired, Layer, Pending, Revision, Store, Time};

/// A store, and its measurements.
pub(crate) struct MeteredStore {
    inner: Arc<dyn Store>,
    meters: Arc<Meters>,
}

impl MeteredStore {
    /// Measures `inner` from now on.
    pub(crate) fn new(inner: Arc<dyn Store>, meters: Arc<Meters>) -> Self {
        Self { inner, meters }
    }
}

impl Layer for MeteredStore {
    fn inner(&self) -> &dyn Store {
        &*self.inner
    }

    fn commit(&self, commit: Commit) -> Pending<'_, Result<Revision, CommitError>> {
        Box::pin(async move {
            let began = Instant::now();
            let done = self.inner.commit(commit).await;
            let took = began.elapsed();
            self.meters.committed(took, !matches!(done, Err(CommitError::Unavailable(_))));
            let ms = took.as_secs_f64() * 1e3;
            match &done {
                Ok(revision) => {
                    self.meters.store_is_at(revision.number());
                    debug!(store_revision = revision.number(), ms, "the store has committed");
                }
                Err(error) => debug!(ms, why = %error, "the store has not committed"),
            }
            done
        })
    }

    fn expire(&self, now: Time) -> Pending<'_, Result<Expired, CommitError>> {
        Box::pin(async move {
            let done = self.inner.expire(now).await;
            if let Ok(expired) = &done {
                self.meters.store_is_at(expired.revision.number());
            }
            done
        })
    }
}
