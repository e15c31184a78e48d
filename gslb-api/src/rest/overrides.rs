//! Overrides: what operators force, with a reason and an end.

use axum::Router;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use axum::routing::get;
use serde_json::{Map, Value};

use super::body::{self, Media, Size, Work};
use super::caller::Caller;
use super::problem::Problem;
use super::{answer, conditions, query, write};
use crate::Api;
use crate::change::{Edit, Refusal};
use crate::clock::now;
use crate::document::Etag;
use crate::overrides::{Override, from_body, to_json};

/// The routes of overrides.
pub(super) fn routes() -> Router<Api> {
    Router::new().route("/overrides", get(list)).route("/overrides/{id}", get(read).put(put).delete(delete))
}

async fn list(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let _: query::Nothing = query::of(request.uri())?;
    let in_force = api.control.in_force();
    let unsaved = api.control.unsaved();
    let told = |(id, held): (&String, &Override)| (id.clone(), marked(to_json(held), unsaved.set.contains(id)));
    let all: Map<String, Value> = in_force.overrides.iter().map(told).collect();
    let value = Value::Object(all);
    answer::tagged(request.headers(), &Etag::of(&value), &value)
}

async fn read(State(api): State<Api>, Path(id): Path<String>, request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let _: query::Nothing = query::of(request.uri())?;
    let in_force = api.control.in_force();
    let held =
        in_force.overrides.get(&id).ok_or_else(|| Problem::not_found(format!("There is no override {id:?}.")))?;
    let value = to_json(held);
    let etag = Etag::of(&value);
    if api.control.unsaved().set.contains(&id) {
        // Saving it changes nothing that the tag is of, so nobody is to keep this.
        let response = answer::of_json(StatusCode::OK, &marked(value, true));
        let response = answer::with(response, header::ETAG, &etag.to_string());
        return Ok(answer::with(response, header::CACHE_CONTROL, "no-store"));
    }
    answer::tagged(request.headers(), &etag, &value)
}

/// The same, marked where its last change is not saved.
fn marked(mut value: Value, is_unsaved: bool) -> Value {
    if let (true, Some(members)) = (is_unsaved, value.as_object_mut()) {
        members.insert("saved".to_owned(), false.into());
    }
    value
}

async fn put(State(api): State<Api>, Path(id): Path<String>, request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let (parts, octets) = request.into_parts();
    let media = Media::of(&parts.headers, &[Media::Json])?;
    let condition = conditions::of_write(&parts.headers)?;
    let sent = body::read(&api, &parts, octets, media, Size::Resource).await?.value;
    let caller = parts.extensions.get::<Caller>().ok_or(Refusal::Fault)?;
    let held = from_body(&id, &sent, caller.who.name(), now())?;
    write::run(&api, &parts, Edit::Override { id, body: Some(Box::new(held)), condition }, Work::of_ours(None)).await
}

async fn delete(State(api): State<Api>, Path(id): Path<String>, request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let (parts, _) = request.into_parts();
    let condition = conditions::of_write(&parts.headers)?;
    write::run(&api, &parts, Edit::Override { id, body: None, condition }, Work::of_ours(None)).await
}
