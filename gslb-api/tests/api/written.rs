//! Documents as their authors wrote them: text and comments are returned, and history shows their commit.

use axum::http::StatusCode;
use gslb_api::revisions::GitCommit;
use gslb_api::{Options, Source, Written};
use serde_json::{Value, json};

use crate::support::{TestApi, site, start, start_on, start_with};

const TOML: [(&str, &str); 1] = [("content-type", "application/toml")];

fn text() -> String {
    format!("# Ask Ann before you touch this.\n{}", toml::to_string(&site()).unwrap())
}

async fn put(api: &TestApi, text: &str) -> StatusCode {
    let tag = api.get("/api/v1/document").await.header("etag").to_owned();
    api.ask("PUT", "/api/v1/document", &[TOML[0], ("if-match", &tag)], text.to_owned()).await.status
}

async fn as_toml(api: &TestApi, path: &str) -> String {
    let answer = api.ask("GET", path, &[("accept", "application/toml")], "").await;
    assert_eq!((answer.status, answer.header("content-type")), (StatusCode::OK, "application/toml"));
    answer.text
}

#[tokio::test]
async fn a_document_is_returned_with_its_comments() {
    let api = start_with(Options::default()).await;
    assert_eq!(put(&api, &text()).await, StatusCode::OK);
    assert_eq!(as_toml(&api, "/api/v1/document").await, text());
    // Other comments are not another document.
    let other = text().replace("Ann", "Bob");
    assert_eq!(put(&api, &other).await, StatusCode::OK);
    assert_eq!(as_toml(&api, "/api/v1/document").await, other);
    let revision = api.api.active().revision;
    // After a change without a text, the text is generated from the document.
    let tag = api.get("/api/v1/pools/iad").await.header("etag").to_owned();
    let patched = api.ask("PATCH", "/api/v1/pools/iad", &[("if-match", &tag)], r#"{"answers": 1}"#).await;
    assert_eq!(patched.status, StatusCode::OK, "{}", patched.text);
    assert!(!as_toml(&api, "/api/v1/document").await.contains("Bob"));
    // The revision still has its text, which a rollback restores.
    assert_eq!(as_toml(&api, &format!("/api/v1/revisions/{revision}")).await, other);
    let tag = api.get("/api/v1/document").await.header("etag").to_owned();
    let path = format!("/api/v1/revisions/{revision}/restore");
    assert_eq!(api.ask("POST", &path, &[("if-match", &tag)], "").await.status, StatusCode::OK);
    assert_eq!(as_toml(&api, "/api/v1/document").await, other);
    // A restart changes nothing of that.
    let api = start_on(api.store.clone(), Options::default()).await;
    assert_eq!(as_toml(&api, "/api/v1/document").await, other);
}

#[tokio::test]
async fn texts_are_kept_with_their_revisions_and_no_longer() {
    let api = start().await;
    for number in 0..3 {
        let other = text().replace("weight = 10", &format!("weight = {}", number + 20));
        assert_eq!(put(&api, &other).await, StatusCode::OK);
    }
    let texts = api.store.range("texts/", None, 100, gslb_api::store::Order::Ascending).await.unwrap();
    assert_eq!(texts.entries.len(), 3, "one of each revision that was put as TOML");
}

#[tokio::test]
async fn history_shows_the_commit_of_a_watched_file() {
    let commit = |id: &str| GitCommit { id: id.repeat(40), message: "drain fra".to_owned(), modified: true };
    let file = |document: Value, id: &str| Written {
        document: document.into(),
        text: Some(text().into()),
        commit: Some(commit(id)),
    };
    let source = Source::File { document: Some(file(site(), "a")) };
    let api = start_with(Options { source, ..Options::default() }).await;
    let mut other = site();
    other["pools"]["iad"]["answers"] = json!(1);
    let next = Written { text: None, ..file(other, "b") };
    assert_eq!(api.api.replace_document(next).await.unwrap().revision, 2);
    let revisions = api.get("/api/v1/revisions").await.body["revisions"].clone();
    let commits: Vec<&Value> = revisions.as_array().unwrap().iter().map(|revision| &revision["commit"]).collect();
    assert_eq!(*commits[0], json!({"id": "b".repeat(40), "message": "drain fra", "modified": true}));
    assert_eq!(commits[1]["id"], "a".repeat(40));
    assert_eq!(as_toml(&api, "/api/v1/revisions/1").await, text());
}
