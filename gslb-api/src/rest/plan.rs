//! Plan: what a document would change, and whose answers would move.

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use utoipa_axum::routes;

use super::answer::{self, AcceptsJson};
use super::body::{self, Media};
use super::caller::Caller;
use super::conditions::IfMatch;
use super::operation::holding;
use super::parameters::Parameters;
use super::problem::Problem;
use super::routes::{Access, Routes};
use super::state::RestState;
use crate::change::{Change, Condition, Edit};
use crate::types::{ChangeResult, Document, MergePatch, NoParameters, WriteConditions};

/// The route of plans.
pub(super) fn routes() -> Routes {
    Routes::new("plan").add(Access::Viewer, routes!(post))
}

/// Show what a document or a patch of it would change, and whose answers would move
#[utoipa::path(
    post, path = "/plan", params(WriteConditions),
    request_body(content(
        (Document = "application/json"), (String = "application/toml"), (MergePatch = "application/merge-patch+json"),
    )),
    responses((status = 200, description = "Result of the plan", body = ChangeResult))
)]
async fn post(
    State(state): State<RestState>,
    _: AcceptsJson,
    _: Parameters<NoParameters>,
    IfMatch(condition): IfMatch,
    caller: Caller,
    request: Request,
) -> Result<Response, Problem> {
    let condition = match condition {
        Condition::MissingIfMatch => Condition::Any,
        message => message,
    };
    let accepted = [Media::Json, Media::Toml, Media::MergePatch];
    let (mut edit, work) = body::read_edit(&state, request, &accepted, condition).await?;
    // A plan keeps no text.
    if let Edit::Document { text, .. } = &mut edit {
        *text = None;
    }
    let change = Change { budget: work.budget, ..Change::new(caller.who, "plan", edit) };
    let control = state.api.control.clone();
    let done = holding(work.permit, async move { control.plan(change).await }).await?;
    Ok(answer::change_result(StatusCode::OK, &answer::result(done, true)))
}
