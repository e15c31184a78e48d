//! Events: streamed as they happen, and again after a disconnect.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use gslb_api::auth::{self, Role};
use gslb_api::store::Time;
use http_body_util::BodyExt as _;
use serde_json::json;
use tower::ServiceExt as _;

use crate::support::{TestApi, start};

pub(crate) async fn stream(api: &TestApi, last: Option<&str>) -> Body {
    let mut request = Request::get("/api/v1/events").header("host", "localhost");
    request = request.header("authorization", format!("Bearer {}", api.viewer));
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let response = api.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    response.into_body()
}

pub(crate) async fn next(body: &mut Body) -> String {
    let frame = tokio::time::timeout(Duration::from_secs(10), body.frame()).await.expect("no event came");
    String::from_utf8(frame.unwrap().unwrap().into_data().unwrap().to_vec()).unwrap()
}

fn id(event: &str) -> &str {
    event.lines().find_map(|line| line.strip_prefix("id:")).unwrap().trim()
}

#[tokio::test]
async fn changes_are_streamed_and_resumed_from_the_last_event() {
    let api = start().await;
    let mut body = stream(&api, None).await;
    let force = json!({"targets": ["pool/fra"], "force": "drain", "reason": "r"}).to_string();
    api.ask("PUT", "/api/v1/overrides/a", &[], force).await;
    let patch = json!({"endpoints": {"iad-1": {"weight": 5}}}).to_string();
    api.ask("PATCH", "/api/v1/pools/iad", &[("if-match", "*")], patch).await;
    let (first, second) = (next(&mut body).await, next(&mut body).await);
    assert!(first.contains("event: change") && first.contains(r#""kind":"override","id":"a""#), "{first}");
    assert!(second.contains(r#""kind":"document","revision":2"#), "{second}");
    let mut again = stream(&api, Some(id(&first))).await;
    assert_eq!(next(&mut again).await, second);
}

#[tokio::test]
async fn resuming_from_a_forgotten_event_starts_over() {
    let api = start().await;
    let mut body = stream(&api, Some("999999")).await;
    assert!(next(&mut body).await.contains("event: reset"));
    assert!(body.frame().await.is_none(), "the stream ends, and the reader comes again from the id it was given");
}

#[tokio::test]
async fn streams_end_when_the_server_stops() {
    let api = start().await;
    let mut body = stream(&api, None).await;
    api.api.stop();
    let ended = tokio::time::timeout(Duration::from_secs(10), body.frame()).await.expect("the stream continues");
    assert!(ended.is_none());
}

#[tokio::test]
async fn a_stream_ends_with_the_token_that_opened_it() {
    let api = start().await;
    let mut revoked = stream(&api, None).await;
    let id = api.viewer.split('_').nth(1).unwrap();
    auth::revoke(&*api.store, id).await.unwrap();
    let patch = json!({"endpoints": {"iad-1": {"weight": 5}}}).to_string();
    api.ask("PATCH", "/api/v1/pools/iad", &[("if-match", "*")], patch).await;
    let ended = tokio::time::timeout(Duration::from_secs(10), revoked.frame()).await.expect("the stream continues");
    assert!(ended.is_none(), "events after the revocation are not sent");

    let end = Time::from(std::time::SystemTime::now() + Duration::from_millis(300));
    let token = auth::create(&*api.store, "brief", Role::Viewer, Time::from_millis(0), Some(end)).await.unwrap();
    let brief = TestApi { viewer: token.reveal(), ..api };
    let mut expired = stream(&brief, None).await;
    let ended = tokio::time::timeout(Duration::from_secs(10), expired.frame()).await.expect("the stream continues");
    assert!(ended.is_none());
}

#[tokio::test]
async fn all_kept_events_are_streamed_with_their_times() {
    let store = std::sync::Arc::new(gslb_api::store::MemoryStore::new());
    let api = crate::support::start_on(store, crate::support::with_site()).await;
    let force = json!({"targets": ["pool/fra"], "force": "drain", "reason": "r"}).to_string();
    api.ask("PUT", "/api/v1/overrides/a", &[], force).await;
    let mut body = stream(&api, Some("0")).await;
    let (document, drained) = (next(&mut body).await, next(&mut body).await);
    assert!(document.contains(r#""kind":"document","revision":1"#), "{document}");
    assert!(drained.contains(r#""kind":"override","id":"a""#), "{drained}");
    for event in [document, drained] {
        assert!(event.contains(r#""time":"20"#) && !event.contains("1970"), "{event}");
    }
}

#[tokio::test]
async fn a_new_document_does_not_report_statuses_again() {
    const ENDPOINTS: usize = 2000;
    let mut site = crate::support::site();
    site["probes"] = json!({"word": {"kind": "push", "ttl": "1h", "rise": 1, "fall": 1}});
    site["safety"] = json!({"mass_failure": "off"});
    let endpoint =
        |number: usize| (format!("e{number}"), json!({"address": format!("10.0.{}.{}", number / 250, number % 250)}));
    let endpoints: serde_json::Map<_, _> = (0..ENDPOINTS).map(endpoint).collect();
    site["pools"]["many"] = json!({"probe": "word", "endpoints": endpoints});
    site["services"]["www.example.com"]["policy"] = json!("many");
    let api = crate::support::start_with(crate::health::options(site)).await;
    let names: Vec<usize> = (0..ENDPOINTS).collect();
    for up in [true, false] {
        for some in names.chunks(1000) {
            let word = |number: &usize| json!({"pool": "many", "endpoint": format!("e{number}"), "up": up});
            let body: serde_json::Value = some.iter().map(word).collect();
            let answer = api.ask("POST", "/api/v1/observations", &[], body.to_string()).await;
            assert_eq!(answer.status, axum::http::StatusCode::OK, "{}", answer.text);
        }
    }
    let all_down = async || {
        let (mut down, mut after) = (0, None::<String>);
        loop {
            let page =
                api.store.range("health/", after.as_deref(), 1000, gslb_api::store::Order::Ascending).await.unwrap();
            down += page
                .entries
                .iter()
                .filter(|it| String::from_utf8_lossy(&it.versioned.value).contains("\"up\":false"))
                .count();
            after = page.entries.last().map(|it| it.key.to_string());
            if !page.more {
                return down == ENDPOINTS;
            }
        }
    };
    let settled = async {
        while !all_down().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), settled).await.expect("the statuses were not saved");
    let mut body = stream(&api, None).await;
    let revisions = ["1", "2"].map(|weight| format!(r#"{{"endpoints": {{"e0": {{"weight": {weight}0}}}}}}"#));
    for patch in revisions {
        api.ask("PATCH", "/api/v1/pools/many", &[("if-match", "*")], patch).await;
        let event = next(&mut body).await;
        assert!(event.contains(r#""kind":"document""#) && !event.contains("\"status\""), "{event}");
    }
    // Replayed events come before later ones.
    let word = json!([{"pool": "many", "endpoint": "e7", "up": true}]).to_string();
    api.ask("POST", "/api/v1/observations", &[], word).await;
    let event = next(&mut body).await;
    assert!(event.matches(r#""kind":"status""#).count() == 1 && event.contains(r#""endpoint":"e7""#), "{event}");
}
