//! Plan: what a document would change, and whose answers would move.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;

use super::body::{self, Media, Sent, Size};
use super::caller::Caller;
use super::problem::Problem;
use super::{answer, conditions, query, write};
use crate::Api;
use crate::change::{Change, Condition, Edit, Refusal};

/// The route of plans.
pub(super) fn routes() -> Router<Api> {
    Router::new().route("/plan", post(plan))
}

async fn plan(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let _: query::Nothing = query::of(request.uri())?;
    let (parts, octets) = request.into_parts();
    let media = Media::of(&parts.headers, &[Media::Json, Media::Toml, Media::MergePatch])?;
    let condition = match conditions::of_write(&parts.headers)? {
        Condition::Unsaid => Condition::Any,
        said => said,
    };
    let Sent { value, work, .. } = body::read(&api, &parts, octets, media, Size::Document).await?;
    let value = body::object(value)?;
    let edit = if media == Media::MergePatch {
        Edit::Merge { patch: value, condition }
    } else {
        Edit::Document { document: value.into(), text: None, condition }
    };
    let caller = parts.extensions.get::<Caller>().ok_or(Refusal::Fault)?;
    let change = Change { budget: work.budget, ..Change::new(caller.who.clone(), "plan", edit) };
    let control = api.control.clone();
    let done = write::holding(work.place, async move { control.plan(change).await }).await?;
    Ok(answer::of_json(StatusCode::OK, &answer::told(&done, true)))
}
