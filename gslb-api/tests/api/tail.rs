//! Following answers: with their decisions, filtered, while the token is valid.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use axum::body::Body;
use axum::http::{Request, StatusCode};
use gslb_api::auth::Role;
use gslb_api::store::Time;
use gslb_api::traffic::tail::{Filter, MAX_PER_SECOND, Seen, Tail};
use gslb_api::types::MissedAnswers;
use gslb_api::{Limits, Options, Source, auth};
use gslb_core::explain::{Question, datagram, explain};
use gslb_core::respond::{Noted, Reply, Transport, Worker};
use gslb_core::table::RoutingTable;
use http_body_util::BodyExt;
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::support::{TestApi, ZONE, site, start, start_with, with_site};

/// Answers a query like a server, and captures it.
fn capture(table: &RoutingTable, tail: &Tail, name: &str, client: Option<&str>, is_known: bool) {
    let resolver = "198.51.100.53".parse().unwrap();
    let client = client.map(|client| client.parse().unwrap());
    let query = datagram(&Question { name: name.parse().unwrap(), qtype: 1, client, resolver });
    let mut buffer = query.clone();
    buffer.resize(4096, 0);
    let (mut worker, mut noted) = (Worker::new(Arc::default(), 1), Noted::default());
    let path = ((resolver, 4000).into(), Transport::Udp);
    let reply = worker.respond(table, path.0, path.1, &mut buffer, query.len(), &mut noted);
    let Reply::Send(octets) = reply else { panic!("{reply:?}") };
    let seen = Seen {
        topology: is_known.then(|| (table.generation(), table.topology())),
        generation: table.generation(),
        time: SystemTime::now(),
        transport: path.1,
        resolver: path.0,
        decisions: noted.decisions(),
        chosen: noted.chosen(),
        response: &buffer[..octets],
    };
    tail.publish(&seen, Instant::now());
}

fn filter(service: Option<&str>, client: Option<&str>, data_center: Option<&str>) -> Filter {
    Filter {
        service: service.map(|name| name.parse().unwrap()),
        client: client.map(|client| client.parse().unwrap()),
        data_center: data_center.map(Into::into),
    }
}

#[tokio::test]
async fn an_answer_is_shown_by_name_with_its_decision() {
    let api = start().await;
    let (tail, table) = (Tail::default(), api.published.load());
    assert!(!tail.is_watched());
    let mut watching = tail.watch(Filter::default());
    assert!(tail.is_watched());
    let mut next = async || serde_json::from_str::<Value>(&watching.next().await.unwrap()).unwrap();

    capture(&table, &tail, "www.example.com", Some("203.0.113.0/24"), true);
    let answer = next().await;
    let endpoints = answer["endpoints"].as_array().unwrap();
    assert_eq!(
        (endpoints.len(), &endpoints[0]["pool"], &endpoints[0]["data_center"]),
        (1, &json!("fra"), &json!("fra"))
    );
    let address = if endpoints[0]["endpoint"] == "fra-1" { "192.0.2.10" } else { "192.0.2.11" };
    assert!(answer["answer"][0].as_str().unwrap().ends_with(address), "the endpoint that was answered: {answer}");
    for (member, value) in [
        ("client", json!("203.0.113.0/24")),
        ("client_from", json!("subnet")),
        ("resolver", json!("198.51.100.53:4000")),
        ("transport", json!("udp")),
        ("name", json!("www.example.com.")),
        ("type", json!("A")),
        ("decision", json!("service")),
        ("service", json!("www.example.com")),
        ("region", json!("office")),
        ("fallback", json!(null)),
        ("rcode", json!("NOERROR")),
        ("scope", json!(24)),
        ("generation", json!(table.generation())),
    ] {
        assert_eq!(answer[member], value, "{member}: {answer}");
    }
    let decision = json!({"service": "www.example.com", "fallback": null, "endpoints": endpoints});
    assert_eq!(answer["decisions"], json!([decision]));

    capture(&table, &tail, "none.example.com", None, true);
    let answer = next().await;
    assert_eq!((&answer["decision"], &answer["rcode"]), (&json!("zone"), &json!("NXDOMAIN")));
    assert_eq!((&answer["client"], &answer["client_from"]), (&json!("198.51.100.53"), &json!("resolver")));
    assert_eq!((&answer["service"], &answer["endpoints"], &answer["scope"]), (&json!(null), &json!([]), &json!(null)));
    assert_eq!(answer["decisions"], json!([]));

    // If the document has changed since, indices do not get names of another one.
    capture(&table, &tail, "www.example.com", None, false);
    let answer = next().await;
    assert_eq!((&answer["decision"], &answer["service"]), (&json!("lost"), &json!(null)));
    assert_eq!(answer["decisions"], json!([]));
    assert_eq!((&answer["endpoints"], answer["answer"].as_array().unwrap().len()), (&json!([]), 1));
    drop(watching);
    assert!(!tail.is_watched());
}

