//! Authorization: every route with every role, and no route is missing here.

use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::http::{Request, StatusCode};
use gslb_api::auth::{self, Role};
use gslb_api::store::Time;
use gslb_api::{Limits, Options, Source};
use serde_json::json;

use crate::support::{site, start, start_with};

/// Every route and method, with the role that it needs.
const ROUTES: [(&str, &str, Role); 27] = [
    ("GET", "/api/v1/pools", Role::Viewer),
    ("GET", "/api/v1/pools/fra", Role::Viewer),
    ("PUT", "/api/v1/pools/fra", Role::Operator),
    ("PATCH", "/api/v1/pools/fra", Role::Operator),
    ("DELETE", "/api/v1/pools/fra", Role::Operator),
    ("GET", "/api/v1/document", Role::Viewer),
    ("PUT", "/api/v1/document", Role::Operator),
    ("GET", "/api/v1/revisions", Role::Viewer),
    ("POST", "/api/v1/revisions/1/restore", Role::Operator),
    ("GET", "/api/v1/overrides", Role::Viewer),
    ("PUT", "/api/v1/overrides/x", Role::Operator),
    ("GET", "/api/v1/audit", Role::Viewer),
    ("POST", "/api/v1/plan", Role::Viewer),
    ("POST", "/api/v1/explain", Role::Viewer),
    ("GET", "/api/v1/status", Role::Viewer),
    ("GET", "/api/v1/status/fra/fra-1", Role::Viewer),
    ("POST", "/api/v1/status/fra/fra-1/resume", Role::Operator),
    ("POST", "/api/v1/mass-failure/lift", Role::Operator),
    ("GET", "/api/v1/latency", Role::Viewer),
    ("POST", "/api/v1/drill", Role::Viewer),
    ("POST", "/api/v1/observations", Role::Reporter),
    ("POST", "/api/v1/integrations/alertmanager", Role::Operator),
    ("GET", "/api/v1/log", Role::Viewer),
    ("PUT", "/api/v1/log", Role::Operator),
    ("GET", "/api/v1/top?by=service", Role::Viewer),
    ("GET", "/api/v1/tokens", Role::Admin),
    ("DELETE", "/api/v1/tokens/x", Role::Admin),
];

#[tokio::test]
async fn every_route_requires_its_role() {
    let api = start().await;
    let before = api.everything().await;
    let ended = auth::create(&*api.store, "e", Role::Admin, Time::from_millis(0), Some(Time::from_millis(1)));
    let ended = ended.await.unwrap().reveal();
    for (method, path, needed) in ROUTES {
        let as_who = |token: &str| {
            let bearer = if token.is_empty() { String::new() } else { format!("Bearer {token}") };
            let api = &api;
            async move { api.ask(method, path, &[("authorization", &bearer), ("if-match", "\"0\"")], "x").await }
        };
        let invalid = format!("gslb_{}_{}", "0".repeat(16), "0".repeat(64));
        for token in ["", "x", &invalid, &ended] {
            let refused = as_who(token).await;
            assert_eq!(refused.status, StatusCode::UNAUTHORIZED, "{method} {path} {token}");
            assert!(refused.header("www-authenticate").starts_with("Bearer"), "{method} {path}");
            assert!(token.is_empty() || !refused.text.contains(token), "{}", refused.text);
        }
        for (role, token) in
            [(Role::Reporter, &api.reporter), (Role::Viewer, &api.viewer), (Role::Operator, &api.operator)]
        {
            let status = as_who(token).await.status;
            assert_eq!(status == StatusCode::FORBIDDEN, !role.allows(needed), "{method} {path} {role} {status}");
        }
    }
    assert_eq!(api.everything().await, before);
}

#[tokio::test]
async fn unknown_paths_need_a_token_too() {
    let api = start().await;
    let unknown = api.ask("GET", "/api/v1/none", &[("authorization", "")], "").await;
    assert_eq!(unknown.status, StatusCode::UNAUTHORIZED);
    let known = api.get("/api/v1/none").await;
    assert_eq!((known.status, known.kind()), (StatusCode::NOT_FOUND, "not-found"));
    assert!(known.text.contains("/api/v1/none"), "{}", known.text);
    let method = api.ask("POST", "/api/v1/pools", &[], "").await;
    assert_eq!((method.status, method.header("allow")), (StatusCode::METHOD_NOT_ALLOWED, "GET,HEAD"));
}

