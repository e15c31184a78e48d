//! How much memory a valid document takes while it is planned and put in force, and what of it stays, in multiples of its
//! length.

#[path = "../../gslb-core/tests/support/counting.rs"]
mod counting;
#[path = "../../tests/src/heavy.rs"]
#[allow(dead_code, unreachable_pub, reason = "only the good documents are used")]
mod heavy;
#[path = "api/support.rs"]
#[allow(dead_code, reason = "each suite uses what it needs")]
mod support;

use std::time::Duration;

use axum::body::Body;
use axum::http::{Request, StatusCode};
use counting::{in_use, peak, reset_peak};
use gslb_api::Options;
use tower::ServiceExt as _;

/// The limits for a document: as a plan, as a change, and what stays after it.
fn limits(what: &str) -> [f64; 3] {
    match what {
        "pools" => [9.5, 9.8, 7.7],
        "records" => [9.6, 9.6, 5.0],
        "services in TOML" => [7.6, 8.8, 6.0],
        _ => [8.7, 8.8, 6.7],
    }
}

/// Waits until nothing that was in use before a change is freed any more.
async fn settled() -> i64 {
    let mut last = in_use();
    loop {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = in_use();
        if now >= last {
            return now;
        }
        last = now;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_valid_document_takes_a_small_multiple_of_its_length() {
    for heavy in heavy::good(2_000_000) {
        let api = support::start_with(Options::default()).await;
        let length = heavy.body.len() as f64;
        let times = |octets: i64| octets as f64 / length;
        let before = settled().await;
        let mut measured = Vec::new();
        for (method, path) in [("POST", "/api/v1/plan"), ("PUT", "/api/v1/document")] {
            let request =
                Request::builder().method(method).uri(path).header("host", "localhost").header("if-match", "*");
            let request = request.header("content-type", heavy.content);
            let request = request.header("authorization", format!("Bearer {}", api.operator));
            reset_peak();
            let response =
                api.router.clone().oneshot(request.body(Body::from(heavy.body.clone())).unwrap()).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK, "{}", heavy.what);
            drop(response);
            measured.push(times(peak() - before));
        }
        measured.push(times(settled().await - before));
        let is_within = measured.iter().zip(limits(heavy.what)).all(|(measured, limit)| *measured <= limit);
        assert!(is_within, "{}: {measured:.1?} times its length for a plan, for a change, and after it", heavy.what);
        println!("{}: {measured:.1?}", heavy.what);
    }
}
