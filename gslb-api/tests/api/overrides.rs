//! Overrides: in force at once, over when their time is, and under the same conditions as all else.

use std::time::Duration;

use axum::http::StatusCode;
use gslb_api::Options;
use gslb_api::store::Commit;
use gslb_core::site::model::PoolId;
use serde_json::{Value, json};

use crate::support::{TestApi, start, start_on};

#[tokio::test]
async fn an_override_is_in_force_when_it_is_answered() {
    let api = start().await;
    let weight = || api.published.load().state(PoolId(0), 0).unwrap().weight;
    assert_eq!(weight(), 10);
    let body = json!({"targets": ["endpoint/fra/fra-1"], "force": "drain", "reason": "disk"});
    let put = api.ask("PUT", "/api/v1/overrides/disk", &[], body.to_string()).await;
    assert_eq!((put.status, weight()), (StatusCode::CREATED, 0), "{}", put.text);
    let read = api.get("/api/v1/overrides/disk").await;
    assert_eq!((&read.body["force"], &read.body["owner"]), (&json!("drain"), &json!("operator's")));
    assert_eq!(read.header("etag"), put.header("etag"));
    let body = json!({"targets": ["pool/f*"], "force": {"weight": 7}, "reason": "disk"});
    let without_if_match = api.ask("PUT", "/api/v1/overrides/disk", &[], body.to_string()).await;
    assert_eq!(without_if_match.status, StatusCode::PRECONDITION_REQUIRED);
    let tag = read.header("etag");
    assert_eq!(
        api.ask("PUT", "/api/v1/overrides/disk", &[("if-match", tag)], body.to_string()).await.status,
        StatusCode::OK
    );
    assert_eq!(weight(), 7);
    // It holds for documents that come after it.
    let patch = json!({"endpoints": {"fra-1": {"weight": 99}}}).to_string();
    assert_eq!(api.ask("PATCH", "/api/v1/pools/fra", &[("if-match", "*")], patch).await.status, StatusCode::OK);
    assert_eq!(weight(), 7);
    let deleted = api.ask("DELETE", "/api/v1/overrides/disk", &[("if-match", "*")], "").await;
    assert_eq!((deleted.status, weight()), (StatusCode::OK, 99), "{}", deleted.text);
    assert_eq!(api.get("/api/v1/overrides").await.body, json!({}));
}