#[tokio::test]
async fn only_loopback_needs_no_token_and_only_if_configured() {
    let loopback = |open: bool, peer: &str| {
        let (open, peer): (bool, SocketAddr) = (open, peer.parse().unwrap());
        async move {
            let source = Source::Store { first: Some(site().into()) };
            let api = start_with(Options { source, loopback_without_token: open, ..Options::default() }).await;
            let request = Request::get("/api/v1/pools").header("host", "localhost").extension(ConnectInfo(peer));
            api.send(request.body("".into()).unwrap()).await.status
        }
    };
    assert_eq!(loopback(true, "127.0.0.1:1").await, StatusCode::OK);
    assert_eq!(loopback(true, "[::ffff:127.0.0.1]:1").await, StatusCode::OK);
    assert_eq!(loopback(true, "192.0.2.1:1").await, StatusCode::UNAUTHORIZED);
    assert_eq!(loopback(false, "127.0.0.1:1").await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn pages_of_other_origins_are_refused() {
    let api = start().await;
    for host in ["evil.example", "127.0.0.1.evil.example:8053"] {
        let refused = api.ask("GET", "/api/v1/pools", &[("host", host)], "").await;
        assert_eq!(refused.status, StatusCode::MISDIRECTED_REQUEST);
    }
    let answer = api.ask("GET", "/api/v1/pools", &[("origin", "http://evil.example")], "").await;
    assert_eq!(answer.header("access-control-allow-origin"), "");
    let plain = api.ask("PUT", "/api/v1/pools/x", &[("content-type", "text/plain")], "{}").await;
    assert_eq!(plain.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn too_many_requests_get_retry_after() {
    let limits = Limits { requests_per_second: 1, burst: 3, ..Limits::default() };
    let source = Source::Store { first: Some(site().into()) };
    let api = start_with(Options { source, limits, ..Options::default() }).await;
    let mut last = api.get("/api/v1/pools").await;
    for _ in 0..5 {
        last = api.get("/api/v1/pools").await;
    }
    assert_eq!(last.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(last.header("retry-after").parse::<u64>().unwrap() >= 1);
    let other = api.ask("GET", "/api/v1/pools", &[("authorization", &format!("Bearer {}", api.viewer))], "").await;
    assert_eq!(other.status, StatusCode::OK);
}

#[tokio::test]
async fn tokens_are_created_shown_once_and_revoked() {
    let api = start().await;
    let admin = format!("Bearer {}", api.admin);
    let as_admin = [("authorization", admin.as_str())];
    let body = json!({"name": "ci", "role": "viewer", "expires_in": "1h"}).to_string();
    let made = api.ask("POST", "/api/v1/tokens", &as_admin, body).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.text);
    let (id, token) = (made.body["id"].as_str().unwrap(), made.body["token"].as_str().unwrap());
    let bearer = format!("Bearer {token}");
    assert_eq!(api.ask("GET", "/api/v1/pools", &[("authorization", &bearer)], "").await.status, StatusCode::OK);
    let secret = token.rsplit('_').next().unwrap();
    for path in ["/api/v1/tokens", "/api/v1/audit"] {
        let listed = api.ask("GET", path, &as_admin, "").await;
        assert!(listed.text.contains(id) && !listed.text.contains(secret), "{path}: {}", listed.text);
    }
    let revoked = api.ask("DELETE", &format!("/api/v1/tokens/{id}"), &as_admin, "").await;
    assert_eq!(revoked.status, StatusCode::NO_CONTENT);
    let after = api.ask("GET", "/api/v1/pools", &[("authorization", &bearer)], "").await;
    assert_eq!(after.status, StatusCode::UNAUTHORIZED);
    let invalid = api.ask("POST", "/api/v1/tokens", &as_admin, r#"{"role":"king","x":1}"#).await;
    assert_eq!(invalid.pointers(), ["/x", "/name", "/role"]);
}

#[tokio::test]
async fn a_missing_body_times_out() {
    let limits = Limits { body_time: Duration::from_millis(50), ..Limits::default() };
    let source = Source::Store { first: Some(site().into()) };
    let api = start_with(Options { source, limits, ..Options::default() }).await;
    let stream = futures_util::stream::pending::<Result<String, std::io::Error>>();
    let body = axum::body::Body::from_stream(stream);
    assert_eq!(api.ask("PUT", "/api/v1/pools/x", &[], body).await.status, StatusCode::REQUEST_TIMEOUT);
}

#[tokio::test]
async fn a_trickling_body_times_out() {
    let grace = Duration::from_millis(50);
    let limits = Limits { body_time: Duration::from_secs(3600), body_grace: grace, ..Limits::default() };
    let api =
        start_with(Options { source: Source::Store { first: Some(site().into()) }, limits, ..Options::default() })
            .await;
    let first = futures_util::stream::iter([Ok::<_, std::io::Error>("{".to_owned())]);
    let stream = futures_util::StreamExt::chain(first, futures_util::stream::pending());
    let slow = api.ask("POST", "/api/v1/plan", &[], axum::body::Body::from_stream(stream)).await;
    assert_eq!((slow.status, slow.kind()), (StatusCode::REQUEST_TIMEOUT, "too-slow"));
}

#[tokio::test]
async fn stalled_viewers_do_not_block_changes() {
    let hour = Duration::from_secs(3600);
    let limits = Limits { patience: Duration::ZERO, body_grace: hour, body_time: hour, ..Limits::default() };
    let source = Source::Store { first: Some(site().into()) };
    let api = start_with(Options { source, limits, ..Options::default() }).await;
    let (admin, mut viewers) = (format!("Bearer {}", api.admin), Vec::new());
    for name in ["a", "b", "c"] {
        let as_admin = [("authorization", admin.as_str())];
        let made =
            api.ask("POST", "/api/v1/tokens", &as_admin, json!({"name": name, "role": "viewer"}).to_string()).await;
        viewers.push(format!("Bearer {}", made.body["token"].as_str().unwrap()));
    }
    let (api, viewers) = (&api, &viewers);
    let stalled = [0, 0, 1, 1].map(|viewer: usize| async move {
        let body = axum::body::Body::from_stream(futures_util::stream::pending::<Result<String, std::io::Error>>());
        api.ask("POST", "/api/v1/plan", &[("authorization", &viewers[viewer])], body).await;
        // One caller has no more places than these.
        futures_util::future::pending::<()>().await
    });
    let change = async {
        while api.ask("POST", "/api/v1/plan", &[("authorization", &viewers[2])], "{}").await.status
            != StatusCode::SERVICE_UNAVAILABLE
        {
            tokio::task::yield_now().await;
        }
        api.ask("POST", "/api/v1/plan", &[], site().to_string()).await
    };
    let done = tokio::select! {
        biased;
        _ = futures_util::future::join_all(stalled) => unreachable!("they never end"),
        done = change => done,
    };
    assert_eq!(done.status, StatusCode::OK, "{}", done.text);
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let source = Source::Store { first: Some(site().into()) };
    let api = start_with(Options { source, loopback_without_token: true, ..Options::default() }).await;
    let before = api.everything().await;
    let from = |name: &'static str, value: &'static str| {
        let peer: SocketAddr = "127.0.0.1:1".parse().unwrap();
        let request = Request::post("/api/v1/revisions/1/restore").header("host", "localhost:8053");
        let request = request.header("if-match", "*").header(name, value).extension(ConnectInfo(peer));
        let api = &api;
        async move { api.send(request.body("".into()).unwrap()).await }
    };
    for (name, value) in [("origin", "http://evil.example"), ("origin", "null"), ("sec-fetch-site", "cross-site")] {
        let refused = from(name, value).await;
        assert_eq!((refused.status, refused.kind()), (StatusCode::FORBIDDEN, "cross-site"), "{name}: {value}");
    }
    assert_eq!(api.everything().await, before);
    assert_eq!(from("origin", "http://localhost:8053").await.status, StatusCode::OK);
}
