//! The audit, the latest entry first.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use serde_json::json;

use super::problem::Problem;
use super::{answer, query};
use crate::{Api, audit};

/// The route of the audit.
pub(super) fn routes() -> Router<Api> {
    Router::new().route("/audit", get(list))
}

async fn list(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let numbered: query::Numbered = query::of(request.uri())?;
    let limit = query::page(numbered.limit)?;
    let listed = audit::list(&**api.control.store(), query::number(numbered.after)?, limit).await;
    let (entries, more) = listed.map_err(|error| Problem::unavailable(error.to_string()))?;
    let last = entries.last().filter(|_| more).map(|entry| entry.number);
    let next = last.map(|last| format!("/api/v1/audit?limit={limit}&after={last}"));
    Ok(answer::of_json(StatusCode::OK, &json!({ "entries": entries, "next": next })))
}
