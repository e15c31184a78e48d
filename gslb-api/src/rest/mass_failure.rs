//! A mass failure: an operator accepts its failures.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::json;
use tokio::sync::oneshot;
use utoipa_axum::routes;

use super::answer::{self, AcceptsJson};
use super::operation::Operation;
use super::parameters::Parameters;
use super::problem::Problem;
use super::routes::{Access, Routes};
use crate::Api;
use crate::change::Refusal;
use crate::control::Resource;
use crate::health::HealthEvent;
use crate::types::{MassFailureLifted, NoParameters};

/// The path to accept the failures of a mass failure.
pub const ACCEPT_MASS_FAILURE: &str = "/api/v1/mass-failure/lift";

/// The route of mass failures.
pub(super) fn routes() -> Routes {
    Routes::new("status").add(Access::UnscopedOperator, routes!(accept_mass_failure))
}

/// Accept the failures of a mass failure
#[utoipa::path(post, path = "/mass-failure/lift", responses(
    (status = 200, description = "The failures are accepted", body = MassFailureLifted),
))]
async fn accept_mass_failure(
    State(api): State<Api>,
    _: AcceptsJson,
    _: Parameters<NoParameters>,
    operation: Operation,
) -> Result<Response, Problem> {
    let (reply, accepted) = oneshot::channel();
    api.control.health_events().send(HealthEvent::AcceptFailures(reply)).await.map_err(|_| Refusal::Internal)?;
    if accepted.await.map_err(|_| Refusal::Internal)? {
        let after = MassFailureLifted { mass_failure: None };
        operation.note(&api, Resource { before: None, after: Some(json!(after)) }).await;
        return Ok(answer::json(StatusCode::OK, &after));
    }
    let detail = "There is no mass failure: failed endpoints are already down.";
    Err(Problem::new(StatusCode::CONFLICT, "not-held", detail))
}
