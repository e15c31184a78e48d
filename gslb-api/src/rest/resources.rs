//! The seven collections of the document, and the resources in them. All of them have the same handlers.

use axum::Extension;
use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::header;
use axum::response::Response;
use serde_json::Value;
use utoipa::ToSchema;
use utoipa::openapi::path::Operation as Description;
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa_axum::router::{UtoipaMethodRouter, UtoipaMethodRouterExt as _};
use utoipa_axum::routes;

use super::answer::{self, AcceptsJson};
use super::body::{self, Media, Sent, Work};
use super::conditions::{IfMatch, KnownStates};
use super::operation::{ChangeOptions, Operation};
use super::parameters::Parameters;
use super::problem::Problem;
use super::rendered::Text;
use super::routes::{Access, Routes, operations};
use super::state::RestState;
use crate::Api;
use crate::change::{Action, Edit};
use crate::document::{Etag, Section};
use crate::path_segment::escape;
use crate::types::{
    AnyWriteConditions, ByName, ChangeParameters, ChangeResult, MergePatch, NamedPage, NoParameters, Policy,
    ReadConditions, Resource, WriteConditions,
};

/// The placeholder of the collection in the handlers' paths.
const COLLECTION: &str = "/{collection}";

/// The routes of `section`.
pub(super) fn routes(section: Section) -> Routes {
    let of_section = |handlers| at(section, handlers);
    Routes::new(section.segment())
        .add(Access::Viewer, of_section(routes!(list)))
        .add(Access::Operator, of_section(routes!(patch, delete)))
        .add(Access::Viewer, of_section(routes!(read)))
        .add(Access::Operator, of_section(routes!(put)))
}

/// `handlers` at the paths of `section`, which they get as an extension.
fn at(section: Section, (schemas, mut paths, methods): UtoipaMethodRouter<RestState>) -> UtoipaMethodRouter<RestState> {
    let path = format!("/{}", section.segment());
    paths.paths = std::mem::take(&mut paths.paths)
        .into_iter()
        .map(|(template, mut item)| {
            operations(&mut item).for_each(|operation| name(section, operation));
            (template.replace(COLLECTION, &path), item)
        })
        .collect();
    (schemas, paths, methods).layer(Extension(section))
}

/// Names the collection in the summary of an operation. A policy may also be the name of another one, or of a pool.
fn name(section: Section, operation: &mut Description) {
    let bodies = operation.request_body.iter_mut().filter_map(inline).flat_map(|body| body.content.values_mut());
    let responses = operation.responses.responses.values_mut().filter_map(inline);
    let contents = bodies.chain(responses.flat_map(|response| response.content.values_mut()));
    for content in contents.filter_map(inline) {
        if let Some(schema) = content.schema.as_mut().filter(|schema| **schema == of_schema::<Resource>())
            && section == Section::Policies
        {
            *schema = of_schema::<Policy>();
        }
    }
    if let Some(summary) = &mut operation.summary {
        *summary = summary.replace("resources", section.plural()).replace("resource", section.singular());
    }
}

/// What is described in place.
fn inline<T>(described: &mut RefOr<T>) -> Option<&mut T> {
    match described {
        RefOr::T(described) => Some(described),
        RefOr::Ref(_) => None,
    }
}

/// A reference to the schema of `T`.
fn of_schema<T: ToSchema>() -> RefOr<Schema> {
    Ref::from_schema_name(T::name()).into()
}

/// List all resources by name
#[utoipa::path(get, path = "/{collection}", params(NamedPage, ReadConditions), responses(
    (status = 200, description = "All of them, or a page; `Link` has the next one", body = HashMap<String, Policy>),
    (status = 304, description = "The client has them"),
))]
async fn list(
    State(state): State<RestState>,
    Extension(section): Extension<Section>,
    _: AcceptsJson,
    Parameters(NamedPage { limit, after }): Parameters<NamedPage>,
    known: KnownStates,
) -> Result<Response, Problem> {
    let active = state.api.control.active();
    if limit.is_none() && after.is_none() {
        return Ok(answer::written(&known, state.rendered.part(&active, Some(section)).await?));
    }
    let document = &active.document;
    let limit = limit.unwrap_or_default().get();
    let skipped = match &after {
        None => 0,
        Some(after) => document.place(section, after).map(|at| at + 1).ok_or_else(|| {
            Problem::bad_request(format!("There is no {} {after:?} to continue after.", section.singular()))
        })?,
    };
    let page = document.page(section, skipped, limit);
    let last = page.last().map(|(name, _)| name.clone()).filter(|_| skipped + page.len() < document.count(section));
    let shown: ByName<Value> =
        page.into_iter().filter_map(|(name, value)| Some((name, serde_json::from_str(value).ok()?))).collect();
    let response = answer::tagged(&known, &shown);
    Ok(match last {
        Some(last) => {
            let after = escape(&last);
            let next = format!("</api/v1/{}?limit={limit}&after={after}>; rel=\"next\"", section.segment());
            answer::with(response, header::LINK, &next)
        }
        None => response,
    })
}

