//! The token of a request, so that its holder knows the name under which changes are recorded.

use axum::http::StatusCode;
use axum::response::Response;
use utoipa_axum::routes;

use super::answer::{self, AcceptsJson};
use super::caller::Caller;
use super::parameters::Parameters;
use super::routes::{Access, Routes};
use crate::types::{self, NoParameters};

/// The route of the token.
pub(super) fn routes() -> Routes {
    Routes::new("token").add(Access::AnyToken, routes!(read))
}

/// Show the token of this request: its id, name, role and scopes
#[utoipa::path(get, path = "/token", responses((status = 200, description = "The token", body = types::Caller)))]
async fn read(_: AcceptsJson, _: Parameters<NoParameters>, caller: Caller) -> Response {
    let who = &caller.who;
    let (id, name) = (who.id().to_owned(), who.name().to_owned());
    let shown = types::Caller { id, name, role: caller.role(), scopes: who.scopes().texts() };
    answer::json(StatusCode::OK, &shown)
}
