//! Alertmanager's webhook: an alert forces what its labels select while it fires, within the safety rules.

use axum::http::StatusCode;
use gslb_api::{Options, Source};
use gslb_core::site::model::PoolId;
use serde_json::{Value, json};

use crate::support::{Answer, TestApi, site, start, start_with};

const PATH: &str = "/api/v1/integrations/alertmanager";

fn alert(fingerprint: &str, status: &str, labels: Value) -> Value {
    json!({
        "status": status, "labels": labels, "annotations": {"summary": "its disk is full"},
        "startsAt": "2026-01-01T00:00:00Z", "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "",
        "fingerprint": fingerprint,
    })
}

async fn notify(api: &TestApi, alerts: &[Value]) -> Answer {
    let body = json!({
        "version": "4", "groupKey": "{}", "truncatedAlerts": 0, "status": "firing", "receiver": "gslb",
        "groupLabels": {}, "commonLabels": {}, "commonAnnotations": {}, "externalURL": "", "alerts": alerts,
    });
    api.ask("POST", PATH, &[], body.to_string()).await
}

fn outcomes(answer: &Answer) -> Vec<&str> {
    let alerts = answer.body["alerts"].as_array().unwrap_or_else(|| panic!("{}", answer.text));
    alerts.iter().map(|alert| alert["outcome"].as_str().unwrap()).collect()
}

fn weight(api: &TestApi) -> u32 {
    api.published.load().state(PoolId(0), 0).unwrap().weight
}

#[tokio::test]
async fn an_alert_forces_while_it_fires_and_may_be_sent_twice() {
    let api = start().await;
    let labels = json!({"alertname": "DiskFull", "gslb_action": "drain", "gslb_pool": "fra", "gslb_endpoint": "fra-1"});
    let others = alert("ffff", "firing", json!({"alertname": "Other"}));
    let first = notify(&api, &[alert("aa11", "firing", labels.clone()), others]).await;
    assert_eq!((first.status, outcomes(&first)), (StatusCode::OK, vec!["forced", "ignored"]), "{}", first.text);
    assert_eq!(weight(&api), 0);
    let response = api.get("/api/v1/overrides/alert-aa11").await;
    assert_eq!(response.body["targets"], json!(["endpoint/fra/fra-1"]));
    assert_eq!((&response.body["reason"], &response.body["owner"]), (&json!("its disk is full"), &json!("operator's")));
    assert!(response.body["expires"].is_string(), "an alert without an end does not force forever");

    let before = api.everything().await;
    assert_eq!(outcomes(&notify(&api, &[alert("aa11", "firing", labels.clone())]).await), ["unchanged"]);
    assert_eq!(api.everything().await, before);

    let resolved = alert("aa11", "resolved", labels);
    assert_eq!(outcomes(&notify(&api, std::slice::from_ref(&resolved)).await), ["ended"]);
    assert_eq!(weight(&api), 10);
    assert_eq!(api.get("/api/v1/overrides").await.body, json!({}));
    assert_eq!(outcomes(&notify(&api, &[resolved]).await), ["not-in-force"]);
}

#[tokio::test]
async fn a_repeated_alert_renews_its_override_and_keeps_its_start() {
    let api = start().await;
    let alerts =
        json!({"alerts": [alert("aa11", "firing", json!({"gslb_action": "down", "gslb_data_center": "fra"}))]});
    let path = |time: &str| format!("{PATH}?expires_in={time}");
    assert_eq!(api.ask("POST", &path("1h"), &[], alerts.to_string()).await.status, StatusCode::OK);
    let first = api.get("/api/v1/overrides/alert-aa11").await.body;
    let renewed = api.ask("POST", &path("2h"), &[], alerts.to_string()).await;
    assert_eq!(outcomes(&renewed), ["renewed"]);
    let second = api.get("/api/v1/overrides/alert-aa11").await.body;
    assert_eq!(first["created"], second["created"]);
    assert!(first["expires"].as_str() < second["expires"].as_str(), "{first} {second}");
    for invalid in ["1s", "169h", "soon"] {
        assert_eq!(api.ask("POST", &path(invalid), &[], alerts.to_string()).await.status, StatusCode::BAD_REQUEST);
    }
}