/// The last entry of the audit, once it is one of the server's own.
async fn last_by_the_server(api: &TestApi) -> Value {
    let recorded = async {
        loop {
            let entry = api.get("/api/v1/audit?limit=1").await.body["entries"][0].clone();
            if entry["who"] == "server" {
                return entry;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), recorded).await.expect("it is not in the audit")
}

#[tokio::test]
async fn an_override_ends_when_its_time_has_passed() {
    let api = start().await;
    let body = json!({"targets": ["pool/fra"], "force": "down", "reason": "test", "expires_in": "300ms"});
    assert_eq!(api.ask("PUT", "/api/v1/overrides/short", &[], body.to_string()).await.status, StatusCode::CREATED);
    assert!(!api.published.load().state(PoolId(0), 0).unwrap().up);
    let ended = async {
        while !api.published.load().state(PoolId(0), 0).unwrap().up {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), ended).await.expect("it never ended");
    assert_eq!(api.get("/api/v1/overrides").await.body, json!({}));
    let entry = last_by_the_server(&api).await;
    assert_eq!(api.store.read("overrides/short").await.unwrap(), None);
    assert_eq!((&entry["request"], &entry["before"]["force"]), (&json!("expiry of override short"), &json!("down")));
}

#[tokio::test]
async fn overrides_that_expired_while_stopped_are_in_the_audit() {
    let api = start().await;
    let body = json!({"targets": ["pool/fra"], "force": "down", "reason": "test", "expires_in": "1h"});
    api.ask("PUT", "/api/v1/overrides/long", &[], body.to_string()).await;
    let mut entry: Value =
        serde_json::from_slice(&api.store.read("overrides/long").await.unwrap().unwrap().value).unwrap();
    entry["expires"] = json!(1);
    let commit = Commit::new().put("overrides/long", entry.to_string().into_bytes());
    api.store.commit(commit).await.unwrap();
    let again = start_on(api.store, Options::default()).await;
    assert!(again.published.load().state(PoolId(0), 0).unwrap().up);
    let entry = last_by_the_server(&again).await;
    assert_eq!(entry["request"], "expiry of override long");
    assert_eq!(again.get("/api/v1/overrides").await.body, json!({}));
}

#[tokio::test]
async fn hidden_overrides_are_reported() {
    let api = start().await;
    let keep = json!({"targets": ["endpoint/fra/fra-1"], "force": "up", "reason": "disk"});
    let kept = api.ask("PUT", "/api/v1/overrides/keep", &[], keep.to_string()).await;
    assert_eq!(kept.body["warnings"], json!([]), "{}", kept.text);
    let drain = json!({"targets": ["data-center/fra"], "force": "drain", "reason": "power"});
    for path in ["/api/v1/overrides/fra?dry_run=true", "/api/v1/overrides/fra"] {
        let drained = api.ask("PUT", path, &[], drain.to_string()).await;
        let warning = drained.body["warnings"][0]["detail"].as_str().unwrap_or_default().to_owned();
        assert!(
            warning.contains("2 endpoints") && warning.contains("not all") && warning.contains("keep"),
            "{}",
            drained.text
        );
    }
    let hidden = json!({"targets": ["pool/fr*"], "force": "drain", "reason": "power"});
    api.ask(
        "PUT",
        "/api/v1/overrides/keep",
        &[("if-match", "*")],
        json!({"targets": ["pool/fra"], "force": "up", "reason": "x"}).to_string(),
    )
    .await;
    let recorded = api.ask("PUT", "/api/v1/overrides/wide", &[], hidden.to_string()).await;
    assert!(
        recorded.body["warnings"][0]["detail"].as_str().unwrap_or_default().contains("none of them"),
        "{}",
        recorded.text
    );
}

#[tokio::test]
async fn targets_of_overrides_cannot_be_deleted() {
    let api = start().await;
    for (id, target) in [("named", "pool/spare"), ("wide", "pool/*")] {
        let pool = json!({"data_center": "iad", "endpoints": {"one": {"address": "192.0.2.77"}}});
        api.ask("PUT", "/api/v1/pools/spare", &[("if-none-match", "*")], pool.to_string()).await;
        let body = json!({"targets": [target], "force": "down", "reason": "r"});
        api.ask("PUT", &format!("/api/v1/overrides/{id}"), &[], body.to_string()).await;
    }
    let refused = api.ask("DELETE", "/api/v1/pools/spare", &[("if-match", "*")], "").await;
    assert_eq!((refused.status, refused.kind()), (StatusCode::CONFLICT, "in-use"), "{}", refused.text);
    assert!(refused.text.contains("override named") && !refused.text.contains("override wide"), "{}", refused.text);
    // A whole document is applied even if overrides lose their targets, which are reported.
    let patch = json!({"pools": {"spare": null}}).to_string();
    let merged = api.ask("PATCH", "/api/v1/document", &[("if-match", "*")], patch).await;
    assert_eq!(merged.status, StatusCode::OK, "{}", merged.text);
    assert!(
        merged.body["warnings"][0]["detail"].as_str().unwrap_or_default().contains("override named"),
        "{}",
        merged.text
    );
}

#[tokio::test]
async fn meaningless_input_is_refused() {
    let api = start().await;
    let before = api.everything().await;
    let body = json!({"targets": ["pool/fra", "pool/nrt*"], "force": "down", "reason": "r"});
    let refused = api.ask("PUT", "/api/v1/overrides/x", &[], body.to_string()).await;
    assert_eq!((refused.status, refused.pointers()), (StatusCode::UNPROCESSABLE_ENTITY, vec!["/targets/1"]));
    assert_eq!(api.ask("DELETE", "/api/v1/overrides/x", &[("if-match", "*")], "").await.status, StatusCode::NOT_FOUND);
    assert_eq!(api.everything().await, before);
}

#[tokio::test]
async fn undrain_is_not_refused_for_the_traffic_it_moves() {
    let api = start().await;
    let drain = json!({"targets": ["data-center/fra"], "force": "drain", "reason": "power"}).to_string();
    assert_eq!(api.ask("PUT", "/api/v1/overrides/fra", &[], drain.clone()).await.status, StatusCode::CREATED);
    let rule = json!({"safety": {"max_address_space_moved": "1%"}}).to_string();
    assert_eq!(api.ask("PATCH", "/api/v1/document", &[("if-match", "*")], rule).await.status, StatusCode::OK);
    let undrained = api.ask("DELETE", "/api/v1/overrides/fra", &[("if-match", "*")], "").await;
    assert_eq!(undrained.status, StatusCode::OK, "{}", undrained.text);
    let again = api.ask("PUT", "/api/v1/overrides/fra", &[], drain).await;
    assert_eq!((again.status, again.kind()), (StatusCode::CONFLICT, "unsafe"), "the rule holds for its beginning");
}

#[tokio::test]
async fn the_end_of_a_shielding_override_does_not_bypass_the_rules() {
    let api = start().await;
    let rule = json!({"safety": {"max_address_space_moved": "1%"}}).to_string();
    api.ask("PATCH", "/api/v1/document", &[("if-match", "*")], rule).await;
    let put = async |id: &str, target: &str, force: &str| {
        let body = json!({"targets": [target], "force": force, "reason": "r"}).to_string();
        api.ask("PUT", &format!("/api/v1/overrides/{id}"), &[], body).await.status
    };
    assert_eq!(put("shield", "endpoint/fra/*", "up").await, StatusCode::CREATED);
    assert_eq!(put("trick", "data-center/fra", "drain").await, StatusCode::CREATED, "it moves nothing");
    let ended = api.ask("DELETE", "/api/v1/overrides/shield", &[("if-match", "*")], "").await;
    assert_eq!((ended.status, ended.kind()), (StatusCode::CONFLICT, "unsafe"), "{}", ended.text);
}

#[tokio::test]
async fn overrides_that_expire_together_are_all_in_the_audit() {
    let api = start().await;
    for id in ["a", "b", "c"] {
        let body = json!({"targets": ["pool/fra"], "force": "down", "reason": id, "expires_in": "200ms"}).to_string();
        assert_eq!(api.ask("PUT", &format!("/api/v1/overrides/{id}"), &[], body).await.status, StatusCode::CREATED);
    }
    let recorded = async {
        loop {
            let audit = api.get("/api/v1/audit?limit=10").await.body;
            let entries = audit["entries"].as_array().unwrap().clone();
            let ends = entries.iter().filter(|entry| entry["who"] == "server" && entry["request"] != "start").count();
            if ends == 3 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), recorded).await.expect("not all are in the audit");
    assert!(
        api.store.range("overrides/", None, 10, gslb_api::store::Order::Ascending).await.unwrap().entries.is_empty()
    );
}
