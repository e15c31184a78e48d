//! The whole document.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa_axum::routes;

use super::answer::{self, AcceptsJson, Notation};
use super::body::{self, Media};
use super::conditions::{IfMatch, KnownStates};
use super::operation::{ChangeOptions, Operation};
use super::parameters::Parameters;
use super::problem::Problem;
use super::routes::{Access, Routes};
use super::state::RestState;
use crate::Api;
use crate::control::blocking;
use crate::document::{Etag, to_toml};
use crate::revisions;
use crate::store::wait;
use crate::types::{
    AnyWriteConditions, ChangeParameters, ChangeResult, Document, MergePatch, NoParameters, ReadConditions,
};

/// The routes of the document.
pub(super) fn routes() -> Routes {
    Routes::new("document").add(Access::Viewer, routes!(read)).add(Access::Operator, routes!(put, patch))
}

/// Show the document in force
#[utoipa::path(get, path = "/document", params(ReadConditions), responses(
    (status = 200, description = "The document", content((Document = "application/json"), (String = "application/toml"))),
    (status = 304, description = "The client has it"),
))]
async fn read(
    State(state): State<RestState>,
    notation: Notation,
    _: Parameters<NoParameters>,
    known: KnownStates,
) -> Result<Response, Problem> {
    let active = state.api.control.active();
    let etag = Etag::of_revision(active.revision);
    if notation == Notation::Json || known.has(&etag) {
        return Ok(answer::written(&known, state.rendered.part(&active, None).await?));
    }
    let text = match written(&state.api, active.revision).await? {
        Some(text) => text,
        None => {
            let document = active.document.clone();
            rendered(blocking(move || to_toml(&document.to_value())).await?)?
        }
    };
    Ok(of_toml(text, &etag))
}

/// The text of revision `number` as its author wrote it; `None` if that was not TOML, or cannot be read: the document
/// itself is still there.
///
/// # Errors
/// 500.
pub(super) async fn written(api: &Api, number: u64) -> Result<Option<String>, Problem> {
    let store = Arc::clone(api.control.store());
    let read = blocking(move || wait(revisions::text::read(&*store, number))).await?;
    Ok(read.unwrap_or_default())
}

/// A document that was rendered in TOML.
///
/// # Errors
/// 406 if TOML cannot have it.
pub(super) fn rendered(text: Result<String, String>) -> Result<String, Problem> {
    text.map_err(|error| Problem::new(StatusCode::NOT_ACCEPTABLE, "not-acceptable", error))
}

/// `text` as an answer.
pub(super) fn of_toml(text: String, etag: &Etag) -> Response {
    let response = ([(header::CONTENT_TYPE, "application/toml")], text).into_response();
    answer::with(response, header::ETAG, &etag.to_string())
}

/// Replace the document
#[utoipa::path(
    put, path = "/document", params(ChangeParameters, AnyWriteConditions),
    request_body(content((Document = "application/json"), (String = "application/toml"))),
    responses((status = 200, description = "Result of the change", body = ChangeResult))
)]
async fn put(
    State(state): State<RestState>,
    _: AcceptsJson,
    IfMatch(condition): IfMatch,
    options: ChangeOptions,
    operation: Operation,
    request: Request,
) -> Result<Response, Problem> {
    let (edit, work) = body::read_edit(&state, request, &[Media::Json, Media::Toml], condition).await?;
    operation.run(&state.api, options, edit, work).await
}

/// Change the document by a merge patch
#[utoipa::path(
    patch, path = "/document", params(ChangeParameters, AnyWriteConditions),
    request_body(content = MergePatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "Result of the change", body = ChangeResult))
)]
async fn patch(
    State(state): State<RestState>,
    _: AcceptsJson,
    IfMatch(condition): IfMatch,
    options: ChangeOptions,
    operation: Operation,
    request: Request,
) -> Result<Response, Problem> {
    let (edit, work) = body::read_edit(&state, request, &[Media::MergePatch], condition).await?;
    operation.run(&state.api, options, edit, work).await
}
