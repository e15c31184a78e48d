//! Drill: what every service would answer if a data center were gone.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::post;
use gslb_core::site::model::DataCenterId;
use serde_json::json;

use super::body::{self, Media, Size};
use super::problem::Problem;
use super::{answer, query};
use crate::Api;
use crate::change::Refusal;
use crate::control::blocking;
use crate::drill::drill;

/// The route of drills.
pub(super) fn routes() -> Router<Api> {
    Router::new().route("/drill", post(foresee))
}

async fn foresee(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let _: query::Nothing = query::of(request.uri())?;
    let (parts, octets) = request.into_parts();
    let media = Media::of(&parts.headers, &[Media::Json])?;
    let sent = body::object(body::read(&api, &parts, octets, media, Size::Resource).await?.value)?;
    let only = sent.as_object().is_some_and(|members| members.len() == 1);
    let Some(name) = sent["data_center"].as_str().filter(|_| only) else {
        let told = "expected {\"data_center\": \"NAME\"}".to_owned();
        return Err(Refusal::Body(vec![(String::new(), told)]).into());
    };
    let in_force = api.control.in_force();
    let data_centers = &in_force.table.topology().site.data_centers;
    let Some(number) = data_centers.iter().position(|it| *it.name == *name) else {
        let known: Vec<&str> = data_centers.iter().map(|it| &*it.name).collect();
        let told = format!("no data center is named {name:?}; there are {}", known.join(", "));
        return Err(Refusal::Body(vec![("/data_center".to_owned(), told)]).into());
    };
    let settings = Arc::clone(&api.options.settings);
    let place = api.control.place_to_foresee().await?;
    let (table, sample) = (Arc::clone(&in_force.table), api.control.sample().clone());
    let drill = blocking(move || {
        let _place = place;
        json!(drill(&table, DataCenterId(number as u32), &settings, &sample.of(&table)))
    });
    Ok(answer::of_json(StatusCode::OK, &drill.await?))
}
