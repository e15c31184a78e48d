//! Resources are read, put, patched and deleted, but never without their current tag.

use std::sync::Arc;

use axum::http::StatusCode;
use serde_json::json;

use crate::support::{site, start};

#[tokio::test]
async fn a_put_is_served_before_its_response() {
    let api = start().await;
    let read = api.get("/api/v1/pools/iad").await;
    assert_eq!((read.status, &read.body), (StatusCode::OK, &site()["pools"]["iad"]));
    let before = api.published.load().generation();
    let body = json!({"data_center": "iad", "endpoints": {"iad-1": {"address": "198.51.100.99"}}});
    let put = api.ask("PUT", "/api/v1/pools/iad", &[("if-match", read.header("etag"))], body.to_string()).await;
    assert_eq!(put.status, StatusCode::OK, "{}", put.text);
    assert_eq!(put.body["revision"], 2);
    assert_eq!(put.body["generation"], api.published.load().generation());
    assert!(api.published.load().generation() > before);
    assert_eq!(put.body["changes"][0]["pointer"], "/pools/iad/endpoints/iad-1/address");
    let again = api.get("/api/v1/pools/iad").await;
    assert_eq!((again.body.clone(), again.header("etag")), (body, put.header("etag")));
    let explained = api
        .ask("POST", "/api/v1/explain", &[], json!({"name": "www.example.com", "client": "198.18.0.0/24"}).to_string())
        .await;
    assert!(explained.text.contains("198.51.100.99"), "{}", explained.text);
}

#[tokio::test]
async fn a_write_names_the_version_it_replaces() {
    let api = start().await;
    let (path, body) = ("/api/v1/pools/iad", site()["pools"]["iad"].to_string());
    let tag = api.get(path).await.header("etag").to_owned();
    for method in ["PUT", "PATCH", "DELETE"] {
        let without_if_match = api.ask(method, path, &[], body.clone()).await;
        assert_eq!(
            (without_if_match.status, without_if_match.header("etag")),
            (StatusCode::PRECONDITION_REQUIRED, &*tag),
            "{method}"
        );
        let stale = api.ask(method, path, &[("if-match", "\"0\"")], body.clone()).await;
        assert_eq!((stale.status, stale.header("etag")), (StatusCode::PRECONDITION_FAILED, &*tag), "{method}");
        let weak = api.ask(method, path, &[("if-match", &format!("W/{tag}"))], body.clone()).await;
        assert_eq!(weak.status, StatusCode::PRECONDITION_FAILED, "{method}");
    }
    let exists = api.ask("PUT", path, &[("if-none-match", "*")], body.clone()).await;
    assert_eq!(exists.status, StatusCode::PRECONDITION_FAILED);
    let absent = api.ask("PUT", "/api/v1/pools/nrt", &[("if-match", "*")], body.clone()).await;
    assert_eq!(absent.status, StatusCode::PRECONDITION_FAILED);
    let created = api.ask("PUT", "/api/v1/pools/nrt", &[("if-none-match", "*")], body.clone()).await;
    assert_eq!(created.status, StatusCode::CREATED, "{}", created.text);
    // Changes of other resources keep the tag.
    let here = api.ask("PUT", path, &[("if-match", &tag)], body).await;
    assert_eq!(here.status, StatusCode::OK, "{}", here.text);
}

#[tokio::test]
async fn a_reader_with_the_current_version_gets_304() {
    let api = start().await;
    for path in ["/api/v1/pools/iad", "/api/v1/pools", "/api/v1/document"] {
        let tag = api.get(path).await.header("etag").to_owned();
        let again = api.ask("GET", path, &[("if-none-match", &tag)], "").await;
        assert_eq!((again.status, again.text.as_str()), (StatusCode::NOT_MODIFIED, ""), "{path}");
    }
}