#[tokio::test]
async fn forbidden_alerts_are_refused_and_others_are_applied() {
    let mut document = site();
    document["safety"] = json!({"min_data_centers_up": 1});
    let api =
        start_with(Options { source: Source::Store { first: Some(document.into()) }, ..Options::default() }).await;
    let down =
        |fingerprint: &str, pool: &str| alert(fingerprint, "firing", json!({"gslb_action": "down", "gslb_pool": pool}));
    let answer = notify(&api, &[down("aa", "nrt"), down("bb", "fra"), down("cc", "iad"), down("dd", "f*")]).await;
    assert_eq!((answer.status, answer.kind()), (StatusCode::CONFLICT, "unsafe"), "{}", answer.text);
    assert_eq!(outcomes(&answer), ["refused", "forced", "refused", "refused"]);
    assert!(answer.pointers().contains(&"/alerts/0/labels"), "{}", answer.text);
    assert!(answer.pointers().contains(&"/alerts/3/labels/gslb_pool"), "{}", answer.text);
    assert_eq!(
        answer.body["detail"],
        "3 of 4 alerts were refused: safety rules of the document forbid it. The other alerts are in force."
    );
    let overrides = api.get("/api/v1/overrides").await.body;
    assert_eq!(overrides.as_object().unwrap().keys().collect::<Vec<_>>(), ["alert-bb"]);
}

#[tokio::test]
async fn an_empty_label_is_refused_and_the_other_alerts_are_applied() {
    let api = start().await;
    let labels = |endpoint: &str| json!({"gslb_action": "drain", "gslb_pool": "fra", "gslb_endpoint": endpoint});
    let answer = notify(&api, &[alert("aa", "firing", labels("")), alert("bb", "firing", labels("fra-2"))]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text);
    assert_eq!(outcomes(&answer), ["refused", "forced"]);
    assert_eq!(answer.pointers(), ["/alerts/0/labels/gslb_endpoint"]);
    let state = |endpoint| api.published.load().state(PoolId(0), endpoint).unwrap().weight;
    assert_eq!((state(0), state(1)), (10, 0), "the whole pool is not drained");
}

#[tokio::test]
async fn a_refused_single_alert_changes_nothing() {
    let api = start().await;
    let answer = notify(&api, &[alert("aa", "firing", json!({"gslb_action": "explode"}))]).await;
    assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", answer.text);
    assert_eq!(answer.body["detail"], "1 of 1 alert was refused: its labels mean nothing here.");
}

#[tokio::test]
async fn bodies_that_are_not_notifications_are_refused() {
    let api = start().await;
    let before = api.everything().await;
    for body in [json!({}), json!([]), json!({"alerts": [{"status": "maybe", "fingerprint": "aa"}]})] {
        let refused = api.ask("POST", PATH, &[], body.to_string()).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY, "{body}: {}", refused.text);
    }
    let many = vec![alert("aa", "firing", json!({})); 1001];
    assert_eq!(notify(&api, &many).await.pointers(), ["/alerts"]);
    assert_eq!(api.everything().await, before);
}

#[tokio::test]
async fn alerts_leave_overrides_for_operators() {
    let api = start().await;
    let labels = json!({"alertname": "DiskFull", "gslb_action": "drain", "gslb_target": "endpoint/fra/fra-1"});
    let alerts: Vec<Value> = (0..801).map(|number| alert(&format!("a{number:04}"), "firing", labels.clone())).collect();
    let storm = notify(&api, &alerts).await;
    assert_eq!(storm.status, StatusCode::UNPROCESSABLE_ENTITY);
    let outcomes = outcomes(&storm);
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "forced").count(), 800);
    assert_eq!(outcomes[800], "refused");
    let error = storm.body["errors"][0]["detail"].as_str().unwrap();
    assert!(
        error.contains("alerts have made 800 overrides already, and the other 200 are reserved for operators"),
        "{error}"
    );

    let drain = json!({"targets": ["data-center/fra"], "force": "drain", "reason": "fire"}).to_string();
    let by_hand = api.ask("PUT", "/api/v1/overrides/fire", &[], drain).await;
    assert_eq!(by_hand.status, StatusCode::CREATED, "{}", by_hand.text);
    let renewed = notify(&api, &alerts[..1]).await;
    assert_eq!(renewed.status, StatusCode::OK, "one that has its place keeps it: {}", renewed.text);
    let resolved = notify(&api, &[alert("a0000", "resolved", labels.clone())]).await;
    assert_eq!(resolved.status, StatusCode::OK);
    assert_eq!(notify(&api, &alerts[800..]).await.status, StatusCode::OK, "there is a place again");
}
