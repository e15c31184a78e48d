//! A store that commits but reports a failure, or that cannot write at all.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use axum::http::StatusCode;
use gslb_api::store::{Commit, CommitError, Expired, Layer, MemoryStore, Pending, Revision, Store, Time, Unavailable};
use gslb_api::{Limits, Options, revisions};
use serde_json::json;
use tokio::sync::Notify;

use crate::support::{site, start_on, with_site};

/// All goes well.
const WELL: u8 = 0;
/// The next commit succeeds, but reports a failure.
const UNKNOWN: u8 = 1;
/// Nothing can be written.
const FULL: u8 = 2;
/// Commits are not answered.
const HANGING: u8 = 3;
/// The next commit waits for [`Broken::gate`].
const GATED: u8 = 4;

/// A store in one of these states.
struct Broken {
    inner: MemoryStore,
    state: AtomicU8,
    gate: Notify,
}

impl Broken {
    fn new() -> Arc<Broken> {
        Arc::new(Broken { inner: MemoryStore::new(), state: AtomicU8::new(WELL), gate: Notify::new() })
    }
}

fn full() -> CommitError {
    CommitError::Unavailable(Unavailable { reason: "no space left on device".to_owned() })
}

impl Layer for Broken {
    fn inner(&self) -> &dyn Store {
        &self.inner
    }

    fn commit(&self, commit: Commit) -> Pending<'_, Result<Revision, CommitError>> {
        Box::pin(async move {
            let is_unknown = self.state.compare_exchange(UNKNOWN, WELL, Ordering::SeqCst, Ordering::SeqCst).is_ok();
            match self.state.load(Ordering::SeqCst) {
                FULL => return Err(full()),
                HANGING => return std::future::pending().await,
                GATED => self.gate.notified().await,
                _ => {}
            }
            let done = self.inner.commit(commit).await;
            if is_unknown { Err(full()) } else { done }
        })
    }

    fn expire(&self, now: Time) -> Pending<'_, Result<Expired, CommitError>> {
        Box::pin(async move {
            if self.state.load(Ordering::SeqCst) == FULL { Err(full()) } else { self.inner.expire(now).await }
        })
    }
}

#[tokio::test]
async fn a_commit_with_unknown_outcome_takes_effect_and_blocks_nothing() {
    let broken = Broken::new();
    let api = start_on(broken.clone(), with_site()).await;
    broken.state.store(UNKNOWN, Ordering::SeqCst);
    let weight = |weight: u32| json!({"endpoints": {"fra-1": {"weight": weight}}}).to_string();
    let unknown = api.ask("PATCH", "/api/v1/pools/fra", &[("if-match", "*")], weight(66)).await;
    assert_eq!(unknown.status, StatusCode::SERVICE_UNAVAILABLE, "{}", unknown.text);
    let after = api.ask("PATCH", "/api/v1/pools/iad", &[("if-match", "*")], json!({"min_up": 1}).to_string()).await;
    assert_eq!(after.status, StatusCode::OK, "{}", after.text);
    assert_eq!(api.get("/api/v1/pools/fra").await.body["endpoints"]["fra-1"]["weight"], 66, "as after a restart");
    let revisions = api.get("/api/v1/revisions").await.body;
    assert_eq!((revisions["revisions"].as_array().unwrap().len(), &revisions["in_force"]), (3, &json!(3)));
    let audit = api.get("/api/v1/audit").await.body;
    assert_eq!(audit["entries"].as_array().unwrap().len(), 3, "no entry is written over: {audit}");
}

