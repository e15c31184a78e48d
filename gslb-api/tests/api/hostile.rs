//! Hostile input: a 4xx problem with a location, and nothing changes.

use std::sync::Arc;

use axum::http::StatusCode;
use gslb_api::{Limits, Options, Source};
use serde_json::json;

use crate::support::{ZONE, site, start, start_with, start_with_databases};

#[tokio::test]
async fn invalid_bodies_are_refused_and_change_nothing() {
    let api = start().await;
    let before = api.everything().await;
    let deep = format!("{}1{}", "{\"a\":".repeat(5000), "}".repeat(5000));
    let label = "a".repeat(64);
    let long = format!("{}com", "abcdefgh.".repeat(40));
    let bodies: Vec<(&str, String)> = vec![
        ("PUT pools/x", "{".to_owned()),
        ("PUT pools/x", String::new()),
        ("PUT pools/x", "[]".to_owned()),
        ("PUT pools/x", "null".to_owned()),
        ("PUT pools/x", "\"text\"".to_owned()),
        ("PUT pools/x", deep.clone()),
        ("PUT pools/x", "[".repeat(100_000)),
        ("PUT pools/x", r#"{"endpoints":{"a":{"address":"192.0.2.1"},"a":{"address":"192.0.2.2"}}}"#.to_owned()),
        ("PUT pools/x", r#"{"endpoints":{"a":{"address":"192.0.2.256"}}}"#.to_owned()),
        ("PUT pools/x", r#"{"endpoints":{"a":{"address":5}}}"#.to_owned()),
        ("PUT pools/x", r#"{"endpoints":{"a":{"address":"192.0.2.1"}},"unknown":1}"#.to_owned()),
        ("PUT pools/x", r#"{"endpoints":{"a\u0000b":{"address":"192.0.2.1"}}}"#.to_owned()),
        ("PUT pools/x", r#"{"endpoints":{"a":{"address":"192.0.2.1","weight":-1}}}"#.to_owned()),
        ("PUT pools/x", r#"{"endpoints":{"a":{"address":"192.0.2.1","weight":1e400}}}"#.to_owned()),
        ("PUT pools/x", r#"{"endpoints":{"a":{"address":"192.0.2.1","weight":99999999999999999999}}}"#.to_owned()),
        ("PUT services/x", r#"{"policy":"none"}"#.to_owned()),
        ("PUT zones/example.net", json!({"records": "$INCLUDE /etc/passwd"}).to_string()),
        ("PUT zones/example.net", json!({"file": "/etc/passwd"}).to_string()),
        (
            "PUT zones/example.net",
            json!({"records": format!("@ IN SOA ns1 h 1 1 1 1 1\n{label} A 192.0.2.1")}).to_string(),
        ),
        ("PUT document", r#"{"zonse":{}}"#.to_owned()),
        ("PUT document", deep),
        ("PUT overrides/x", "{}".to_owned()),
        ("POST explain", json!({"name": format!("{label}.com")}).to_string()),
        ("POST explain", json!({"name": long}).to_string()),
        ("POST plan", "{".to_owned()),
    ];
    for (request, body) in bodies {
        let (method, path) = request.split_once(' ').unwrap();
        let headers: &[(&str, &str)] = if path == "document" { &[("if-match", "*")] } else { &[] };
        let answer = api.ask(method, &format!("/api/v1/{path}"), headers, body.clone()).await;
        let shown: String = body.chars().take(80).collect();
        assert!(answer.status.is_client_error(), "{request} {shown}: {} {}", answer.status, answer.text);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{request} {shown}");
        assert!(answer.body["errors"][0]["detail"].is_string(), "{request} {shown}: {}", answer.text);
    }
    assert_eq!(api.everything().await, before);
}

#[tokio::test]
async fn invalid_names_are_refused() {
    let api = start().await;
    let before = api.everything().await;
    let pool = site()["pools"]["iad"].to_string();
    let service = json!({"policy": "fra"}).to_string();
    let label = "a".repeat(64);
    for (path, body) in [
        ("pools/a%00b".to_owned(), &pool),
        ("pools/..%2F..%2Fetc".to_owned(), &pool),
        ("pools/%20".to_owned(), &pool),
        (format!("pools/{label}"), &pool),
        (format!("services/{label}.example.com"), &service),
        ("services/a..example.com".to_owned(), &service),
        ("services/www.example.net".to_owned(), &service),
        ("services/WWW.example.com".to_owned(), &service),
        ("pools/%ff%fe".to_owned(), &pool),
    ] {
        let answer = api.ask("PUT", &format!("/api/v1/{path}"), &[], body.clone()).await;
        assert!(answer.status.is_client_error(), "{path}: {} {}", answer.status, answer.text);
    }
    assert_eq!(api.everything().await, before);
}

#[tokio::test]
async fn sizes_have_ends() {
    let limits = Limits { document_octets: 100_000, body_octets: 10_000, ..Limits::default() };
    let source = Source::Store { first: Some(site().into()) };
    let api = start_with(Options { source, limits, ..Options::default() }).await;
    let long = |octets: usize| format!("\"{}\"", "x".repeat(octets));
    let resource = api.ask("PUT", "/api/v1/pools/x", &[], long(10_000)).await;
    assert_eq!((resource.status, resource.kind()), (StatusCode::PAYLOAD_TOO_LARGE, "too-large"));
    let document = api.ask("PUT", "/api/v1/document", &[("if-match", "*")], long(99_990)).await;
    assert_eq!(document.status, StatusCode::UNPROCESSABLE_ENTITY);
    let document = api.ask("PUT", "/api/v1/document", &[("if-match", "*")], long(100_000)).await;
    assert_eq!(document.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn a_worker_is_not_removed_if_it_cannot_be_replaced() {
    let api = start().await;
    let accept = |value: &'static str| {
        let api = &api;
        async move { api.ask("GET", "/api/v1/pools", &[("accept", value)], "").await.status }
    };
    for good in ["application/json", "*/*", "application/*;q=0.1", "text/html, application/json;q=0.5"] {
        assert_eq!(accept(good).await, StatusCode::OK, "{good}");
    }
    for bad in ["text/html", "application/json;q=0", "image/*"] {
        assert_eq!(accept(bad).await, StatusCode::NOT_ACCEPTABLE, "{bad}");
    }
    let packed = [("content-encoding", "gzip")];
    assert_eq!(api.ask("PUT", "/api/v1/pools/x", &packed, "{}").await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let patch = [("content-type", "application/merge-patch+json")];
    assert_eq!(api.ask("PUT", "/api/v1/pools/x", &patch, "{}").await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn a_body_full_of_errors_is_cheap_and_reported_in_part() {
    let api = start().await;
    let matches = json!({"match": vec![1; 100_000]});
    let invalid = api.ask("PUT", "/api/v1/regions/x", &[], matches.to_string()).await;
    assert_eq!(invalid.status, StatusCode::UNPROCESSABLE_ENTITY);
    let error = invalid.body["errors"].as_array().unwrap();
    assert_eq!(error.len(), 101);
    assert_eq!(error[100]["detail"], "there are 99900 more errors");
    assert!(invalid.text.len() < 100_000, "{}", invalid.text.len());
    let many = format!("{{\"a\":[{}1]}}", "1,".repeat(4_000_000));
    let refused = api.ask("POST", "/api/v1/plan", &[], many).await;
    assert_eq!((refused.status, refused.kind()), (StatusCode::PAYLOAD_TOO_LARGE, "too-large"));
    assert!(refused.text.contains("more than the limit of 144 MiB of memory"), "{}", refused.text);
}

#[tokio::test]
async fn toml_has_a_smaller_size_limit_than_json() {
    let limits = Limits { toml_octets: 100, ..Limits::default() };
    let api =
        start_with(Options { source: Source::Store { first: Some(site().into()) }, limits, ..Options::default() })
            .await;
    let headers = [("content-type", "application/toml")];
    let long = api.ask("POST", "/api/v1/plan", &headers, "#".repeat(101)).await;
    assert_eq!(long.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(long.text.contains("As JSON it may have more"), "{}", long.text);
    assert_eq!(api.ask("POST", "/api/v1/plan", &[], site().to_string()).await.status, StatusCode::OK);
}

/// Inputs that take far more memory than their length, each with path and content type.
fn heavy() -> Vec<(&'static str, &'static str, String)> {
    let zone = |text: &str| json!({"zones": {"example.com": {"records": format!("{ZONE}{text}")}}}).to_string();
    let headers: String = (0..100_000).map(|number| format!("[a.b.c.d{number}]\n")).collect();
    let dotted: String = (0..100_000).map(|number| format!("a.b.c.d{number} = 1\n")).collect();
    let inline = format!("x = [{}]\n", "{a = {b = {c = []}}},".repeat(50_000));
    let arrays = format!("x = [{}]\n", "[[]],".repeat(200_000));
    let tables = "[[a.b]]\n".repeat(200_000);
    let policies: String = (0..300)
        .map(|number| {
            let countries = ["de", "fr", "us", "jp", "br", "in", "cn", "au", "za"];
            let own = countries.iter().enumerate().filter(|(at, _)| number >> at & 1 == 1);
            let branches: String = own.map(|(_, country)| format!("\"{country}\": \"fra\",")).collect();
            format!("\"s{number}.example.com\": {{\"policy\": {{\"geo\": {{{branches}\"default\": \"iad\"}}}}}},")
        })
        .collect();
    let mut divided = site();
    divided["regions"] = ["DE", "FR", "US", "JP", "BR", "IN", "CN", "AU", "ZA"]
        .iter()
        .map(|code| (code.to_lowercase(), json!({"match": [format!("country:{code}")]})))
        .collect();
    divided["policies"] = json!({});
    let services = serde_json::from_str(&format!("{{{}}}", policies.trim_end_matches(','))).unwrap();
    divided["services"] = services;
    vec![
        ("application/toml", "headers", headers),
        ("application/toml", "dotted keys", dotted),
        ("application/toml", "inline tables", inline),
        ("application/toml", "arrays", arrays),
        ("application/toml", "arrays of tables", tables),
        ("application/json", "nested objects", format!("{{\"a\":[{}1]}}", "{\"a\":{\"a\":{}}},".repeat(100_000))),
        ("application/json", "tiny values", format!("{{\"a\":[{}1]}}", "1,".repeat(400_000))),
        ("application/json", "generated records", zone("$GENERATE 1-1048576 h$ A 192.0.2.1\n")),
        ("application/json", "ways to divide the clients", divided.to_string()),
    ]
}

#[tokio::test]
async fn input_over_the_memory_limit_is_refused_with_its_location() {
    let limits = Limits { memory: 16 << 20, viewer_memory: 4 << 20, ..Limits::default() };
    let options = Options { source: Source::Store { first: Some(site().into()) }, limits, ..Options::default() };
    let databases = vec![Arc::new(geoip::bundled())];
    let api = start_with_databases(options, databases).await;
    let before = api.everything().await;
    for (content, what, body) in heavy() {
        for (method, path) in [("PUT", "/api/v1/document"), ("POST", "/api/v1/plan")] {
            let headers = [("content-type", content), ("if-match", "*")];
            let refused = api.ask(method, path, &headers, body.clone()).await;
            assert!(matches!(refused.status.as_u16(), 413 | 422), "{what}: {} {}", refused.status, refused.text);
            let error = refused.body["errors"][0]["detail"].as_str().unwrap_or_default();
            assert!(error.contains("MiB of memory"), "{what}: {error}");
        }
    }
    assert_eq!(api.everything().await, before);
    // A small change of the same server goes on as ever.
    let service = json!({"policy": "fra"}).to_string();
    assert_eq!(api.ask("PUT", "/api/v1/services/x.example.com", &[], service).await.status, StatusCode::CREATED);
}

#[tokio::test]
async fn viewers_have_less_memory_for_plans() {
    let limits = Limits { memory: 16 << 20, viewer_memory: 1 << 20, viewer_octets: 300_000, ..Limits::default() };
    let options = Options { source: Source::Store { first: Some(site().into()) }, limits, ..Options::default() };
    let api = start_with(options).await;
    let mut large = site();
    let pools = large["pools"].as_object_mut().unwrap();
    for number in 0..2_000 {
        pools.insert(format!("p{number}"), json!({"endpoints": {"a": {"address": "192.0.2.1"}}}));
    }
    let plan = async |token: &str, body: String| {
        let bearer = format!("Bearer {token}");
        api.ask("POST", "/api/v1/plan", &[("authorization", &bearer)], body).await
    };
    assert_eq!(plan(&api.operator, large.to_string()).await.status, StatusCode::OK);
    let refused = plan(&api.viewer, large.to_string()).await;
    assert_eq!((refused.status, refused.kind()), (StatusCode::PAYLOAD_TOO_LARGE, "too-large"), "{}", refused.text);
    assert!(refused.text.contains("the limit of 1 MiB of memory"), "{}", refused.text);
    assert_eq!(plan(&api.viewer, site().to_string()).await.status, StatusCode::OK);
    let long = plan(&api.viewer, " ".repeat(300_001)).await;
    assert_eq!(long.status, StatusCode::PAYLOAD_TOO_LARGE);
}
