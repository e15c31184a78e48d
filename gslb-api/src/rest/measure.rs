//! Counts every request by route, method and status, and logs it if the log level says so.

use std::time::Instant;

use axum::extract::{MatchedPath, Request, State};
use axum::http::Method;
use axum::middleware::Next;
use axum::response::Response;
use tracing::debug;

use super::caller::{Caller, peer};
use crate::Api;

/// The route label of unknown paths.
const NOWHERE: &str = "none";

/// Answers a request, and counts it. No label has text from the client.
pub(super) async fn measured(State(api): State<Api>, request: Request, next: Next) -> Response {
    let began = Instant::now();
    let route = request.extensions().get::<MatchedPath>().map(|path| path.as_str().to_owned());
    let method = name(request.method());
    let from = peer(request.extensions());
    let response = next.run(request).await;
    let route = route.as_deref().unwrap_or(NOWHERE);
    let (status, took) = (response.status().as_u16(), began.elapsed());
    api.meters.requested(route, method, status, took);
    let caller = response.extensions().get::<Caller>();
    let who = caller.map(|caller| caller.who.name());
    debug!(method, route, status, ms = took.as_secs_f64() * 1e3, who, from = from.map(display), "request");
    response
}

fn name(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::PUT => "PUT",
        Method::POST => "POST",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}