#[tokio::test]
async fn a_full_disk_does_not_keep_a_server_from_starting() {
    let broken = Broken::new();
    let api = start_on(broken.clone(), with_site()).await;
    let force = json!({"targets": ["pool/fra"], "force": "drain", "reason": "r", "expires_in": "1s"}).to_string();
    let drained = api.ask("PUT", "/api/v1/overrides/short", &[], force).await;
    assert_eq!(drained.status, StatusCode::CREATED, "{}", drained.text);
    broken.state.store(FULL, Ordering::SeqCst);
    drop(api);
    let is_over = async {
        while still_refused(&broken).await {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(20), is_over).await.expect("what has expired does not hold");
}

/// Starts on a store that cannot write; true while the override holds.
async fn still_refused(store: &Arc<Broken>) -> bool {
    let store: Arc<dyn Store> = store.clone();
    let started = gslb_api::Api::start(store, Vec::new(), with_site()).await.unwrap();
    !started.api.active().overrides.is_empty()
}

/// An API on a store whose state can be set.
async fn start_broken() -> (Arc<Broken>, crate::support::TestApi) {
    let broken = Broken::new();
    let api = start_on(broken.clone(), with_site()).await;
    (broken, api)
}

fn drain(target: &str) -> String {
    json!({"targets": [target], "force": "drain", "reason": "fire"}).to_string()
}

fn weights(api: &crate::support::TestApi, pool: &str) -> Vec<u32> {
    let table = api.published.load();
    let site = &table.topology().site;
    let at = site.pools.iter().position(|it| &*it.name == pool).unwrap();
    let pool = gslb_core::site::model::PoolId(u32::try_from(at).unwrap());
    (0..site.pools[at].endpoints.len()).map(|at| table.state(pool, at as u32).unwrap().weight).collect()
}

async fn audited(api: &crate::support::TestApi) -> Vec<String> {
    let audit = api.get("/api/v1/audit?limit=100").await.body;
    let entries = audit["entries"].as_array().unwrap().iter().rev();
    entries.map(|entry| entry["request"].as_str().unwrap().replace("/api/v1/", "")).collect()
}

#[tokio::test]
async fn with_a_full_disk_overrides_take_effect_at_once_and_are_saved_in_order_later() {
    let (broken, api) = start_broken().await;
    let kept = api.ask("PUT", "/api/v1/overrides/kept", &[], drain("endpoint/fra/fra-2")).await;
    assert_eq!((kept.status, &kept.body["saved"]), (StatusCode::CREATED, &json!(true)));
    broken.state.store(FULL, Ordering::SeqCst);
    let set = api.ask("PUT", "/api/v1/overrides/new", &[], drain("pool/iad")).await;
    assert_eq!((set.status, &set.body["saved"]), (StatusCode::CREATED, &json!(false)), "{}", set.text);
    assert!(set.body["not_saved"].as_str().unwrap().contains("no space left on device"), "{}", set.text);
    assert_eq!((weights(&api, "iad"), weights(&api, "fra")), (vec![0], vec![10, 0]), "it holds now");
    let ended = api.ask("DELETE", "/api/v1/overrides/kept", &[("if-match", "*")], "").await;
    assert_eq!((ended.status, &ended.body["saved"]), (StatusCode::OK, &json!(false)), "{}", ended.text);
    assert_eq!(weights(&api, "fra"), [10, 10]);
    let again = json!({"targets": ["pool/iad"], "force": "drain", "reason": "still", "expires_in": "1h"}).to_string();
    let extended = api.ask("PUT", "/api/v1/overrides/new", &[("if-match", set.header("etag"))], again).await;
    assert_eq!(extended.status, StatusCode::OK, "what is not saved can be extended by its tag: {}", extended.text);

    let listed = api.get("/api/v1/overrides").await.body;
    assert_eq!((&listed["new"]["saved"], listed.get("kept")), (&json!(false), None), "{listed}");
    let one = api.get("/api/v1/overrides/new").await;
    assert_eq!((&one.body["saved"], one.header("cache-control")), (&json!(false), "no-store"));
    let status = api.get("/api/v1/status").await.body;
    let why = status["degraded"][0]["why"].as_str().unwrap();
    assert!(why.contains("set new; ended kept") && why.contains("no space"), "{status}");
    assert_eq!(api.api.unsaved().changes, 3);
    let document = api.ask("PATCH", "/api/v1/pools/iad", &[("if-match", "*")], r#"{"min_up":1}"#).await;
    assert_eq!(document.status, StatusCode::SERVICE_UNAVAILABLE, "{}", document.text);

    broken.state.store(WELL, Ordering::SeqCst);
    let document = api.ask("PATCH", "/api/v1/pools/iad", &[("if-match", "*")], r#"{"min_up":1}"#).await;
    assert_eq!(document.status, StatusCode::OK, "{}", document.text);
    assert_eq!((api.api.unsaved().changes, api.api.degraded().len()), (0, 0));
    let (put, delete) = ("PUT overrides/new", "DELETE overrides/kept");
    let expected = ["start", "PUT overrides/kept", put, delete, put, "PATCH pools/iad"];
    assert_eq!(audited(&api).await, expected, "in order, each once");
    let after = api.ask("PUT", "/api/v1/overrides/after", &[], drain("endpoint/fra/fra-2")).await;
    assert_eq!(after.body["saved"], true, "what failed before does not keep it waiting: {}", after.text);
    let listed = api.get("/api/v1/overrides").await.body;
    assert_eq!(listed["new"].get("saved"), None);
    drop(api);
    let api = start_on(broken, with_site()).await;
    assert_eq!(api.get("/api/v1/overrides").await.body, listed, "a restart finds the same overrides");
}

#[tokio::test]
async fn a_commit_with_unknown_outcome_is_not_repeated() {
    let (broken, api) = start_broken().await;
    broken.state.store(UNKNOWN, Ordering::SeqCst);
    let set = api.ask("PUT", "/api/v1/overrides/new", &[], drain("pool/fra")).await;
    assert_eq!((set.status, weights(&api, "fra")), (StatusCode::CREATED, vec![0, 0]), "{}", set.text);
    let other = api.ask("PATCH", "/api/v1/pools/iad", &[("if-match", "*")], r#"{"min_up":1}"#).await;
    assert_eq!(other.status, StatusCode::OK, "{}", other.text);
    assert_eq!(audited(&api).await, ["start", "PUT overrides/new", "PATCH pools/iad"]);
    assert_eq!((api.api.unsaved().changes, weights(&api, "fra")), (0, vec![0, 0]));
}

#[tokio::test]
async fn overrides_take_effect_while_the_disk_hangs() {
    let (broken, api) = start_broken().await;
    broken.state.store(HANGING, Ordering::SeqCst);
    let mut follow = api.api.follow();
    let put = api.ask("PUT", "/api/v1/overrides/new", &[], drain("pool/fra"));
    let holds = async { drop(follow.wait_for(|active| active.overrides.contains_key("new")).await.unwrap()) };
    let (set, ()) = tokio::join!(put, holds);
    assert_eq!((set.status, &set.body["saved"]), (StatusCode::CREATED, &json!(false)), "{}", set.text);
    assert!(set.body["not_saved"].as_str().unwrap().contains("its disk hangs"), "{}", set.text);
    broken.state.store(WELL, Ordering::SeqCst);
    let other = api.ask("PATCH", "/api/v1/pools/iad", &[("if-match", "*")], r#"{"min_up":1}"#).await;
    assert_eq!((other.status, api.api.unsaved().changes), (StatusCode::OK, 0), "{}", other.text);
}

#[tokio::test]
async fn a_long_change_is_visible_like_a_reload() {
    let (broken, api) = start_broken().await;
    assert!(api.api.reload_time().is_zero());
    broken.state.store(HANGING, Ordering::SeqCst);
    let change = api.ask("PATCH", "/api/v1/pools/iad", &[("if-match", "*")], r#"{"min_up":1}"#);
    let seen = async {
        while api.api.reload_time().is_zero() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = seen => {}
        answer = change => panic!("{}", answer.text),
    }
}

#[tokio::test]
async fn only_one_large_document_is_worked_on_at_a_time() {
    let broken = Broken::new();
    let limits = Limits { patience: Duration::ZERO, ..Limits::default() };
    let api = start_on(broken.clone(), Options { limits, ..with_site() }).await;
    let large = |min_up: u32| {
        let mut site = site();
        site["pools"]["iad"]["min_up"] = json!(min_up);
        " ".repeat(1 << 20) + &site.to_string()
    };
    let viewer = format!("Bearer {}", api.viewer);
    let plan = async |headers: &[(&str, &str)], body: String| api.ask("POST", "/api/v1/plan", headers, body).await;

    broken.state.store(GATED, Ordering::SeqCst);
    let mut first = pin!(api.ask("PUT", "/api/v1/document", &[("if-match", "*")], large(1)));
    let is_being_done = async {
        while api.api.reload_time().is_zero() {
            tokio::task::yield_now().await;
        }
    };
    tokio::select! {
        () = is_being_done => {}
        answer = &mut first => panic!("{}", answer.text),
    }
    for headers in [&[][..], &[("authorization", &*viewer)]] {
        let second = plan(headers, large(1)).await;
        assert_eq!((second.status, second.kind()), (StatusCode::SERVICE_UNAVAILABLE, "unavailable"), "{}", second.text);
        assert!(second.text.contains("only one can be at a time"), "{}", second.text);
        let small = plan(headers, site().to_string()).await;
        assert_eq!(small.status, StatusCode::OK, "what is small is not kept waiting: {}", small.text);
    }

    broken.state.store(WELL, Ordering::SeqCst);
    broken.gate.notify_one();
    assert_eq!(first.await.status, StatusCode::OK);
    let next = plan(&[("authorization", &*viewer)], large(1)).await;
    assert_eq!(next.status, StatusCode::OK, "its turn has come: {}", next.text);
}

#[tokio::test]
async fn after_a_skipped_revision_a_failed_commit_does_not_block_changes() {
    let broken = Broken::new();
    let api = start_on(broken.clone(), with_site()).await;
    let change = r#"{"min_up":1}"#;
    assert_eq!(api.ask("PATCH", "/api/v1/pools/iad", &[("if-match", "*")], change).await.status, StatusCode::OK);
    drop(api);
    broken.inner.commit(Commit::new().put(revisions::key(2), *b"damaged")).await.unwrap();
    let api = start_on(broken.clone(), Options::default()).await;
    assert_eq!(api.api.active().revision, 1);
    assert!(api.api.retry_latest().await.is_err(), "it is damaged still");

    broken.state.store(FULL, Ordering::SeqCst);
    let refused = api.ask("PATCH", "/api/v1/pools/iad", &[("if-match", "*")], change).await;
    assert_eq!(refused.status, StatusCode::SERVICE_UNAVAILABLE, "{}", refused.text);
    broken.state.store(WELL, Ordering::SeqCst);
    let changed = api.ask("PATCH", "/api/v1/pools/iad", &[("if-match", "*")], change).await;
    assert_eq!((changed.status, &changed.body["revision"]), (StatusCode::OK, &json!(3)), "{}", changed.text);
}