/// Show one resource
#[utoipa::path(get, path = "/{collection}/{name}", params(("name" = String, Path), ReadConditions), responses(
    (status = 200, description = "As it is written in the document", body = Resource),
    (status = 304, description = "The client has it"),
))]
async fn read(
    State(api): State<Api>,
    Extension(section): Extension<Section>,
    Path(name): Path<String>,
    _: AcceptsJson,
    _: Parameters<NoParameters>,
    known: KnownStates,
) -> Result<Response, Problem> {
    let active = api.control.active();
    let Some(value) = active.document.entry(section, &name) else {
        return Err(Problem::not_found(format!("There is no {} {name:?}.", section.singular())));
    };
    let octets = Bytes::copy_from_slice(value.as_bytes());
    Ok(answer::written(&known, Text { etag: Etag::of_octets(&octets), octets }))
}

/// Make or replace a resource
#[utoipa::path(
    put, path = "/{collection}/{name}", params(("name" = String, Path), ChangeParameters, AnyWriteConditions),
    request_body = Resource,
    responses(
        (status = 200, description = "Result of the change", body = ChangeResult),
        (status = 201, description = "Result of the new resource", body = ChangeResult),
    )
)]
#[expect(clippy::too_many_arguments, reason = "one extractor for each part of the request")]
async fn put(
    State(state): State<RestState>,
    Extension(section): Extension<Section>,
    Path(name): Path<String>,
    _: AcceptsJson,
    IfMatch(condition): IfMatch,
    options: ChangeOptions,
    operation: Operation,
    request: Request,
) -> Result<Response, Problem> {
    let Sent { value, work, .. } = body::read(&state, request, &[Media::Json]).await?;
    // A policy may be the name of another one.
    let is_name = section == Section::Policies && value.is_string();
    let action = Action::Put(if is_name { value } else { body::object(value)? });
    operation.run(&state.api, options, Edit::Resource { section, name, action, condition }, work).await
}

/// Change a resource by a merge patch
#[utoipa::path(
    patch, path = "/{collection}/{name}", params(("name" = String, Path), ChangeParameters, AnyWriteConditions),
    request_body(content = MergePatch, content_type = "application/merge-patch+json"),
    responses((status = 200, description = "Result of the change", body = ChangeResult))
)]
#[expect(clippy::too_many_arguments, reason = "one extractor for each part of the request")]
async fn patch(
    State(state): State<RestState>,
    Extension(section): Extension<Section>,
    Path(name): Path<String>,
    _: AcceptsJson,
    IfMatch(condition): IfMatch,
    options: ChangeOptions,
    operation: Operation,
    request: Request,
) -> Result<Response, Problem> {
    let Sent { value, work, .. } = body::read(&state, request, &[Media::MergePatch]).await?;
    let action = Action::Merge(body::object(value)?);
    operation.run(&state.api, options, Edit::Resource { section, name, action, condition }, work).await
}

/// Delete a resource that nothing refers to
#[utoipa::path(
    delete, path = "/{collection}/{name}", params(("name" = String, Path), ChangeParameters, WriteConditions),
    responses((status = 200, description = "Result of the change", body = ChangeResult))
)]
async fn delete(
    State(api): State<Api>,
    Extension(section): Extension<Section>,
    Path(name): Path<String>,
    _: AcceptsJson,
    IfMatch(condition): IfMatch,
    options: ChangeOptions,
    operation: Operation,
) -> Result<Response, Problem> {
    let edit = Edit::Resource { section, name, action: Action::Delete, condition };
    operation.run(&api, options, edit, Work::of_ours(None)).await
}
