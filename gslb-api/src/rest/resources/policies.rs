//! Policies are special: one may be the name of another policy, or of a pool.

use axum::Extension;
use axum::extract::{Path, Request, State};
use axum::response::Response;

use crate::Api;
use crate::document::Section;
use crate::rest::answer::AcceptsJson;
use crate::rest::conditions::{IfMatch, KnownStates};
use crate::rest::operation::{ChangeOptions, Operation};
use crate::rest::parameters::Parameters;
use crate::rest::problem::Problem;
use crate::rest::state::RestState;
use crate::types::{AnyWriteConditions, ChangeParameters, ChangeResult, NoParameters, Policy, ReadConditions};

/// Show one resource
#[utoipa::path(get, path = "/{collection}/{name}", params(("name" = String, Path), ReadConditions), responses(
    (status = 200, description = "As it is written in the document", body = Policy),
    (status = 304, description = "The client has it"),
))]
pub(super) async fn read(
    api: State<Api>,
    section: Extension<Section>,
    name: Path<String>,
    accepts: AcceptsJson,
    parameters: Parameters<NoParameters>,
    known: KnownStates,
) -> Result<Response, Problem> {
    super::read(api, section, name, accepts, parameters, known).await
}

/// Make or replace a resource
#[utoipa::path(
    put, path = "/{collection}/{name}", params(("name" = String, Path), ChangeParameters, AnyWriteConditions),
    request_body = Policy,
    responses(
        (status = 200, description = "Result of the change", body = ChangeResult),
        (status = 201, description = "Result of the new resource", body = ChangeResult),
    )
)]
#[expect(clippy::too_many_arguments, reason = "one extractor for each part of the request")]
pub(super) async fn put(
    state: State<RestState>,
    section: Extension<Section>,
    name: Path<String>,
    accepts: AcceptsJson,
    condition: IfMatch,
    options: ChangeOptions,
    operation: Operation,
    request: Request,
) -> Result<Response, Problem> {
    super::put(state, section, name, accepts, condition, options, operation, request).await
}
