//! The whole document, its revisions, the way back, and the audit.

use std::sync::Arc;

use axum::http::StatusCode;
use gslb_api::change::Refusal;
use gslb_api::store::{MemoryStore, Store};
use gslb_api::{Api, Options, Source};
use serde_json::{Value, json};

use crate::support::{site, start, start_on, start_with};

#[tokio::test]
async fn the_document_is_read_and_written_as_json_and_toml() {
    let api = start().await;
    let read = api.get("/api/v1/document").await;
    assert_eq!((read.body.to_string(), read.header("etag")), (site().to_string(), "\"1\""));
    let toml = api.ask("GET", "/api/v1/document", &[("accept", "application/toml")], "").await;
    assert_eq!(toml.header("content-type"), "application/toml");
    let headers = [("content-type", "application/toml"), ("if-match", "\"1\"")];
    let put = api.ask("PUT", "/api/v1/document?message=as+toml", &headers, toml.text).await;
    assert_eq!((put.status, &put.body["revision"]), (StatusCode::OK, &json!(2)), "{}", put.text);
    assert_eq!(api.get("/api/v1/document").await.body, site());
    let stale = api.ask("PUT", "/api/v1/document", &[("if-match", "\"1\"")], site().to_string()).await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
    let listed = api.get("/api/v1/revisions").await.body;
    assert_eq!(listed["revisions"][0]["message"], "as toml");
    assert_eq!(listed["revisions"][0]["author_name"], "operator's");
}

