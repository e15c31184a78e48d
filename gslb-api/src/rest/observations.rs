//! Observations: statuses of endpoints that are not probed from here, and latencies measured by clients.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use gslb_core::latency;
use tokio::sync::oneshot;
use utoipa_axum::routes;

use super::answer::{self, AcceptsJson};
use super::body::JsonBody;
use super::caller::Caller;
use super::parameters::Parameters;
use super::problem::Problem;
use super::routes::{Access, Routes};
use crate::Api;
use crate::auth::Resource;
use crate::change::Refusal;
use crate::control::blocking;
use crate::document::Section;
use crate::health::{HealthEvent, Posted};
use crate::types::{
    EndpointObservation, LatencyObservation, Mistakes, NoParameters, Observation, Observations, ObservationsTaken,
};

/// The route of observations.
pub(super) fn routes() -> Routes {
    Routes::new("observations").add(Access::Reporter, routes!(post))
}

/// The observations of a request by kind, each with its place in the body.
#[derive(Default)]
struct Sorted {
    posted: Vec<(usize, Posted)>,
    latencies: Vec<(usize, latency::Observation)>,
}

impl From<Observations> for Sorted {
    fn from(Observations(list): Observations) -> Self {
        let mut sorted = Self::default();
        for (at, observation) in list.into_iter().enumerate() {
            match observation {
                Observation::Endpoint(EndpointObservation { pool, endpoint, up, reason }) => {
                    let reason = reason.map(|reason| reason.0).unwrap_or_default();
                    sorted.posted.push((at, Posted { pool, endpoint, up, reason }));
                }
                Observation::Latency(LatencyObservation { client, data_center, ms }) => {
                    let observation = latency::Observation { client: client.0, data_center, milliseconds: ms };
                    sorted.latencies.push((at, observation));
                }
            }
        }
        sorted
    }
}

/// Report whether endpoints are up, and how far clients are from data centers
#[utoipa::path(post, path = "/observations", request_body = Observations, responses(
    (status = 200, description = "What was taken: all of it", body = ObservationsTaken),
))]
async fn post(
    State(api): State<Api>,
    _: AcceptsJson,
    _: Parameters<NoParameters>,
    caller: Caller,
    JsonBody(observations): JsonBody<Observations>,
) -> Result<Response, Problem> {
    let Sorted { posted, latencies } = observations.into();
    let of_endpoints = posted.iter().map(|(_, word)| Resource::endpoint(&word.pool, &word.endpoint));
    let of_places = latencies.iter().map(|(_, seen)| Resource::entry(Section::DataCenters, &seen.data_center));
    caller.may_change(&of_endpoints.chain(of_places).collect::<Vec<_>>())?;
    let taken = ObservationsTaken { statuses: posted.len(), latencies: latencies.len() };
    let (places, posted): (Vec<usize>, Vec<Posted>) = posted.into_iter().unzip();
    // Checked before anything is taken, so that all of it is or none.
    let checked = posted.clone();
    let unknown = api.control.look(move |keeper, active| keeper.rejected(&checked, &active.table.topology().site));
    let mut errors = located(unknown.await?, &places);
    let measured = Arc::clone(&api.measured);
    let table = Arc::clone(&api.control.active().table);
    let is_good = errors.is_empty();
    let refused = blocking(move || {
        let (places, latencies): (Vec<usize>, Vec<latency::Observation>) = latencies.into_iter().unzip();
        let refused = if is_good { measured.take(&table, &latencies) } else { measured.check(&table, &latencies) };
        located(refused.err().unwrap_or_default(), &places)
    });
    errors.extend(refused.await?);
    if !errors.is_empty() {
        return Err(Refusal::Body(errors).into());
    }
    if !posted.is_empty() {
        let (reply, answered) = oneshot::channel();
        api.control.health_events().send(HealthEvent::Posted(posted, reply)).await.map_err(|_| Refusal::Internal)?;
        // Only a document that came in between can have made them wrong.
        let answered = answered.await.map_err(|_| Refusal::Internal)?;
        answered.map_err(|refused| Refusal::Body(located(refused, &places)))?;
    }
    Ok(answer::json(StatusCode::OK, &taken))
}

/// The same with pointers into the body.
fn located(refused: Vec<(usize, String)>, places: &[usize]) -> Mistakes {
    let pointer = |at: usize| format!("/{}", places.get(at).copied().unwrap_or(at));
    refused.into_iter().map(|(at, why)| (pointer(at), why)).collect()
}
