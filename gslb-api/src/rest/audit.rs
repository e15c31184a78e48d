//! The audit log, the latest entry first.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use utoipa_axum::routes;

use super::answer::{self, AcceptsJson};
use super::parameters::Parameters;
use super::problem::Problem;
use super::routes::{Access, Routes};
use crate::types::{AuditPage, Number, NumberedPage};
use crate::{Api, audit};

/// The route of the audit log.
pub(super) fn routes() -> Routes {
    Routes::new("audit").add(Access::Viewer, routes!(list))
}

/// List who changed what, the latest first
#[utoipa::path(get, path = "/audit", params(NumberedPage), responses(
    (status = 200, description = "A page of entries", body = AuditPage),
))]
async fn list(
    State(api): State<Api>,
    _: AcceptsJson,
    Parameters(page): Parameters<NumberedPage>,
) -> Result<Response, Problem> {
    let listed = audit::list(&**api.control.store(), page.after.map(Number::get), page.limit.get()).await;
    let (entries, more) = listed.map_err(|error| Problem::unavailable(error.to_string()))?;
    let last = entries.last().filter(|_| more);
    let next = last.map(|last| page.next("audit", last.number));
    Ok(answer::json(StatusCode::OK, &AuditPage { entries, next }))
}
