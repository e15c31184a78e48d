//! A store that does a commit and then says that it could not, or that cannot write at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use axum::http::StatusCode;
use gslb_api::store::{
    Commit, CommitError, Expired, MemoryStore, Order, Page, Pending, Revision, Store, Time, Unavailable, Versioned,
    Watch,
};
use serde_json::json;

use crate::support::{start_on, with_site};

/// All goes well.
const WELL: u8 = 0;
/// The next commit is done, and said not to be.
const DOUBTFUL: u8 = 1;
/// Nothing can be written.
const FULL: u8 = 2;

/// A store in one of these states.
struct Broken {
    inner: MemoryStore,
    state: AtomicU8,
}

fn full() -> CommitError {
    CommitError::Unavailable(Unavailable { reason: "no space left on device".to_owned() })
}

impl Store for Broken {
    fn revision(&self) -> Pending<'_, Result<Revision, Unavailable>> {
        self.inner.revision()
    }

    fn read<'a>(&'a self, key: &'a str) -> Pending<'a, Result<Option<Versioned>, Unavailable>> {
        self.inner.read(key)
    }

    fn range<'a>(
        &'a self,
        prefix: &'a str,
        after: Option<&'a str>,
        limit: usize,
        order: Order,
    ) -> Pending<'a, Result<Page, Unavailable>> {
        self.inner.range(prefix, after, limit, order)
    }

    fn commit(&self, commit: Commit) -> Pending<'_, Result<Revision, CommitError>> {
        Box::pin(async move {
            let is_doubtful = self.state.compare_exchange(DOUBTFUL, WELL, Ordering::SeqCst, Ordering::SeqCst).is_ok();
            if self.state.load(Ordering::SeqCst) == FULL {
                return Err(full());
            }
            let done = self.inner.commit(commit).await;
            if is_doubtful { Err(full()) } else { done }
        })
    }

    fn expire(&self, now: Time) -> Pending<'_, Result<Expired, CommitError>> {
        Box::pin(async move {
            if self.state.load(Ordering::SeqCst) == FULL { Err(full()) } else { self.inner.expire(now).await }
        })
    }

    fn watch(&self, prefix: &str, after: Revision) -> Watch {
        self.inner.watch(prefix, after)
    }
}

#[tokio::test]
async fn what_a_doubtful_commit_did_is_in_force_and_nothing_stands_still_after_it() {
    let broken = Arc::new(Broken { inner: MemoryStore::new(), state: AtomicU8::new(WELL) });
    let asked = start_on(broken.clone(), with_site()).await;
    broken.state.store(DOUBTFUL, Ordering::SeqCst);
    let weight = |weight: u32| json!({"endpoints": {"fra-1": {"weight": weight}}}).to_string();
    let doubtful = asked.ask("PATCH", "/api/v1/pools/fra", &[("if-match", "*")], weight(66)).await;
    assert_eq!(doubtful.status, StatusCode::SERVICE_UNAVAILABLE, "{}", doubtful.text);
    let after = asked.ask("PATCH", "/api/v1/pools/iad", &[("if-match", "*")], json!({"min_up": 1}).to_string()).await;
    assert_eq!(after.status, StatusCode::OK, "{}", after.text);
    assert_eq!(asked.get("/api/v1/pools/fra").await.body["endpoints"]["fra-1"]["weight"], 66, "as after a restart");
    let revisions = asked.get("/api/v1/revisions").await.body;
    assert_eq!((revisions["revisions"].as_array().unwrap().len(), &revisions["in_force"]), (3, &json!(3)));
    let audit = asked.get("/api/v1/audit").await.body;
    assert_eq!(audit["entries"].as_array().unwrap().len(), 3, "no entry is written over: {audit}");
}

#[tokio::test]
async fn a_full_disk_does_not_keep_a_server_from_starting() {
    let broken = Arc::new(Broken { inner: MemoryStore::new(), state: AtomicU8::new(WELL) });
    let asked = start_on(broken.clone(), with_site()).await;
    let force = json!({"targets": ["pool/fra"], "force": "drain", "reason": "r", "expires_in": "1s"}).to_string();
    let drained = asked.ask("PUT", "/api/v1/overrides/short", &[], force).await;
    assert_eq!(drained.status, StatusCode::CREATED, "{}", drained.text);
    broken.state.store(FULL, Ordering::SeqCst);
    drop(asked);
    let is_over = async {
        while asked_again(&broken).await {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), is_over).await.expect("what has expired does not hold");
}

/// Starts on a store that cannot write; true while the override holds.
async fn asked_again(store: &Arc<Broken>) -> bool {
    let store: Arc<dyn Store> = store.clone();
    let started = gslb_api::Api::start(store, Vec::new(), with_site()).await.unwrap();
    !started.api.in_force().overrides.is_empty()
}
