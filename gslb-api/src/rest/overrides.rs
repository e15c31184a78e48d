//! Overrides: states forced by operators, with a reason and an end.

use axum::extract::{Path, State};
use axum::http::{StatusCode, header};
use axum::response::Response;
use utoipa_axum::routes;

use super::answer::{self, AcceptsJson};
use super::body::{JsonBody, Work};
use super::conditions::{IfMatch, KnownStates};
use super::operation::{ChangeOptions, Operation};
use super::parameters::Parameters;
use super::problem::Problem;
use super::routes::{Access, Routes};
use crate::Api;
use crate::change::Edit;
use crate::clock::now;
use crate::document::Etag;
use crate::overrides::from_request;
use crate::types::{
    AnyWriteConditions, ByName, ChangeParameters, ChangeResult, NoParameters, Override, OverrideRequest,
    ReadConditions, WriteConditions,
};

/// The routes of overrides.
pub(super) fn routes() -> Routes {
    Routes::new("overrides")
        .add(Access::Viewer, routes!(list))
        .add(Access::Viewer, routes!(read))
        .add(Access::Operator, routes!(put, delete))
}

/// List all overrides by id
#[utoipa::path(get, path = "/overrides", params(ReadConditions), responses(
    (status = 200, description = "The overrides", body = HashMap<String, Override>),
    (status = 304, description = "The client has them"),
))]
async fn list(State(api): State<Api>, _: AcceptsJson, _: Parameters<NoParameters>, known: KnownStates) -> Response {
    let (active, unsaved) = (api.control.active(), api.control.unsaved());
    let shown = |(id, entry): (&String, &crate::overrides::Override)| {
        let saved = unsaved.set.contains(id).then_some(false);
        (id.clone(), Override { saved, ..Override::from(entry) })
    };
    answer::tagged(&known, &active.overrides.iter().map(shown).collect::<ByName<Override>>())
}

/// Show one override
#[utoipa::path(get, path = "/overrides/{id}", params(("id" = String, Path), ReadConditions), responses(
    (status = 200, description = "The override", body = Override),
    (status = 304, description = "The client has it"),
))]
async fn read(
    State(api): State<Api>,
    Path(id): Path<String>,
    _: AcceptsJson,
    _: Parameters<NoParameters>,
    known: KnownStates,
) -> Result<Response, Problem> {
    let active = api.control.active();
    let entry = active.overrides.get(&id).ok_or_else(|| Problem::not_found(format!("There is no override {id:?}.")))?;
    let shown = Override::from(entry);
    if api.control.unsaved().set.contains(&id) {
        // The tag is that of the saved override, so this response must not be cached.
        let etag = Etag::of(&shown);
        let response = answer::json(StatusCode::OK, &Override { saved: Some(false), ..shown });
        let response = answer::with(response, header::ETAG, &etag.to_string());
        return Ok(answer::with(response, header::CACHE_CONTROL, "no-store"));
    }
    Ok(answer::tagged(&known, &shown))
}

/// Force endpoints up, down, drained or to a weight
#[utoipa::path(
    put, path = "/overrides/{id}", params(("id" = String, Path), ChangeParameters, AnyWriteConditions),
    request_body = OverrideRequest,
    responses(
        (status = 200, description = "Result of the change", body = ChangeResult),
        (status = 201, description = "Result of the new override", body = ChangeResult),
    )
)]
async fn put(
    State(api): State<Api>,
    Path(id): Path<String>,
    _: AcceptsJson,
    IfMatch(condition): IfMatch,
    options: ChangeOptions,
    operation: Operation,
    JsonBody(request): JsonBody<OverrideRequest>,
) -> Result<Response, Problem> {
    let entry = from_request(&id, request, operation.caller.who.name(), now())?;
    let edit = Edit::Override { id, body: Some(Box::new(entry)), condition };
    operation.run(&api, options, edit, Work::of_ours(None)).await
}

/// End an override
#[utoipa::path(
    delete, path = "/overrides/{id}", params(("id" = String, Path), ChangeParameters, WriteConditions),
    responses((status = 200, description = "Result of the change", body = ChangeResult))
)]
async fn delete(
    State(api): State<Api>,
    Path(id): Path<String>,
    _: AcceptsJson,
    IfMatch(condition): IfMatch,
    options: ChangeOptions,
    operation: Operation,
) -> Result<Response, Problem> {
    let edit = Edit::Override { id, body: None, condition };
    operation.run(&api, options, edit, Work::of_ours(None)).await
}
