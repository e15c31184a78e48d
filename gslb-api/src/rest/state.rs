//! State of the REST API: limits on callers, and rendered documents.

use std::sync::Arc;

use axum::extract::FromRef;
use tokio::sync::Semaphore;

use super::permits::Permits;
use super::rate::Buckets;
use super::rendered::Rendered;
use crate::Api;

/// The state of all handlers. Clones are handles of the same one.
#[derive(Clone)]
pub(super) struct RestState {
    /// The API.
    pub api: Api,
    /// Rate limits of callers.
    pub buckets: Arc<Buckets>,
    /// Places for streams of events.
    pub streams: Arc<Permits>,
    /// Places for streams of answers.
    pub watchers: Arc<Permits>,
    /// Permits for whole documents of callers that may change them.
    pub documents: Arc<Permits>,
    /// Permits for whole documents of viewers: slow viewers do not block changes.
    pub viewers_documents: Arc<Permits>,
    /// The permit for a large document: the server processes one at a time, for all callers.
    pub turn: Arc<Semaphore>,
    /// The last rendered document.
    pub rendered: Arc<Rendered>,
}

impl RestState {
    /// The state of a REST API for `api`, within its limits.
    pub(super) fn new(api: Api) -> Self {
        let limits = &api.options.limits;
        let permits = |most| Arc::new(Permits::new(most));
        Self {
            buckets: Arc::new(Buckets::new(limits.requests_per_second, limits.burst)),
            streams: permits(limits.streams),
            watchers: permits(limits.watchers),
            documents: permits(limits.documents),
            viewers_documents: permits(limits.documents / 2),
            turn: Arc::new(Semaphore::new(1)),
            rendered: Arc::default(),
            api,
        }
    }
}

impl FromRef<RestState> for Api {
    fn from_ref(state: &RestState) -> Self {
        state.api.clone()
    }
}
