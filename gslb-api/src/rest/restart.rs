//! A restart without a gap: the running server starts its successor, which takes over its sockets.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use tracing::info;
use utoipa_axum::routes;

use super::answer::{self, AcceptsJson};
use super::body::JsonBody;
use super::operation::Operation;
use super::parameters::Parameters;
use super::problem::Problem;
use super::routes::{Access, Routes};
use crate::Api;
use crate::control::Resource;
use crate::restart::{DEFAULT_TIMEOUT, NotRestarted};
use crate::types::{NoParameters, RestartRequest, RestartTime, Restarted};

/// The route of restarts.
pub(super) fn routes() -> Routes {
    Routes::new("restart").add(Access::Admin, routes!(restart))
}

/// Restart the server without a gap
#[utoipa::path(post, path = "/restart", request_body = RestartRequest, responses(
    (status = 200, description = "The successor has taken over; it answers the next request", body = Restarted),
    (status = 409, description = "The successor did not come up, or it was not tried: the server serves on"),
))]
async fn restart(
    State(api): State<Api>,
    _: AcceptsJson,
    _: Parameters<NoParameters>,
    operation: Operation,
    JsonBody(request): JsonBody<RestartRequest>,
) -> Result<Response, Problem> {
    let Some(restarter) = api.options.restart.restarter.clone() else {
        return Err(NotRestarted::Unsupported("this server cannot be restarted without a gap".to_owned()).into());
    };
    let timeout = request.timeout.map_or(DEFAULT_TIMEOUT, |RestartTime(time)| time);
    let caller = &operation.caller;
    info!(who = caller.who.name(), from = caller.from.map(tracing::field::display), "a restart is requested");
    // Before the restart: afterwards the store belongs to the successor.
    operation.note(&api, Resource::default()).await;
    // It goes on even if the client disconnects.
    let done = tokio::spawn(async move { restarter.restart(timeout).await }).await;
    let restarted = done.unwrap_or(Err(NotRestarted::Stopped))?;
    Ok(answer::json(StatusCode::OK, &restarted))
}

impl From<NotRestarted> for Problem {
    fn from(why: NotRestarted) -> Self {
        let kind = match &why {
            NotRestarted::Unsupported(_) => "cannot-restart",
            NotRestarted::Running => "restart-running",
            NotRestarted::Unsaved(_) => "unsaved",
            NotRestarted::Failed(_) => "restart-failed",
            NotRestarted::Stopped => return Self::unavailable(why.to_string()),
        };
        Self::new(StatusCode::CONFLICT, kind, why.to_string())
    }
}
