//! What nobody should send: a 4xx problem that says where, and nothing changed.

use axum::http::StatusCode;
use gslb_api::{Limits, Options, Source};
use serde_json::json;

use crate::support::{site, start, start_with};

#[tokio::test]
async fn broken_bodies_are_told_and_change_nothing() {
    let asked = start().await;
    let before = asked.everything().await;
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
        let answer = asked.ask(method, &format!("/api/v1/{path}"), headers, body.clone()).await;
        let shown: String = body.chars().take(80).collect();
        assert!(answer.status.is_client_error(), "{request} {shown}: {} {}", answer.status, answer.text);
        assert_eq!(answer.header("content-type"), "application/problem+json", "{request} {shown}");
        assert!(answer.body["errors"][0]["detail"].is_string(), "{request} {shown}: {}", answer.text);
    }
    assert_eq!(asked.everything().await, before);
}

#[tokio::test]
async fn names_that_are_none_are_refused() {
    let asked = start().await;
    let before = asked.everything().await;
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
        let answer = asked.ask("PUT", &format!("/api/v1/{path}"), &[], body.clone()).await;
        assert!(answer.status.is_client_error(), "{path}: {} {}", answer.status, answer.text);
    }
    assert_eq!(asked.everything().await, before);
}

#[tokio::test]
async fn sizes_have_ends() {
    let limits = Limits { document_octets: 100_000, body_octets: 10_000, ..Limits::default() };
    let source = Source::Store { first: Some(site().into()) };
    let asked = start_with(Options { source, limits, ..Options::default() }).await;
    let long = |octets: usize| format!("\"{}\"", "x".repeat(octets));
    let resource = asked.ask("PUT", "/api/v1/pools/x", &[], long(10_000)).await;
    assert_eq!((resource.status, resource.kind()), (StatusCode::PAYLOAD_TOO_LARGE, "too-large"));
    let document = asked.ask("PUT", "/api/v1/document", &[("if-match", "*")], long(99_990)).await;
    assert_eq!(document.status, StatusCode::UNPROCESSABLE_ENTITY);
    let document = asked.ask("PUT", "/api/v1/document", &[("if-match", "*")], long(100_000)).await;
    assert_eq!(document.status, StatusCode::PAYLOAD_TOO_LARGE);
}

#[tokio::test]
async fn what_cannot_be_given_is_not_taken() {
    let asked = start().await;
    let accept = |value: &'static str| {
        let asked = &asked;
        async move { asked.ask("GET", "/api/v1/pools", &[("accept", value)], "").await.status }
    };
    for good in ["application/json", "*/*", "application/*;q=0.1", "text/html, application/json;q=0.5"] {
        assert_eq!(accept(good).await, StatusCode::OK, "{good}");
    }
    for bad in ["text/html", "application/json;q=0", "image/*"] {
        assert_eq!(accept(bad).await, StatusCode::NOT_ACCEPTABLE, "{bad}");
    }
    let packed = [("content-encoding", "gzip")];
    assert_eq!(asked.ask("PUT", "/api/v1/pools/x", &packed, "{}").await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let patch = [("content-type", "application/merge-patch+json")];
    assert_eq!(asked.ask("PUT", "/api/v1/pools/x", &patch, "{}").await.status, StatusCode::UNSUPPORTED_MEDIA_TYPE);
}

#[tokio::test]
async fn a_body_of_mistakes_costs_little_and_is_told_in_part() {
    let asked = start().await;
    let matches = json!({"match": vec![1; 100_000]});
    let wrong = asked.ask("PUT", "/api/v1/regions/x", &[], matches.to_string()).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let told = wrong.body["errors"].as_array().unwrap();
    assert_eq!(told.len(), 101);
    assert_eq!(told[100]["detail"], "there are 99900 more errors");
    assert!(wrong.text.len() < 100_000, "{}", wrong.text.len());
    let many = format!("{{\"a\":[{}1]}}", "1,".repeat(4_000_000));
    let refused = asked.ask("POST", "/api/v1/plan", &[], many).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    assert!(refused.text.contains("more than 4000000 values"), "{}", refused.text);
}

#[tokio::test]
async fn toml_has_less_room_than_json() {
    let limits = Limits { toml_octets: 100, ..Limits::default() };
    let asked =
        start_with(Options { source: Source::Store { first: Some(site().into()) }, limits, ..Options::default() })
            .await;
    let headers = [("content-type", "application/toml")];
    let long = asked.ask("POST", "/api/v1/plan", &headers, "#".repeat(101)).await;
    assert_eq!(long.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(long.text.contains("As JSON it may have more"), "{}", long.text);
    assert_eq!(asked.ask("POST", "/api/v1/plan", &[], site().to_string()).await.status, StatusCode::OK);
}