/// A site where a service refers to another one that is down: by an endpoint's name, and by an alias of the zone.
fn with_chain() -> Options {
    let mut site = site();
    site["zones"]["example.com"]["records"] = json!(format!("{ZONE}alias IN CNAME down\n"));
    site["pools"]["gone"] = json!({"data_center": "iad", "endpoints": {"gone-1": {"address": "198.51.100.20"}}});
    site["pools"]["to-down"] = json!({"endpoints": {"cdn": {"cname": "down.example.com."}}});
    site["services"]["down.example.com"] = json!({"policy": "gone", "types": ["A"], "when_all_down": "nodata"});
    site["services"]["chain.example.com"] = json!({"policy": "to-down"});
    site["safety"] = json!({"require_endpoints": false});
    Options { source: Source::Store { first: Some(site.into()) }, ..Options::default() }
}

#[tokio::test]
async fn every_deciding_service_is_shown_and_found_even_if_it_is_down() {
    let api = start_with(with_chain()).await;
    let body = json!({"targets": ["pool/gone"], "force": "down", "reason": "r"}).to_string();
    assert_eq!(api.ask("PUT", "/api/v1/overrides/a", &[], body).await.status, StatusCode::CREATED);
    let (tail, table) = (Tail::default(), api.published.load());
    let mut watching = tail.watch(filter(Some("down.example.com"), None, None));
    for name in ["www.example.com", "chain.example.com", "alias.example.com"] {
        capture(&table, &tail, name, None, true);
    }
    let mut next = async || {
        let answer = tokio::time::timeout(Duration::from_secs(10), watching.next()).await.expect("it is not found");
        serde_json::from_str::<Value>(&answer.unwrap()).unwrap()
    };
    let cdn = json!({"pool": "to-down", "endpoint": "cdn", "data_center": null});
    let of_down = json!({"service": "down.example.com", "fallback": "nodata", "endpoints": []});
    let chain = next().await;
    assert_eq!((&chain["name"], &chain["rcode"]), (&json!("chain.example.com."), &json!("NOERROR")));
    assert_eq!((&chain["service"], &chain["fallback"]), (&json!("chain.example.com"), &json!(null)), "of the first");
    let of_chain = json!({"service": "chain.example.com", "fallback": null, "endpoints": [cdn]});
    assert_eq!((&chain["decisions"], &chain["endpoints"]), (&json!([of_chain, of_down]), &json!([cdn])));
    let alias = next().await;
    assert_eq!((&alias["name"], &alias["decision"]), (&json!("alias.example.com."), &json!("service")));
    assert_eq!((&alias["service"], &alias["fallback"]), (&json!("down.example.com"), &json!("nodata")));
    assert_eq!(alias["decisions"], json!([of_down]));
}

#[tokio::test]
async fn filters_select_service_client_and_data_center() {
    let api = start().await;
    let (tail, table) = (Tail::default(), api.published.load());
    let cases = [
        (filter(Some("api.example.com"), None, None), vec!["api"]),
        (filter(None, None, Some("iad")), vec!["www"]),
        (filter(None, Some("203.0.113.0/25"), None), vec!["www"]),
        // An address in the client's known network matches, and the other way round.
        (filter(None, Some("203.0.113.199/32"), None), vec!["www"]),
        (filter(None, Some("203.0.0.0/8"), None), vec!["www"]),
        (filter(None, Some("203.0.114.0/32"), None), vec![]),
        (filter(None, Some("198.51.100.53/32"), None), vec!["api", "none"]),
        (filter(Some("www.example.com"), None, Some("fra")), vec!["www"]),
        (filter(Some("www.example.com"), Some("2001:db8::/32"), None), vec![]),
    ];
    let watching = cases.map(|(filter, expected)| (tail.watch(filter), expected));
    capture(&table, &tail, "www.example.com", Some("203.0.113.0/24"), true);
    capture(&table, &tail, "www.example.com", Some("192.0.2.0/24"), true);
    capture(&table, &tail, "api.example.com", None, true);
    capture(&table, &tail, "none.example.com", None, true);
    // The last of all is for everybody.
    for (case, (mut watching, expected)) in watching.into_iter().enumerate() {
        let mut seen = Vec::new();
        for _ in &expected {
            let answer: Value = serde_json::from_str(&watching.next().await.unwrap()).unwrap();
            seen.push(answer["name"].as_str().unwrap().split('.').next().unwrap().to_owned());
        }
        assert_eq!(seen, expected, "case {case}");
        let more = tokio::time::timeout(Duration::ZERO, watching.next()).await;
        assert!(more.is_err(), "case {case}: {more:?}");
        assert_eq!(watching.missed(), MissedAnswers::default());
    }
}

