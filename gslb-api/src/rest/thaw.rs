//! The thaw: an admin lets changes through frozen windows for a while.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::get;
use serde_json::json;

use super::body::{self, Media, Size};
use super::caller::Caller;
use super::problem::Problem;
use super::{answer, query};
use crate::Api;
use crate::change::{Change, Edit, Refusal};
use crate::clock::now;
use crate::thaw::{self, Thaw};

/// The route of the thaw.
pub(super) fn routes() -> Router<Api> {
    Router::new().route("/thaw", get(read).post(begin).delete(end))
}

async fn read(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let _: query::Nothing = query::of(request.uri())?;
    Ok(shown(&api))
}

async fn begin(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let _: query::Nothing = query::of(request.uri())?;
    let (parts, octets) = request.into_parts();
    let media = Media::of(&parts.headers, &[Media::Json])?;
    let sent = body::read(&api, &parts, octets, media, Size::Resource).await?.value;
    let caller = parts.extensions.get::<Caller>().ok_or(Refusal::Fault)?;
    let thaw = thaw::from_body(&sent, caller.who.name(), now()).map_err(Refusal::Body)?;
    change(&api, &parts, Some(thaw)).await
}

async fn end(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let _: query::Nothing = query::of(request.uri())?;
    let (parts, _) = request.into_parts();
    change(&api, &parts, None).await
}

async fn change(api: &Api, parts: &Parts, thaw: Option<Thaw>) -> Result<Response, Problem> {
    let caller = parts.extensions.get::<Caller>().ok_or(Refusal::Fault)?;
    let request = format!("{} {}", parts.method, super::path(&parts.extensions, &parts.uri));
    let message = thaw.as_ref().map(|thaw| thaw.reason.clone()).unwrap_or_default();
    let change = Change { from: caller.from, message, ..Change::new(caller.who.clone(), &request, Edit::Thaw(thaw)) };
    api.control.change(change).await?;
    Ok(shown(api))
}

fn shown(api: &Api) -> Response {
    let in_force = api.control.in_force();
    answer::of_json(StatusCode::OK, &json!({ "thaw": thaw::to_json(in_force.thaw.as_ref(), now()) }))
}
