//! Latencies of data centers: measurements of this node, and the accepted orders of this node and of clients.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use gslb_core::latency::{Area, Order};
use utoipa_axum::routes;

use super::answer::{self, AcceptsJson};
use super::parameters::Parameters;
use super::problem::Problem;
use super::routes::{Access, Routes};
use crate::Api;
use crate::types::{AcceptedLatencies, AreaKind, AreaLatency, DataCenterLatency, Latencies, NoParameters};

/// The route of latencies.
pub(super) fn routes() -> Routes {
    Routes::new("latency").add(Access::Viewer, routes!(read))
}

/// Show measured latencies of data centers
#[utoipa::path(get, path = "/latency", responses((status = 200, description = "The latencies", body = Latencies)))]
async fn read(State(api): State<Api>, _: AcceptsJson, _: Parameters<NoParameters>) -> Result<Response, Problem> {
    let look = api.control.look(|keeper, active| {
        let site = &active.table.topology().site;
        let names = site.data_centers.iter().map(|data_center| data_center.name.to_string());
        let measured: Vec<_> = names.zip(keeper.health().latencies(site)).collect();
        (measured, Arc::clone(active))
    });
    let (measured, active) = look.await?;
    let topology = active.table.topology();
    let node = api.measured.node();
    let millis = |time: Duration| (time.as_secs_f64() * 1e6).round() / 1e3;
    let latencies = Latencies {
        node: node.to_string(),
        is_vantage: topology.site.vantages.iter().any(|vantage| *vantage.name == **node),
        measured_ms: measured.into_iter().filter_map(|(name, time)| Some((name, millis(time?)))).collect(),
        accepted: AcceptedLatencies {
            vantages: topology.latencies.vantages.iter().map(|(name, it)| (name.to_string(), order(it))).collect(),
            clients: topology.latencies.areas.iter().map(area).collect(),
        },
    };
    Ok(answer::json(StatusCode::OK, &latencies))
}

fn area((area, it): (&Area, &Order)) -> AreaLatency {
    let (area, name) = match area {
        Area::Region(name) => (AreaKind::Region, name.to_string()),
        Area::Country(code) => (AreaKind::Country, code.to_string()),
        Area::Continent(code) => (AreaKind::Continent, code.to_string()),
    };
    AreaLatency { area, name, order: order(it) }
}

/// Data centers, the nearest first.
fn order(order: &Order) -> Vec<DataCenterLatency> {
    let latency = |it: &gslb_core::latency::Measured| DataCenterLatency {
        data_center: it.data_center.to_string(),
        ms: it.milliseconds,
    };
    order.0.iter().map(latency).collect()
}