#[tokio::test]
async fn an_earlier_revision_can_be_rolled_back_to() {
    let api = start().await;
    let patch = json!({"services": {"api.example.com": null}}).to_string();
    let patched = api.ask("PATCH", "/api/v1/document", &[("if-match", "*")], patch).await;
    assert_eq!(patched.status, StatusCode::OK, "{}", patched.text);
    let diff = api.get("/api/v1/revisions/2/diff").await.body;
    assert_eq!(diff["differences"][0]["pointer"], "/services/api.example.com");
    assert_eq!(diff["differences"][0]["before"], site()["services"]["api.example.com"]);
    let without_if_match = api.ask("POST", "/api/v1/revisions/1/restore", &[], "").await;
    assert_eq!(without_if_match.status, StatusCode::PRECONDITION_REQUIRED, "it overwrites another change");
    let restored = api.ask("POST", "/api/v1/revisions/1/restore", &[("if-match", "\"2\"")], "").await;
    assert_eq!((restored.status, &restored.body["revision"]), (StatusCode::OK, &json!(3)), "{}", restored.text);
    assert_eq!(api.get("/api/v1/document").await.body, site());
    let listed = api.get("/api/v1/revisions?limit=2").await.body;
    assert_eq!((&listed["revisions"][0]["restored"], listed["revisions"].as_array().unwrap().len()), (&json!(1), 2));
    assert_eq!(listed["next"], "/api/v1/revisions?limit=2&after=2");
    assert_eq!(api.get(listed["next"].as_str().unwrap()).await.body["revisions"][0]["revision"], 1);
    for path in ["/api/v1/revisions/9", "/api/v1/revisions/x", "/api/v1/revisions/9/diff"] {
        assert_eq!(api.get(path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
}

#[tokio::test]
async fn changes_record_their_author() {
    let api = start().await;
    let patch = json!({"endpoints": {"fra-1": {"weight": 3}}}).to_string();
    api.ask("PATCH", "/api/v1/pools/fra", &[("if-match", "*")], patch).await;
    let audit = api.get("/api/v1/audit?limit=1").await.body;
    let entry = &audit["entries"][0];
    assert_eq!((&entry["name"], &entry["request"]), (&json!("operator's"), &json!("PATCH /api/v1/pools/fra")));
    assert_eq!((&entry["outcome"], &entry["revision"]), (&json!("done"), &json!(2)));
    assert_eq!(entry["before"]["endpoints"]["fra-1"]["weight"], 10);
    assert_eq!(entry["after"]["endpoints"]["fra-1"]["weight"], 3);
    assert_eq!(audit["next"], "/api/v1/audit?limit=1&after=2");
}

#[tokio::test]
async fn a_later_start_reads_the_store() {
    let store = Arc::new(MemoryStore::new());
    let first = Options { source: Source::Store { first: Some(site().into()) }, ..Options::default() };
    let api = start_on(store.clone(), first).await;
    let patch = json!({"services": {"api.example.com": null}}).to_string();
    api.ask("PATCH", "/api/v1/document", &[("if-match", "*")], patch).await;
    drop(api);
    let again = Options { source: Source::Store { first: Some(site().into()) }, ..Options::default() };
    let api = start_on(store, again).await;
    let document = api.get("/api/v1/document").await;
    assert_eq!((document.header("etag"), document.body["services"].as_object().unwrap().len()), ("\"2\"", 1));
}

#[tokio::test]
async fn a_document_that_is_a_file_is_changed_there() {
    let api =
        start_with(Options { source: Source::File { document: Some(site().into()) }, ..Options::default() }).await;
    let before = api.everything().await;
    for (method, path) in
        [("PUT", "/api/v1/document"), ("PATCH", "/api/v1/pools/fra"), ("POST", "/api/v1/revisions/1/restore")]
    {
        let refused = api.ask(method, path, &[("if-match", "*")], site().to_string()).await;
        assert_eq!((refused.status, refused.kind()), (StatusCode::CONFLICT, "document-is-a-file"), "{method} {path}");
    }
    assert_eq!(api.everything().await, before);
    let mut other = site();
    other["services"].as_object_mut().unwrap().remove("api.example.com");
    let done = api.api.replace_document(other.clone()).await.unwrap();
    assert_eq!((done.revision, api.get("/api/v1/document").await.body), (2, other.clone()));
    assert_eq!(api.api.replace_document(other).await.unwrap().revision, 2, "the same again is no change");
    assert!(api.api.replace_document(json!({"pools": 1})).await.is_err());
    let force = json!({"targets": ["pool/fra"], "force": "drain", "reason": "r"}).to_string();
    assert_eq!(api.ask("PUT", "/api/v1/overrides/a", &[], force).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn explain_looks_back() {
    let api = start().await;
    let patch = json!({"endpoints": {"iad-1": {"address": "198.51.100.77"}}}).to_string();
    api.ask("PATCH", "/api/v1/pools/iad", &[("if-match", "*")], patch).await;
    let explain = |revision: Value| {
        let body = json!({"name": "www.example.com", "type": "A", "resolver": "198.18.0.1", "revision": revision});
        let api = &api;
        async move { api.ask("POST", "/api/v1/explain", &[], body.to_string()).await.text }
    };
    assert!(explain(json!(1)).await.contains("198.51.100.10"));
    assert!(explain(json!(2)).await.contains("198.51.100.77"));
    let invalid = api.ask("POST", "/api/v1/explain", &[], r#"{"name":"a..b","type":"NO","client":"x","y":1}"#).await;
    assert_eq!(invalid.pointers(), ["/y", "/name", "/type", "/client"]);
}

#[tokio::test]
async fn a_change_without_effect_makes_no_revision() {
    let api = start().await;
    let pool = site()["pools"]["iad"].to_string();
    let any = [("if-match", "*")];
    for (method, path, body) in [
        ("PUT", "/api/v1/document", site().to_string()),
        ("PATCH", "/api/v1/document", "{}".to_owned()),
        ("PUT", "/api/v1/pools/iad", pool),
        ("POST", "/api/v1/revisions/1/restore", String::new()),
    ] {
        let same = api.ask(method, path, &any, body).await;
        assert_eq!(
            (same.status, &same.body["revision"]),
            (StatusCode::OK, &json!(1)),
            "{method} {path}: {}",
            same.text
        );
        assert_eq!(same.header("etag"), api.get(&path.replace("revisions/1/restore", "document")).await.header("etag"));
    }
    assert_eq!(api.get("/api/v1/revisions").await.body["revisions"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_restart_does_not_bypass_the_rules_of_a_file() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::new());
    let file =
        |document: Value| Options { source: Source::File { document: Some(document.into()) }, ..Options::default() };
    let mut frozen = site();
    frozen["safety"] = json!({"frozen": ["2020-01-01T00:00:00Z/2120-01-01T00:00:00Z"]});
    drop(start_on(Arc::clone(&store), file(frozen.clone())).await);
    let mut other = frozen.clone();
    other["pools"]["iad"]["endpoints"]["iad-1"]["address"] = json!("198.51.100.88");
    let started = Api::start(Arc::clone(&store), Vec::new(), file(other.clone())).await.unwrap();
    assert!(matches!(started.refused, Some(Refusal::Unsafe(_))), "{:?}", started.refused);
    assert_eq!(started.api.active().document.to_value(), frozen, "what was in force is served on");
    other["safety"] = json!({"frozen": []});
    let thawed = Api::start(Arc::clone(&store), Vec::new(), file(other)).await.unwrap();
    assert!(matches!(thawed.refused, Some(Refusal::Unsafe(_))), "the rules in force say what may change");
}

#[tokio::test]
async fn no_rule_is_loosened_without_an_override() {
    let mut strict = site();
    strict["safety"] = json!({"min_data_centers_up": 2});
    let options = Options { source: Source::Store { first: Some(strict.into()) }, ..Options::default() };
    let api = start_with(options).await;
    let without = json!({"safety": null}).to_string();
    let refused = api.ask("PATCH", "/api/v1/document", &[("if-match", "*")], without.clone()).await;
    assert_eq!((refused.status, refused.pointers()), (StatusCode::CONFLICT, vec!["/safety/loosened"]));
    let admin = format!("Bearer {}", api.admin);
    let path = "/api/v1/document?override_rules=agreed";
    let done = api.ask("PATCH", path, &[("if-match", "*"), ("authorization", &admin)], without).await;
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
}
