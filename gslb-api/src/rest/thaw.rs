//! The thaw: an admin lets changes through frozen windows for a while.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use utoipa_axum::routes;

use super::answer::{self, AcceptsJson};
use super::body::JsonBody;
use super::operation::Operation;
use super::parameters::Parameters;
use super::problem::Problem;
use super::routes::{Access, Routes};
use crate::Api;
use crate::change::{Change, Edit, Refusal};
use crate::clock::now;
use crate::thaw::{self, Thaw};
use crate::types::{NoParameters, ThawRequest, ThawState};

/// The routes of the thaw.
pub(super) fn routes() -> Routes {
    Routes::new("thaw").add(Access::Viewer, routes!(read)).add(Access::Admin, routes!(begin, end))
}

/// Show whether a thaw lets changes through frozen windows
#[utoipa::path(get, path = "/thaw", responses((status = 200, description = "The thaw", body = ThawState)))]
async fn read(State(api): State<Api>, _: AcceptsJson, _: Parameters<NoParameters>) -> Response {
    shown(&api)
}

/// Let changes through frozen windows for a while
#[utoipa::path(post, path = "/thaw", request_body = ThawRequest, responses(
    (status = 200, description = "The thaw", body = ThawState),
))]
async fn begin(
    State(api): State<Api>,
    _: AcceptsJson,
    _: Parameters<NoParameters>,
    operation: Operation,
    JsonBody(request): JsonBody<ThawRequest>,
) -> Result<Response, Problem> {
    let thaw = thaw::from_request(request, operation.caller.who.name(), now()).map_err(Refusal::Body)?;
    change(&api, &operation, Some(thaw)).await
}

/// End the thaw, so that frozen windows hold again
#[utoipa::path(delete, path = "/thaw", responses((status = 200, description = "No thaw", body = ThawState)))]
async fn end(
    State(api): State<Api>,
    _: AcceptsJson,
    _: Parameters<NoParameters>,
    operation: Operation,
) -> Result<Response, Problem> {
    change(&api, &operation, None).await
}

async fn change(api: &Api, operation: &Operation, thaw: Option<Thaw>) -> Result<Response, Problem> {
    let message = thaw.as_ref().map(|thaw| thaw.reason.clone()).unwrap_or_default();
    api.control.change(Change { message, ..operation.change(Edit::Thaw(thaw)) }).await?;
    Ok(shown(api))
}

fn shown(api: &Api) -> Response {
    let active = api.control.active();
    answer::json(StatusCode::OK, &ThawState { thaw: thaw::holding(active.thaw.as_ref(), now()) })
}
