//! How far data centers are: what this node measures, and what is accepted of it and of what clients measured.

use axum::Router;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::get;
use gslb_core::latency::{Area, Order};
use serde_json::{Map, Value, json};

use super::problem::Problem;
use super::{answer, query};
use crate::Api;

/// The route of latencies.
pub(super) fn routes() -> Router<Api> {
    Router::new().route("/latency", get(read))
}

async fn read(State(api): State<Api>, request: Request) -> Result<Response, Problem> {
    answer::accepts(request.headers(), &["application/json"])?;
    let _: query::Nothing = query::of(request.uri())?;
    let look = api.control.look(|keeper, in_force| {
        let site = &in_force.table.topology().site;
        let names = site.data_centers.iter().map(|data_center| data_center.name.to_string());
        let measured: Vec<_> = names.zip(keeper.health().latencies(site)).collect();
        (measured, std::sync::Arc::clone(in_force))
    });
    let (measured, in_force) = look.await?;
    let site = &in_force.table.topology().site;
    let node = &**api.measured.node();
    let millis = |time: std::time::Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
    let now: Map<String, Value> =
        measured.into_iter().filter_map(|(name, time)| Some((name, json!(millis(time?))))).collect();
    let accepted = &in_force.table.topology().latencies;
    let vantages: Map<String, Value> =
        accepted.vantages.iter().map(|(name, order)| (name.to_string(), told(order))).collect();
    let area = |(area, order): (&Area, &Order)| {
        let (kind, name) = match area {
            Area::Region(name) => ("region", name.to_string()),
            Area::Country(code) => ("country", code.to_string()),
            Area::Continent(code) => ("continent", code.to_string()),
        };
        json!({ "area": kind, "name": name, "order": told(order) })
    };
    let clients: Vec<Value> = accepted.areas.iter().map(area).collect();
    let value = json!({
        "node": node,
        "is_vantage": site.vantages.iter().any(|vantage| *vantage.name == *node),
        "measured_ms": now,
        "accepted": { "vantages": vantages, "clients": clients },
    });
    Ok(answer::of_json(StatusCode::OK, &value))
}

/// Data centers, the nearest first.
fn told(order: &Order) -> Value {
    order.0.iter().map(|it| json!({ "data_center": &*it.data_center, "ms": it.milliseconds })).collect()
}
