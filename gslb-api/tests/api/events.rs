//! Events: told as they happen, and again to who was away.

use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use gslb_api::access::{self, Role};
use gslb_api::router;
use gslb_api::store::Time;
use http_body_util::BodyExt as _;
use serde_json::json;
use tower::ServiceExt as _;

use crate::support::{Asked, start};

pub(crate) async fn stream(asked: &Asked, last: Option<&str>) -> Body {
    let mut request = Request::get("/api/v1/events").header("host", "localhost");
    request = request.header("authorization", format!("Bearer {}", asked.viewer));
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let response = router(asked.api.clone()).oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
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
async fn changes_are_told_and_told_again_from_where_a_reader_was() {
    let asked = start().await;
    let mut body = stream(&asked, None).await;
    let force = json!({"targets": ["pool/fra"], "force": "drain", "reason": "r"}).to_string();
    asked.ask("PUT", "/api/v1/overrides/a", &[], force).await;
    let patch = json!({"endpoints": {"iad-1": {"weight": 5}}}).to_string();
    asked.ask("PATCH", "/api/v1/pools/iad", &[("if-match", "*")], patch).await;
    let (first, second) = (next(&mut body).await, next(&mut body).await);
    assert!(first.contains("event: change") && first.contains(r#""kind":"override","id":"a""#), "{first}");
    assert!(second.contains(r#""kind":"document","revision":2"#), "{second}");
    let mut again = stream(&asked, Some(id(&first))).await;
    assert_eq!(next(&mut again).await, second);
}

#[tokio::test]
async fn who_asks_for_what_is_not_known_any_more_begins_anew() {
    let asked = start().await;
    let mut body = stream(&asked, Some("999999")).await;
    assert!(next(&mut body).await.contains("event: reset"));
    assert!(body.frame().await.is_none(), "the stream ends, and the reader comes again from the id it was given");
}

#[tokio::test]
async fn streams_end_when_the_server_stops() {
    let asked = start().await;
    let mut body = stream(&asked, None).await;
    asked.api.stop();
    let ended = tokio::time::timeout(Duration::from_secs(10), body.frame()).await.expect("it goes on");
    assert!(ended.is_none());
}

#[tokio::test]
async fn a_stream_ends_with_the_token_that_opened_it() {
    let asked = start().await;
    let mut revoked = stream(&asked, None).await;
    let id = asked.viewer.split('_').nth(1).unwrap();
    access::revoke(&*asked.store, id).await.unwrap();
    let patch = json!({"endpoints": {"iad-1": {"weight": 5}}}).to_string();
    asked.ask("PATCH", "/api/v1/pools/iad", &[("if-match", "*")], patch).await;
    let ended = tokio::time::timeout(Duration::from_secs(10), revoked.frame()).await.expect("it goes on");
    assert!(ended.is_none(), "what comes after the revocation is not told");

    let end = Time::from(std::time::SystemTime::now() + Duration::from_millis(300));
    let token = access::create(&*asked.store, "brief", Role::Viewer, Time::from_millis(0), Some(end)).await.unwrap();
    let brief = Asked { viewer: token.reveal(), ..asked };
    let mut expired = stream(&brief, None).await;
    let ended = tokio::time::timeout(Duration::from_secs(10), expired.frame()).await.expect("it goes on");
    assert!(ended.is_none());
}

#[tokio::test]
async fn all_that_is_kept_is_told_from_the_start_with_its_times() {
    let store = std::sync::Arc::new(gslb_api::store::MemoryStore::new());
    let asked = crate::support::start_on(store, crate::support::with_site()).await;
    let force = json!({"targets": ["pool/fra"], "force": "drain", "reason": "r"}).to_string();
    asked.ask("PUT", "/api/v1/overrides/a", &[], force).await;
    let mut body = stream(&asked, Some("0")).await;
    let (document, drained) = (next(&mut body).await, next(&mut body).await);
    assert!(document.contains(r#""kind":"document","revision":1"#), "{document}");
    assert!(drained.contains(r#""kind":"override","id":"a""#), "{drained}");
    for event in [document, drained] {
        assert!(event.contains(r#""time":"20"#) && !event.contains("1970"), "{event}");
    }
}
