//! A thaw: an admin lifts frozen windows for a while.

use axum::http::StatusCode;
use gslb_api::change::Refusal;
use gslb_api::{Options, Source};
use serde_json::{Value, json};

use crate::support::{TestApi, site, start_on, start_with};

fn frozen() -> Value {
    let mut site = site();
    site["safety"] = json!({"frozen": ["2020-01-01T00:00:00Z/2036-01-01T00:00:00Z"]});
    site
}

fn from_file(document: Value) -> Options {
    Options { source: Source::File { document: Some(document.into()) }, ..Options::default() }
}

async fn refused_rules(api: &TestApi, document: Value) -> Vec<String> {
    match api.api.replace_document(document).await {
        Err(Refusal::Unsafe(broken)) => broken.into_iter().map(|broken| broken.rule.into_owned()).collect(),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_wrong_year_in_frozen_is_fixed_in_a_watched_file_after_a_thaw() {
    let api = start_with(from_file(frozen())).await;
    assert_eq!(refused_rules(&api, site()).await, ["frozen"]);
    let body = json!({"reason": "2036 should have been 2026"}).to_string();
    assert_eq!(api.ask("POST", "/api/v1/thaw", &[], body.clone()).await.status, StatusCode::FORBIDDEN, "an operator");
    assert_eq!(refused_rules(&api, site()).await, ["frozen"]);
    let admin = format!("Bearer {}", api.admin);
    let thawed = api.ask("POST", "/api/v1/thaw", &[("authorization", &admin)], body).await;
    assert_eq!(thawed.status, StatusCode::OK, "{}", thawed.text);
    assert_eq!(thawed.body["thaw"]["reason"], "2036 should have been 2026");
    assert_eq!(api.get("/api/v1/status").await.body["thaw"], thawed.body["thaw"]);
    let audit = api.get("/api/v1/audit?limit=1").await.body;
    assert_eq!(
        (&audit["entries"][0]["name"], &audit["entries"][0]["message"]),
        (&json!("admin's"), &json!("2036 should have been 2026"))
    );
    assert_eq!(api.api.replace_document(site()).await.unwrap().revision, 2);
    assert_eq!(api.api.active().document.to_value().get("safety"), None);
}

#[tokio::test]
async fn a_thaw_survives_a_restart_and_can_be_ended_by_an_admin() {
    let api = start_with(from_file(frozen())).await;
    let admin = format!("Bearer {}", api.admin);
    let body = json!({"reason": "r", "for": "1h"}).to_string();
    let thawed = api.ask("POST", "/api/v1/thaw", &[("authorization", &admin)], body).await.body;
    let api = start_on(api.store.clone(), from_file(frozen())).await;
    assert_eq!(api.get("/api/v1/thaw").await.body, thawed);
    let admin = format!("Bearer {}", api.admin);
    let ended = api.ask("DELETE", "/api/v1/thaw", &[("authorization", &admin)], "").await;
    assert_eq!((ended.status, ended.body), (StatusCode::OK, json!({"thaw": null})));
    assert_eq!(refused_rules(&api, site()).await, ["frozen"]);
    assert_eq!(api.get("/api/v1/status").await.body["thaw"], Value::Null);
}

#[tokio::test]
async fn a_thaw_lets_no_other_rule_be_broken() {
    let mut strict = frozen();
    strict["safety"]["min_data_centers_up"] = json!(2);
    let api = start_with(from_file(strict)).await;
    let admin = format!("Bearer {}", api.admin);
    let invalid = json!({"reason": "", "for": "2d"}).to_string();
    let refused = api.ask("POST", "/api/v1/thaw", &[("authorization", &admin)], invalid).await;
    assert_eq!((refused.status, refused.pointers()), (StatusCode::UNPROCESSABLE_ENTITY, vec!["/reason", "/for"]));
    let body = json!({"reason": "r"}).to_string();
    api.ask("POST", "/api/v1/thaw", &[("authorization", &admin)], body).await;
    let mut smaller = site();
    smaller["pools"]["iad"].as_object_mut().unwrap().remove("data_center");
    assert_eq!(refused_rules(&api, smaller).await, ["min_data_centers_up"]);
}