#[tokio::test]
async fn a_patch_changes_what_it_names() {
    let api = start().await;
    let patch = json!({"endpoints": {"fra-1": {"weight": 3}, "fra-2": null}}).to_string();
    let patched = api.ask("PATCH", "/api/v1/pools/fra", &[("if-match", "*")], patch.clone()).await;
    assert_eq!(patched.status, StatusCode::OK, "{}", patched.text);
    let read = api.get("/api/v1/pools/fra").await.body;
    assert_eq!(read, json!({"data_center": "fra", "endpoints": {"fra-1": {"address": "192.0.2.10", "weight": 3}}}));
    assert_eq!(api.ask("PATCH", "/api/v1/pools/none", &[], patch).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn referenced_entries_are_not_deleted() {
    let api = start().await;
    let before = api.everything().await;
    let refused = api.ask("DELETE", "/api/v1/pools/fra", &[("if-match", "*")], "").await;
    assert_eq!((refused.status, refused.kind()), (StatusCode::CONFLICT, "in-use"), "{}", refused.text);
    let pointers = refused.pointers();
    assert!(pointers.contains(&"/policies/by-place/geo/office"), "{pointers:?}");
    assert!(pointers.contains(&"/services/api.example.com/policy/failover/0"), "{pointers:?}");
    assert_eq!(api.everything().await, before);
    for path in ["/api/v1/services/www.example.com", "/api/v1/policies/by-place", "/api/v1/regions/office"] {
        let deleted = api.ask("DELETE", path, &[("if-match", "*")], "").await;
        assert_eq!(deleted.status, StatusCode::OK, "{}", deleted.text);
        assert_eq!(api.get(path).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let api = start().await;
    let before = api.everything().await;
    let patch = json!({"endpoints": {"fra-1": {"weight": 0}}}).to_string();
    let path = "/api/v1/pools/fra?dry_run=true";
    let dry_run = api.ask("PATCH", path, &[("if-match", "*")], patch.clone()).await;
    assert_eq!((dry_run.status, &dry_run.body["dry_run"]), (StatusCode::OK, &json!(true)), "{}", dry_run.text);
    assert_eq!(api.everything().await, before);
    // A misspelled one writes nothing either.
    let slip = api.ask("PATCH", "/api/v1/pools/fra?dryrun=true", &[("if-match", "*")], patch).await;
    assert_eq!(slip.status, StatusCode::BAD_REQUEST);
    assert_eq!(api.everything().await, before);
}

#[tokio::test]
async fn collections_come_in_pages() {
    let api = start().await;
    let all = api.get("/api/v1/pools").await.body;
    assert_eq!(all, site()["pools"]);
    let first = api.get("/api/v1/pools?limit=1").await;
    assert_eq!(first.body, json!({"fra": site()["pools"]["fra"]}));
    assert_eq!(first.header("link"), "</api/v1/pools?limit=1&after=fra>; rel=\"next\"");
    let second = api.get("/api/v1/pools?limit=1&after=fra").await;
    assert_eq!((second.body.get("iad").is_some(), second.header("link")), (true, ""));
    for query in ["limit=0", "limit=1001", "limit=x", "after=none", "other=1"] {
        assert_eq!(api.get(&format!("/api/v1/pools?{query}")).await.status, StatusCode::BAD_REQUEST, "{query}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_of_several_racing_writers_wins_each_time() {
    const WRITERS: usize = 100;
    let api = Arc::new(start().await);
    let mut writers = Vec::new();
    for number in 0..WRITERS {
        let api = Arc::clone(&api);
        writers.push(tokio::spawn(async move {
            let tag = api.get("/api/v1/pools/iad").await.header("etag").to_owned();
            let body = json!({"endpoints": {"iad-1": {"weight": number + 100}}}).to_string();
            let answer = api.ask("PATCH", "/api/v1/pools/iad", &[("if-match", &tag)], body).await;
            (number, answer.status, answer.body["revision"].as_u64())
        }));
    }
    let mut won = Vec::new();
    for writer in writers {
        match writer.await.unwrap() {
            (number, StatusCode::OK, Some(revision)) => won.push((revision, number)),
            (_, status, _) => assert_eq!(status, StatusCode::PRECONDITION_FAILED),
        }
    }
    won.sort_unstable();
    assert!(!won.is_empty());
    let expected: Vec<u64> = (2..).take(won.len()).collect();
    assert_eq!(won.iter().map(|(revision, _)| *revision).collect::<Vec<u64>>(), expected, "one revision each");
    for (revision, number) in won {
        let stored = api.get(&format!("/api/v1/revisions/{revision}")).await.body;
        assert_eq!(stored["document"]["pools"]["iad"]["endpoints"]["iad-1"]["weight"], number + 100);
    }
}
