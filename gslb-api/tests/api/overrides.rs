//! Overrides: in force at once, over when their time is, and under the same conditions as all else.

use std::time::Duration;

use axum::http::StatusCode;
use gslb_core::model::PoolId;
use serde_json::json;

use crate::support::start;

#[tokio::test]
async fn an_override_is_in_force_when_it_is_answered() {
    let asked = start().await;
    let weight = || asked.published.load().state(PoolId(0), 0).unwrap().weight;
    assert_eq!(weight(), 10);
    let body = json!({"targets": ["endpoint/fra/fra-1"], "force": "drain", "reason": "disk"});
    let put = asked.ask("PUT", "/api/v1/overrides/disk", &[], body.to_string()).await;
    assert_eq!((put.status, weight()), (StatusCode::CREATED, 0), "{}", put.text);
    let read = asked.get("/api/v1/overrides/disk").await;
    assert_eq!((&read.body["force"], &read.body["owner"]), (&json!("drain"), &json!("operator's")));
    assert_eq!(read.header("etag"), put.header("etag"));
    let body = json!({"targets": ["pool/f*"], "force": {"weight": 7}, "reason": "disk"});
    let unsaid = asked.ask("PUT", "/api/v1/overrides/disk", &[], body.to_string()).await;
    assert_eq!(unsaid.status, StatusCode::PRECONDITION_REQUIRED);
    let tag = read.header("etag");
    assert_eq!(
        asked.ask("PUT", "/api/v1/overrides/disk", &[("if-match", tag)], body.to_string()).await.status,
        StatusCode::OK
    );
    assert_eq!(weight(), 7);
    // It holds for documents that come after it.
    let patch = json!({"endpoints": {"fra-1": {"weight": 99}}}).to_string();
    assert_eq!(asked.ask("PATCH", "/api/v1/pools/fra", &[("if-match", "*")], patch).await.status, StatusCode::OK);
    assert_eq!(weight(), 7);
    let deleted = asked.ask("DELETE", "/api/v1/overrides/disk", &[("if-match", "*")], "").await;
    assert_eq!((deleted.status, weight()), (StatusCode::OK, 99), "{}", deleted.text);
    assert_eq!(asked.get("/api/v1/overrides").await.body, json!({}));
}

#[tokio::test]
async fn an_override_ends_when_its_time_has_passed() {
    let asked = start().await;
    let body = json!({"targets": ["pool/fra"], "force": "down", "reason": "test", "expires_in": "300ms"});
    assert_eq!(asked.ask("PUT", "/api/v1/overrides/short", &[], body.to_string()).await.status, StatusCode::CREATED);
    assert!(!asked.published.load().state(PoolId(0), 0).unwrap().up);
    let ended = async {
        while !asked.published.load().state(PoolId(0), 0).unwrap().up {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), ended).await.expect("it never ended");
    assert_eq!(asked.get("/api/v1/overrides").await.body, json!({}));
    assert_eq!(asked.store.read("overrides/short").await.unwrap(), None);
}

#[tokio::test]
async fn what_means_nothing_is_refused() {
    let asked = start().await;
    let before = asked.everything().await;
    let body = json!({"targets": ["pool/fra", "pool/nrt*"], "force": "down", "reason": "r"});
    let refused = asked.ask("PUT", "/api/v1/overrides/x", &[], body.to_string()).await;
    assert_eq!((refused.status, refused.pointers()), (StatusCode::UNPROCESSABLE_ENTITY, vec!["/targets/1"]));
    assert_eq!(
        asked.ask("DELETE", "/api/v1/overrides/x", &[("if-match", "*")], "").await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(asked.everything().await, before);
}
