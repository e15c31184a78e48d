//! Recent answers, which plans, rules and rankings use; and metrics of requests.

use axum::http::StatusCode;
use gslb_api::traffic::sample::{Sample, SampledAnswer};
use gslb_api::{Options, Source};
use serde_json::{Value, json};

use crate::support::{TestApi, site, start, start_with};

/// An API with these sampled answers: service, client, pool and weight.
async fn with(document: Value, answers: &[(&str, &str, Option<&str>, u64)]) -> TestApi {
    let answer = |&(service, client, pool, weight): &(&str, &str, Option<&str>, u64)| {
        let (service, client) = (service.parse().unwrap(), client.parse().unwrap());
        (SampledAnswer { service, client, pool: pool.map(Into::into) }, weight)
    };
    let answers: Vec<_> = answers.iter().map(answer).collect();
    let sample = Sample::new(move || answers.clone());
    start_with(Options { source: Source::Store { first: Some(document.into()) }, sample, ..Options::default() }).await
}

#[tokio::test]
async fn plans_and_max_traffic_moved_use_the_sample() {
    let mut document = site();
    document["safety"] = json!({"max_traffic_moved": "20%"});
    let answers = [
        ("www.example.com", "203.0.113.0/24", Some("fra"), 90),
        ("www.example.com", "192.0.2.0/24", Some("iad"), 10),
        ("gone.example.com", "192.0.2.0/24", Some("iad"), 1000),
    ];
    let api = with(document.clone(), &answers).await;
    // Nearly all of the address space moves, but a tenth of the traffic.
    let mut other = document.clone();
    other["policies"]["by-place"]["geo"]["default"] = json!("fra");
    let planned = api.ask("POST", "/api/v1/plan", &[], other.to_string()).await;
    assert_eq!(planned.body["moves"]["sampled"]["weight"], 100, "services that are no more count for nothing");
    assert_eq!(planned.body["moves"]["sampled"]["elsewhere"], 0.1);
    assert_eq!(planned.body["breaks"], json!([]), "{}", planned.text);
    // The other way round it is nine tenths of it.
    let mut other = document;
    other["policies"]["by-place"]["geo"]["office"] = json!("iad");
    let refused = api.ask("PUT", "/api/v1/document", &[("if-match", "*")], other.to_string()).await;
    assert_eq!((refused.status, refused.kind()), (StatusCode::CONFLICT, "unsafe"), "{}", refused.text);
    assert_eq!(refused.body["breaks"][0]["rule"], "max_traffic_moved");
    assert!(refused.text.contains("90.0 % of the sampled traffic"), "{}", refused.text);
}

#[tokio::test]
async fn rankings_are_of_services_regions_data_centers_and_prefixes() {
    let answers = [
        ("www.example.com", "203.0.113.0/24", Some("fra"), 30),
        ("www.example.com", "192.0.2.0/24", Some("iad"), 60),
        ("api.example.com", "192.0.2.0/24", None, 10),
    ];
    let api = with(site(), &answers).await;
    let top = async |query: &str| {
        let answer = api.get(&format!("/api/v1/top?{query}")).await;
        assert_eq!((answer.status, &answer.body["answers"]), (StatusCode::OK, &json!(100)), "{}", answer.text);
        let ranked = answer.body["top"].as_array().unwrap().iter();
        let ranked = ranked.map(|it| (it["name"].as_str().map(str::to_owned), it["answers"].as_u64().unwrap()));
        (ranked.collect::<Vec<_>>(), answer.body["more"].as_u64().unwrap())
    };
    let named = |pairs: &[(&str, u64)]| -> Vec<(Option<String>, u64)> {
        // `-` means no name.
        pairs.iter().map(|(name, count)| (Some((*name).to_owned()).filter(|name| name != "-"), *count)).collect()
    };
    assert_eq!(top("by=service").await, (named(&[("www.example.com", 90), ("api.example.com", 10)]), 0));
    assert_eq!(top("by=region").await, (named(&[("-", 70), ("office", 30)]), 0));
    assert_eq!(top("by=data-center").await, (named(&[("iad", 60), ("fra", 30), ("-", 10)]), 0));
    assert_eq!(top("by=prefix&limit=1").await, (named(&[("192.0.2.0/24", 70)]), 1));
    for invalid in ["", "by=name", "by=service&limit=0", "by=service&limit=1001", "by=service&x=1"] {
        let refused = api.get(&format!("/api/v1/top?{invalid}")).await;
        assert_eq!(refused.status, StatusCode::BAD_REQUEST, "{invalid}: {}", refused.text);
    }
}

#[tokio::test]
async fn requests_are_counted_by_route_and_never_by_client_input() {
    let api = start().await;
    api.get("/api/v1/pools/fra").await;
    api.get("/api/v1/pools/none-such").await;
    api.get("/api/v1/made/up").await;
    api.ask("BREW", "/api/v1/pools", &[], "").await;
    api.ask("GET", "/api/v1/pools/fra", &[("authorization", "")], "").await;
    let counted = api.api.meters().requests();
    let count = |route: &str, method, status| counted.get(&(route.to_owned(), method, status)).copied();
    assert_eq!(count("/api/v1/pools/{name}", "GET", 200), Some(1));
    assert_eq!(count("/api/v1/pools/{name}", "GET", 404), Some(1));
    assert_eq!(count("/api/v1/pools/{name}", "GET", 401), Some(1));
    assert!(counted.keys().all(|(route, ..)| !route.contains("made")), "{counted:?}");
    assert!(counted.keys().all(|(_, method, _)| ["GET", "other"].contains(method)), "{counted:?}");
    assert_eq!(counted.values().sum::<u64>(), 5);
    assert_eq!(api.api.meters().commits().count, 1, "the first document");
}