#[tokio::test]
async fn slow_followers_miss_answers_and_learn_how_many() {
    let api = start().await;
    let (tail, table) = (Tail::default(), api.published.load());
    let mut watching = tail.watch(filter(Some("api.example.com"), None, None));
    let begun = Instant::now();
    for _ in 0..MAX_PER_SECOND + 7 {
        capture(&table, &tail, "api.example.com", None, true);
        capture(&table, &tail, "www.example.com", None, true);
    }
    tail.unseen(3);
    let MissedAnswers { skipped, unseen } = watching.missed();
    // Another second may have begun.
    assert!(unseen == 3 && (skipped == 7 || begun.elapsed() >= Duration::from_secs(1)), "{skipped} {unseen}");
    for _ in 0..MAX_PER_SECOND {
        watching.next().await.unwrap();
    }
    assert_eq!(watching.missed(), MissedAnswers::default(), "it is reported once");
}

async fn open(api: &TestApi, path: &str, token: &str) -> (StatusCode, Body) {
    let request = Request::get(path).header("host", "localhost").header("authorization", format!("Bearer {token}"));
    let response = api.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    (response.status(), response.into_body())
}

/// Opens a stream as soon as a permit is free.
async fn opened(api: &TestApi, path: &str, token: &str) -> Body {
    let trying = async {
        loop {
            let (status, body) = open(api, path, token).await;
            if status == StatusCode::OK {
                return body;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), trying).await.expect("no place is free again")
}

const STREAMS: [&str; 2] = ["/api/v1/tail", "/api/v1/events"];

fn with_places(most: usize) -> Options {
    let limits = Limits { watchers: most, streams: most, ..Limits::default() };
    Options { limits, ..with_site() }
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_disconnected_in_time() {
    for path in STREAMS {
        let api = start_with(with_places(2)).await;
        let end = SystemTime::now() + Duration::from_millis(500);
        let brief = auth::create(&*api.store, "b", Role::Viewer, Time::from_millis(0), Some(end.into())).await.unwrap();
        // Nothing of them is ever read.
        let [revoked, expired] = [open(&api, path, &api.viewer).await, open(&api, path, &brief.reveal()).await];
        assert_eq!([revoked.0, expired.0], [StatusCode::OK; 2]);
        auth::revoke(&*api.store, api.viewer.split('_').nth(1).unwrap()).await.unwrap();
        let _first = opened(&api, path, &api.operator).await;
        let _second = opened(&api, path, &api.admin).await;
        let _unread = (revoked.1, expired.1);
    }
}

#[tokio::test]
async fn followers_are_disconnected_when_the_server_stops() {
    let api = start().await;
    let _unread = open(&api, "/api/v1/tail", &api.viewer).await;
    let tail = api.api.tail();
    assert!(tail.is_watched());
    api.api.stop();
    let gone = async {
        while tail.is_watched() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("it is watched for");
}

#[tokio::test]
async fn one_token_leaves_half_of_the_streams_to_others() {
    let api = start_with(with_places(4)).await;
    for path in STREAMS {
        let streams = [open(&api, path, &api.operator).await, open(&api, path, &api.operator).await];
        assert!(streams.iter().all(|(status, _)| *status == StatusCode::OK));
        let request = tokio::time::timeout(Duration::from_secs(10), api.get(path));
        let refused = request.await.expect("the refusal comes at once");
        assert_eq!((refused.status, refused.kind()), (StatusCode::SERVICE_UNAVAILABLE, "too-many-streams"));
        assert!(refused.text.contains("2 times, which is the limit per caller"), "{}", refused.text);
        assert_eq!(open(&api, path, &api.admin).await.0, StatusCode::OK);
    }
}

#[tokio::test]
async fn a_viewer_follows_until_the_token_is_revoked_or_the_server_stops() {
    let api = start().await;
    let (tail, table) = (api.api.tail(), api.published.load());
    let path = "/api/v1/tail?service=www.example.com&client=203.0.113.0/24&data_center=fra";
    let (status, mut body) = open(&api, path, &api.viewer).await;
    assert_eq!(status, StatusCode::OK);
    capture(&table, &tail, "www.example.com", Some("203.0.113.0/24"), true);
    let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
    let text = String::from_utf8_lossy(&frame);
    assert!(text.starts_with("event: answer\ndata: {\"time\":"), "{text}");
    let (_, other) = open(&api, "/api/v1/tail", &api.operator).await;
    auth::revoke(&*api.store, api.viewer.split('_').nth(1).unwrap()).await.unwrap();
    assert!(body.frame().await.is_none(), "it ends with its token");
    assert!(tail.is_watched(), "other streams continue");
    api.api.stop();
    assert!(other.collect().await.unwrap().to_bytes().is_empty());
    assert!(!tail.is_watched(), "no follower is left");
}

#[tokio::test]
async fn useless_and_too_many_records_are_refused() {
    let limits = Limits { watchers: 2, ..Limits::default() };
    let api = start_with(Options { limits, ..with_site() }).await;
    for (query, status, says) in [
        ("service=web.example.com", StatusCode::NOT_FOUND, "There is no service"),
        ("data_center=xyz", StatusCode::NOT_FOUND, "There is no data center"),
        ("client=here", StatusCode::BAD_REQUEST, "client: expected a network such as"),
        ("pool=fra", StatusCode::BAD_REQUEST, "pool"),
    ] {
        let refused = api.get(&format!("/api/v1/tail?{query}")).await;
        assert_eq!(refused.status, status, "{query}: {}", refused.text);
        assert!(refused.text.contains(says), "{query}: {}", refused.text);
    }
    let first = open(&api, "/api/v1/tail", &api.viewer).await;
    let second = open(&api, "/api/v1/tail?client=192.0.2.1", &api.admin).await;
    assert_eq!((first.0, second.0), (StatusCode::OK, StatusCode::OK));
    let third = api.get("/api/v1/tail").await;
    assert_eq!((third.status, third.kind()), (StatusCode::SERVICE_UNAVAILABLE, "too-many-streams"), "{}", third.text);
    assert!(third.text.contains("2 watch answers already"), "{}", third.text);
    drop(first);
    drop(opened(&api, "/api/v1/tail", &api.viewer).await);
}

#[tokio::test]
async fn explain_and_tail_name_the_same_region() {
    let mut site = site();
    site["regions"]["europe"] = json!({"match": ["prefix:193.0.0.0/16"]});
    site["regions"]["netherlands"] = json!({"match": ["prefix:193.0.6.0/24"]});
    site["regions"]["desk"] = json!({"match": ["prefix:203.0.113.128/25"]});
    let options = Options { source: Source::Store { first: Some(site.into()) }, ..Options::default() };
    let api = start_with(options).await;
    let (tail, table) = (Tail::default(), api.published.load());
    let mut watching = tail.watch(Filter::default());
    for (client, region) in [
        ("193.0.6.0/24", json!("netherlands")),
        ("193.0.7.0/24", json!("europe")),
        ("203.0.113.0/25", json!("office")),
        ("203.0.113.128/25", json!("desk")),
        ("8.8.8.0/24", Value::Null),
    ] {
        capture(&table, &tail, "www.example.com", Some(client), true);
        let answer: Value = serde_json::from_str(&watching.next().await.unwrap()).unwrap();
        let question = Question {
            name: "www.example.com".parse().unwrap(),
            qtype: 1,
            client: Some(client.parse().unwrap()),
            resolver: "198.51.100.53".parse().unwrap(),
        };
        let explained = serde_json::to_value(explain(&table, Arc::default(), question, 1).to_data(&table)).unwrap();
        let steps = explained["steps"].as_array().unwrap();
        let named = |step: &str| steps.iter().find(|it| it["step"] == step).map(|it| it["region"].clone()).unwrap();
        assert_eq!((&answer["region"], named("region")), (&region, region.clone()), "{client}: {explained}");
        // The policy has one region, and the others have no branch in it.
        let branch = if region == json!("office") || region == json!("desk") { json!("office") } else { Value::Null };
        assert_eq!(named("branch"), branch, "{client}: {explained}");
    }
}
