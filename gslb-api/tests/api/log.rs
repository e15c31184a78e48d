//! The log's level: read, changed under a condition, and in the audit.

use std::sync::{Arc, Mutex};

use axum::http::StatusCode;
use gslb_api::{LogLevel, LogSwitch, Options, Source};
use serde_json::json;

use crate::support::{site, start_with};

#[tokio::test]
async fn the_log_level_changes_only_with_the_current_etag() {
    let applied = Arc::new(Mutex::new(Vec::new()));
    let noted = Arc::clone(&applied);
    let log = Arc::new(LogSwitch::new(LogLevel::Warn, move |level| noted.lock().unwrap().push(level)));
    let source = Source::Store { first: Some(site().into()) };
    let api = start_with(Options { source, log, ..Options::default() }).await;
    let read = api.get("/api/v1/log").await;
    assert_eq!((read.status, &read.body), (StatusCode::OK, &json!({"level": "warn"})));
    let tag = read.header("etag").to_owned();
    let put = |tag: &'static str, level: &'static str| {
        let api = &api;
        async move { api.ask("PUT", "/api/v1/log", &[("if-match", tag)], json!({ "level": level }).to_string()).await }
    };
    assert_eq!(put("", "debug").await.status, StatusCode::PRECONDITION_REQUIRED);
    assert_eq!(put("\"other\"", "debug").await.status, StatusCode::PRECONDITION_FAILED);
    let invalid = api.ask("PUT", "/api/v1/log", &[("if-match", "*")], r#"{"level":"loud","x":1}"#).await;
    assert_eq!((invalid.status, invalid.pointers()), (StatusCode::UNPROCESSABLE_ENTITY, vec!["/x", "/level"]));
    assert!(applied.lock().unwrap().is_empty());

    let done = api.ask("PUT", "/api/v1/log", &[("if-match", &tag)], r#"{"level":"debug"}"#).await;
    assert_eq!((done.status, &done.body), (StatusCode::OK, &json!({"level": "debug"})));
    assert_eq!(*applied.lock().unwrap(), [LogLevel::Debug]);
    let stale = api.ask("PUT", "/api/v1/log", &[("if-match", &tag)], r#"{"level":"error"}"#).await;
    assert_eq!((stale.status, stale.header("etag")), (StatusCode::PRECONDITION_FAILED, done.header("etag")));
    let audit = api.get("/api/v1/audit?limit=1").await.body;
    assert_eq!(
        (&audit["entries"][0]["request"], &audit["entries"][0]["after"]),
        (&json!("PUT /api/v1/log"), &json!({"level": "debug"}),)
    );
}
