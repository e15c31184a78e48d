//! What may be seen of a running server without a token: `/livez`, `/readyz` and `/metrics`.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, Uri, header};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use gslb_api::degraded::Concern;

use crate::telemetry::metrics::{self, Generation, Scrapes};

/// What is asked for what stands still that must not, in a sentence; none where all goes on.
pub type Stall = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// What is asked for what the server does without, and why.
pub type Without = Arc<dyn Fn() -> Vec<(Concern, String)> + Send + Sync>;

/// Where the answers come from.
#[derive(Clone)]
pub struct Observed {
    /// Generation of the published table; nothing while none is.
    pub generation: Generation,
    /// What keeps statuses from being what the endpoints are.
    pub stall: Stall,
    /// What the server does without: it answers, and somebody should look.
    pub degraded: Without,
    /// Names of this server, besides `localhost` and addresses: metrics are for those who ask for one of them.
    pub hosts: Arc<[String]>,
    /// All that is counted and measured.
    pub metrics: Arc<Scrapes>,
}

/// The routes, to be merged with others.
pub fn routes(observed: Observed) -> Router {
    Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/readyz", get(readiness))
        .route("/metrics", get(exposition))
        .with_state(observed)
}

/// `routes`, where all other paths are not found, all other methods not allowed, and a request that names two hosts is
/// refused (RFC 9112 §3.2).
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
    if let Some(told) = (observed.stall)() {
        return problem(StatusCode::SERVICE_UNAVAILABLE, &told);
    }
    match (observed.generation)() {
        // Whoever takes a server out of service that answers from the last good leaves clients without an answer.
        Some(generation) => {
            let degraded = (observed.degraded)();
            let lines = degraded.iter().map(|(concern, why)| {
                format!("degraded: {}: {}\n", concern.word(), why.lines().collect::<Vec<_>>().join(" "))
            });
            format!("ready, serving table {generation}\n{}", lines.collect::<String>()).into_response()
        }
        None => problem(StatusCode::SERVICE_UNAVAILABLE, "No routing table has been published yet."),
    }
}

/// Health is told to whoever asks; metrics say enough of a site that no page from elsewhere may read them under a name
/// that it has made lead here.
async fn exposition(State(observed): State<Observed>, request: Request) -> Response {
    let header = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host = request.uri().authority().map(|authority| authority.as_str()).or(header).unwrap_or_default();
    if !gslb_api::is_allowed_host(host, &observed.hosts) {
        let detail = format!("This server is not {host:?}. Its names are in `hosts` of its configuration.");
        return problem(StatusCode::MISDIRECTED_REQUEST, &detail);
    }
    match observed.metrics.exposition().await {
        Some(text) => ([(header::CONTENT_TYPE, metrics::CONTENT_TYPE)], text).into_response(),
        None => problem(StatusCode::INTERNAL_SERVER_ERROR, "Internal error: the metrics could not be written."),
    }
}

async fn not_found(uri: Uri) -> Response {
    problem(StatusCode::NOT_FOUND, &format!("There is nothing at {}.", uri.path()))
}

async fn not_allowed(method: Method, uri: Uri) -> Response {
    problem(StatusCode::METHOD_NOT_ALLOWED, &format!("{} does not take {method}.", uri.path()))
}

/// A problem document (RFC 9457) of no type of its own.
fn problem(status: StatusCode, detail: &str) -> Response {
    let title = status.canonical_reason().unwrap_or("Problem");
    let body =
        serde_json::json!({ "type": "about:blank", "title": title, "status": status.as_u16(), "detail": detail });
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}
