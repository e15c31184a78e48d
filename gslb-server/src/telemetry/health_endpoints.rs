//! The endpoints that need no token: `/livez`, `/readyz` and `/metrics`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use gslb_core::table::Published;

use crate::backend::Backend;
use crate::telemetry::metrics::{self, Scrapes};

/// The data behind the endpoints.
#[derive(Clone)]
pub struct Observed {
    /// The published table.
    pub published: Arc<Published>,
    /// What is behind the listeners.
    pub backend: Arc<dyn Backend>,
    /// Host names of this server besides `localhost` and addresses; `/metrics` accepts no others.
    pub hosts: Arc<[String]>,
    /// The metrics.
    pub metrics: Arc<Scrapes>,
}

/// The routes of the endpoints.
pub fn routes(observed: Observed) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readiness))
        .route("/metrics", get(exposition))
        .with_state(observed)
}

/// Adds problem documents to `routes` for unknown paths, methods that are not allowed, and requests with two hosts (RFC
/// 9112 §3.2).
pub fn with_problems(routes: Router) -> Router {
    let routes = routes.fallback(not_found).method_not_allowed_fallback(not_allowed);
    routes.layer(from_fn(one_host))
}

async fn one_host(request: Request, next: Next) -> Response {
    match gslb_api::unambiguous(&request) {
        Ok(()) => next.run(request).await,
        Err(why) => problem(StatusCode::BAD_REQUEST, why),
    }
}

async fn readiness(State(observed): State<Observed>) -> Response {
    if let Some(stalled) = observed.backend.stall() {
        return problem(StatusCode::SERVICE_UNAVAILABLE, &stalled);
    }
    // Ready even if degraded: removing a server that still answers would leave clients without an answer.
    let degraded = observed.backend.degraded();
    let lines = degraded
        .iter()
        .map(|(concern, why)| format!("degraded: {}: {}\n", concern.word(), why.lines().collect::<Vec<_>>().join(" ")));
    let generation = observed.published.load().generation();
    format!("ready, serving table {generation}\n{}", lines.collect::<String>()).into_response()
}

/// Health is public. Metrics reveal enough of a site that the host name is checked, against DNS rebinding by web pages.
async fn exposition(State(observed): State<Observed>, request: Request) -> Response {
    let header = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host = request.uri().authority().map(|authority| authority.as_str()).or(header).unwrap_or_default();
    if !gslb_api::is_allowed_host(host, &observed.hosts) {
        let detail = format!("{host:?} is not a name of this server. Add it to `hosts` in [api] to allow it.");
        return problem(StatusCode::MISDIRECTED_REQUEST, &detail);
    }
    match observed.metrics.exposition().await {
        Some(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        None => problem(StatusCode::INTERNAL_SERVER_ERROR, "Internal error: the metrics could not be encoded."),
    }
}

async fn not_found(uri: Uri) -> Response {
    problem(StatusCode::NOT_FOUND, &format!("There is nothing at {}.", uri.path()))
}

async fn not_allowed(method: Method, uri: Uri) -> Response {
    problem(StatusCode::METHOD_NOT_ALLOWED, &format!("{} does not support {method}.", uri.path()))
}

/// A problem document (RFC 9457) of type `about:blank`.
fn problem(status: StatusCode, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or("Problem");
    let body =
        serde_json::json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail });
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}
