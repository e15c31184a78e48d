//! Drill: what every service would answer if a data center failed.

use std::sync::Arc;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use gslb_core::site::model::DataCenterId;
use utoipa_axum::routes;

use super::answer::{self, AcceptsJson};
use super::body::JsonBody;
use super::parameters::Parameters;
use super::problem::Problem;
use super::routes::{Access, Routes};
use crate::Api;
use crate::change::Refusal;
use crate::control::blocking;
use crate::drill::drill;
use crate::types::{Drill, DrillRequest, NoParameters};

/// The route of drills.
pub(super) fn routes() -> Routes {
    Routes::new("drill").add(Access::Viewer, routes!(post))
}

/// Show what every service would answer if a data center failed
#[utoipa::path(post, path = "/drill", request_body = DrillRequest, responses(
    (status = 200, description = "What would be answered", body = Drill),
))]
async fn post(
    State(api): State<Api>,
    _: AcceptsJson,
    _: Parameters<NoParameters>,
    JsonBody(DrillRequest { data_center: name }): JsonBody<DrillRequest>,
) -> Result<Response, Problem> {
    let active = api.control.active();
    let data_centers = &active.table.topology().site.data_centers;
    let Some(number) = data_centers.iter().position(|it| *it.name == *name) else {
        let known: Vec<&str> = data_centers.iter().map(|it| &*it.name).collect();
        let detail = format!("no data center is named {name:?}; there are {}", known.join(", "));
        return Err(Refusal::Body(vec![("/data_center".to_owned(), detail)]).into());
    };
    let settings = Arc::clone(&api.options.settings);
    let place = api.control.acquire_dry_run_permit().await?;
    let (table, sample) = (Arc::clone(&active.table), api.control.sample().clone());
    let drill = blocking(move || {
        let _place = place;
        let drill = drill(&table, DataCenterId(number as u32), &settings, &sample.of(&table));
        answer::json(StatusCode::OK, &drill)
    });
    Ok(drill.await?)
}
