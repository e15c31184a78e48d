//! Routes with their access and description: none can be added without both.

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse as _, Response};
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{Ref, RefOr};
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use super::caller::{Caller, OVERRIDE_RULES};
use super::openapi::{BEARER, PROBLEM};
use super::problem::Problem;
use super::state::RestState;
use crate::auth::Resource;
use crate::change::Refusal;
use crate::types::Role;

/// Who may use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Any token.
    AnyToken,
    /// Reporters. The handler checks the token's scopes against the endpoints in the request.
    Reporter,
    /// Viewers.
    Viewer,
    /// Operators. The handler checks the token's scopes against the changed resources.
    Operator,
    /// Operators whose token has no scopes: the request changes what no scope can name.
    UnscopedOperator,
    /// Admins.
    Admin,
}

impl Access {
    /// The required role; `None` if any role will do.
    fn role(self) -> Option<Role> {
        match self {
            Self::AnyToken => None,
            Self::Reporter => Some(Role::Reporter),
            Self::Viewer => Some(Role::Viewer),
            Self::Operator | Self::UnscopedOperator => Some(Role::Operator),
            Self::Admin => Some(Role::Admin),
        }
    }

    /// Whether a token with scopes is refused.
    fn is_unscoped(self) -> bool {
        matches!(self, Self::UnscopedOperator | Self::Admin)
    }
}

/// Routes below `/api/v1` that belong together.
pub(super) struct Routes {
    /// Their tag in OpenAPI.
    tag: &'static str,
    router: OpenApiRouter<RestState>,
}

impl Routes {
    /// An empty set of routes with the tag `tag` in OpenAPI.
    pub(super) fn new(tag: &'static str) -> Self {
        Self { tag, router: OpenApiRouter::default() }
    }

    /// Adds `handlers` that require `access`.
    pub(super) fn add(mut self, access: Access, handlers: UtoipaMethodRouter<RestState>) -> Self {
        let (schemas, mut paths, methods) = handlers;
        for operation in paths.paths.values_mut().flat_map(operations) {
            describe(operation, self.tag, access);
        }
        let methods = methods.layer(from_fn_with_state(access, authorize));
        self.router = self.router.routes((schemas, paths, methods));
        self
    }

    pub(super) fn into_router(self) -> OpenApiRouter<RestState> {
        self.router
    }
}

/// The operations of a path.
pub(super) fn operations(item: &mut PathItem) -> impl Iterator<Item = &mut Operation> {
    let PathItem { get, put, post, patch, delete, .. } = item;
    [get, put, post, patch, delete].into_iter().flatten()
}

/// Adds to `operation` what all operations have: tag, id, required role, and problems.
fn describe(operation: &mut Operation, tag: &'static str, access: Access) {
    let handler = operation.operation_id.take().unwrap_or_default();
    operation.operation_id = Some(format!("{}_{handler}", tag.replace('-', "_")));
    operation.tags = Some(vec![tag.to_owned()]);
    operation.security = Some(vec![SecurityRequirement::new(BEARER, access.role().map(Role::name))]);
    let problem = RefOr::Ref(Ref::from_response_name(PROBLEM));
    operation.responses.responses.insert("default".to_owned(), problem);
}

/// Passes a request on if its caller has `access`.
async fn authorize(State(access): State<Access>, request: Request, next: Next) -> Response {
    match check(access, &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    }
}

fn check(access: Access, request: &Request) -> Result<(), Problem> {
    let caller = request.extensions().get::<Caller>().ok_or(Refusal::Internal)?;
    let role = match access.role() {
        // Report both at once: a token with the role operator would be refused again.
        Some(Role::Operator) if overrides_rules(request) => Some(Role::Admin),
        role => role,
    };
    if let Some(role) = role {
        caller.needs(role)?;
    }
    if access.is_unscoped() {
        let what = format!("{} {}", request.method(), super::path(request.extensions(), request.uri()));
        caller.may_change(&[Resource::unscoped(what)])?;
    }
    Ok(())
}

/// Whether a request overrides safety rules.
fn overrides_rules(request: &Request) -> bool {
    let pairs = request.uri().query().into_iter().flat_map(|query| query.split('&'));
    let names = pairs.map(|pair| pair.split('=').next());
    request.headers().contains_key(OVERRIDE_RULES) || names.into_iter().any(|name| name == Some("override_rules"))
}
